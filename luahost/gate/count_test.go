package gate

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestHealthChecksAreFew counts how often a host of 400 is asked beside its own
// turn, which is from the look before it until the host is done.
func TestHealthChecksAreFew(t *testing.T) {
	const hosts = 400
	for name, test := range map[string]struct {
		cfg  Config
		turn time.Duration
		most int
	}{
		"in waves of 10 %": {Config{MaxOffline: hosts / 10, Batches: []int{hosts / 10}}, 10 * time.Second, 4},
		"one at a time":    {Config{}, 10 * time.Second, 12},
		"fast":             {Config{}, DefaultInterval / 100, 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idle, turn := map[string]int{}, map[string]bool{}
				names := make([]string, hosts)
				for i := range names {
					names[i] = fmt.Sprint("web", i)
				}
				cfg := test.cfg
				var mu sync.Mutex
				cfg.Healthy = func(_ context.Context, host string) error {
					mu.Lock()
					defer mu.Unlock()
					if !turn[host] {
						idle[host]++
					}
					return nil
				}
				cfg.Events = func(e Event) {
					mu.Lock()
					defer mu.Unlock()
					switch e.Kind {
					case TurnBegan:
						turn[e.Host] = true
						idle[e.Host]--
					case HostDone:
						turn[e.Host] = false
					}
				}
				var g Gate
				_, err := g.Run(t.Context(), cfg, names, func(context.Context, string) error {
					time.Sleep(test.turn)
					return nil
				})
				check(t, "error", errorText(err), "")
				of := map[int]int{} // how many hosts were asked so often
				for _, n := range idle {
					of[n]++
				}
				if most := slices.Max(slices.Collect(maps.Keys(of))); most > test.most {
					t.Errorf("one host was asked %d times, want at most %d; hosts by the number of checks: %v", most, test.most, of)
				}
			})
		})
	}
}
