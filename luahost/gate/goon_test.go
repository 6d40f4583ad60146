package gate

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestGoOn has a turn fail that does not halt the rollout, and then one that
// does: the first counts for nothing but the budget, as long as its host is sick.
func TestGoOn(t *testing.T) {
	skipped := errors.Join(errors.New("no disk"), ErrGoOn)
	for name, test := range map[string]struct {
		sick  bool // host a, after its turn
		begun []string
		err   string
	}{
		"it is well": {false, []string{"a", "b", "c"}, "the rollout halted at c: broken"},
		"it is sick": {true, []string{"a"}, "the rollout halted: at most 1 may be out of service, and of the hosts 1 already count as sick: a (connection refused)"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakeFarm()
				var g Gate
				_, err := g.Run(t.Context(), f.config(), []string{"a", "b", "c", "d"}, func(_ context.Context, host string) error {
					time.Sleep(time.Minute)
					switch host {
					case "a":
						f.set("a", test.sick)
						return skipped
					case "c":
						return errors.New("broken")
					}
					return nil
				})
				check(t, "error", errorText(err), test.err)
				check(t, "begun", f.begun(), test.begun)
			})
		})
	}
}

// TestGoOnToTheEnd: who was passed over is said at the end.
func TestGoOnToTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Gate
		rep, err := g.Run(t.Context(), newFakeFarm().config(), []string{"a", "b"}, func(_ context.Context, host string) error {
			if host == "a" {
				return ErrGoOn
			}
			return nil
		})
		check(t, "error", errorText(err), "1 failed: a (the rollout goes on)")
		check(t, "done", rep.Done, []string{"b"})
	})
}
