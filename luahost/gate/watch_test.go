package gate

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestAHostThatFallsIllDuringATurnIsNoticed within Recheck, not only when the
// turn is over.
func TestAHostThatFallsIllDuringATurnIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeFarm()
		cfg := f.config()
		cfg.Recheck = 10 * time.Second
		time.AfterFunc(25*time.Second, func() { f.set("b", true) })
		time.AfterFunc(45*time.Second, func() { f.set("b", false) })
		var g Gate
		_, err := g.Run(t.Context(), cfg, []string{"a", "b"}, takes(time.Minute))
		check(t, "error", errorText(err), "")
		check(t, "diary", f.diary[:4], []string{
			"0s turn began a", "30s sick b: connection refused", "50s well b", "1m0s turn ended a",
		})
	})
}

// TestAWatchedHostCounts although it has no turn.
func TestAWatchedHostCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeFarm()
		f.set("c", true)
		cfg := f.config()
		cfg.Watched = []string{"c"}
		var g Gate
		_, err := g.Run(t.Context(), cfg, []string{"a", "b"}, takes(time.Minute))
		var budget *BudgetError
		if !errors.As(err, &budget) || len(budget.Sick) != 1 || budget.Sick[0].Host != "c" || len(f.begun()) != 0 {
			t.Errorf("got %v, begun %v", err, f.begun())
		}
		f.set("c", false)
		g.Reopen()
		rep, err := g.Run(t.Context(), cfg, []string{"a", "b"}, takes(time.Minute))
		check(t, "error", errorText(err), "")
		check(t, "report", rep, Report{Done: []string{"a", "b"}})
	})
}

// TestYesInARow has a host that says yes and no by turns, and one that does so
// at first only.
func TestYesInARow(t *testing.T) {
	for calm, want := range map[int]string{
		5:    "",
		1000: "not healthy after its turn: it said yes 1 of 3 times, and then: connection refused",
	} {
		synctest.Test(t, func(t *testing.T) {
			asked := 0
			cfg := Config{Times: 3, Healthy: func(context.Context, string) error {
				if asked++; asked < calm && asked%2 == 1 && asked > 1 {
					return errSick
				}
				return nil
			}}
			var g Gate
			_, err := g.Run(t.Context(), cfg, []string{"a"}, takes(0))
			if got := errorText(err); !strings.HasSuffix(got, want) || want == "" && err != nil {
				t.Errorf("calm after %d: got %q, want %q", calm, got, want)
			}
		})
	}
}

// TestBatches grow, and never beyond the budget.
func TestBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeFarm()
		cfg := f.config()
		cfg.Batches, cfg.MaxOffline = []int{1, 3}, 2
		var g Gate
		_, err := g.Run(t.Context(), cfg, []string{"a", "b", "c", "d", "e", "f"}, func(ctx context.Context, host string) error {
			if host == "b" { // the others of its batch wait for it
				sleep(ctx, time.Hour, nil)
			}
			sleep(ctx, time.Minute, nil)
			return ctx.Err()
		})
		var late *HaltError
		if !errors.As(err, &late) || late.Host != "b" {
			t.Errorf("got %v", err)
		}
		check(t, "begun", f.begun(), []string{"a", "b", "c", "d"}) // e is of the next batch
	})
	_, err := new(Gate).Run(t.Context(), Config{Batches: []int{0}, Healthy: func(context.Context, string) error { return nil }}, []string{"a"}, takes(0))
	check(t, "a batch of nobody", errorText(err), "gate: a batch has at least 1 host, not 0")
}

// TestHalt closes a gate until it is reopened.
func TestHalt(t *testing.T) {
	f := newFakeFarm()
	var g Gate
	g.Halt()
	if _, err := g.Run(t.Context(), f.config(), []string{"a"}, takes(0)); !errors.Is(err, ErrHalted) {
		t.Errorf("got %v, want ErrHalted", err)
	}
	g.Reopen()
	if _, err := g.Run(t.Context(), f.config(), []string{"a"}, takes(0)); err != nil {
		t.Error(err)
	}
}
