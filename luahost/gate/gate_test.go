package gate

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	errTurn = errors.New("exit status 1")
	errSick = errors.New("connection refused")
)

// fakeFarm is what the fate of a test does to hosts, and a diary of what the
// gate did.
type fakeFarm struct {
	mu    sync.Mutex
	start time.Time
	sick  map[string]bool
	diary []string
}

func newFakeFarm() *fakeFarm { return &fakeFarm{start: time.Now(), sick: map[string]bool{}} }

func (f *fakeFarm) set(host string, sick bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sick[host] = sick
}

func (f *fakeFarm) healthy(_ context.Context, host string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sick[host] {
		return errSick
	}
	return nil
}

// event notes all but the checks, with the second at which they happened.
func (f *fakeFarm) event(e Event) {
	if e.Kind == Checking {
		return
	}
	line := fmt.Sprintf("%v %v", e.Time.Sub(f.start), e.Kind)
	if e.Host != "" {
		line += " " + e.Host
	}
	if e.Err != nil {
		line += ": " + e.Err.Error()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.diary = append(f.diary, line)
}

// begun returns the hosts whose turns began, in order.
func (f *fakeFarm) begun() []string {
	var hosts []string
	for _, line := range f.diary {
		if _, host, ok := strings.Cut(line, "turn began "); ok {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

func (f *fakeFarm) config() Config { return Config{Healthy: f.healthy, Events: f.event} }

// takes returns a turn that needs d and fails on the hosts named.
func takes(d time.Duration, failing ...string) Turn {
	return func(ctx context.Context, host string) error {
		if !sleep(ctx, d, nil) {
			return ctx.Err()
		}
		if slices.Contains(failing, host) {
			return errTurn
		}
		return nil
	}
}

func check(t *testing.T, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestARolloutTakesTheHostsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeFarm()
		cfg := f.config()
		cfg.Settle = 30 * time.Second
		var g Gate
		rep, err := g.Run(t.Context(), cfg, []string{"b", "a"}, takes(time.Minute))
		check(t, "error", errorText(err), "")
		check(t, "report", rep, Report{Done: []string{"b", "a"}})
		check(t, "diary", f.diary, []string{
			"0s turn began b",
			"1m0s turn ended b",
			"1m0s verifying b",
			"1m0s healthy b",
			"1m0s settling b",
			"1m30s host done b",
			"1m30s turn began a",
			"2m30s turn ended a",
			"2m30s verifying a",
			"2m30s healthy a",
			"2m30s settling a",
			"3m0s host done a",
			"3m0s finished",
		})
	})
}

func TestWhatIsRefusedTouchesNothing(t *testing.T) {
	f := newFakeFarm()
	tests := []struct {
		name  string
		cfg   Config
		hosts []string
		want  string
	}{
		{"no health check", Config{}, []string{"a"}, ErrNoHealthy.Error()},
		{"no hosts", f.config(), nil, "gate: no hosts"},
		{"a name twice", f.config(), []string{"a", "b", "a"}, "gate: host a is named twice"},
		{"no name", f.config(), []string{""}, "gate: a host has no name"},
		{"negative budget", Config{Healthy: f.healthy, MaxOffline: -1}, []string{"a"}, "gate: MaxOffline is negative: -1"},
		{"negative failures", Config{Healthy: f.healthy, MaxFailures: -1}, []string{"a"}, "gate: MaxFailures is negative: -1"},
		{"negative time", Config{Healthy: f.healthy, Settle: -time.Second}, []string{"a"}, "gate: Settle is negative: -1s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var g Gate
			rep, err := g.Run(t.Context(), tt.cfg, tt.hosts, func(context.Context, string) error {
				t.Error("a turn began")
				return nil
			})
			check(t, "error", errorText(err), tt.want)
			check(t, "left", rep.Left, tt.hosts)
		})
	}
}

func TestTheFirstFailedTurnHalts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeFarm()
		var g Gate
		rep, err := g.Run(t.Context(), f.config(), []string{"a", "b", "c", "d"}, takes(time.Second, "b"))
		want := Report{Done: []string{"a"}, Failed: []Failure{{"b", errTurn}}, Left: []string{"c", "d"}}
		check(t, "report", fmt.Sprint(rep), fmt.Sprint(want))
		check(t, "error", errorText(err), "the rollout halted at b: exit status 1")
		var halt *HaltError
		if !errors.As(err, &halt) || !errors.Is(err, errTurn) {
			t.Fatalf("%#v is no HaltError that wraps the turn's error", err)
		}
		check(t, "kind", halt.Kind(), "halted")
		check(t, "hint", halt.Hint(), "1 done, 1 failed (b), 2 not touched (c, d)")
		check(t, "turns", f.begun(), []string{"a", "b"})

		_, err = g.Run(t.Context(), f.config(), []string{"c", "d"}, takes(time.Second))
		if !errors.Is(err, ErrHalted) {
			t.Errorf("a second rollout after a halt: %v, want ErrHalted", err)
		}
		g.Reopen()
		if _, err = g.Run(t.Context(), f.config(), []string{"c", "d"}, takes(time.Second)); err != nil {
			t.Errorf("after Reopen: %v", err)
		}
	})
}

func TestAHostThatStaysSickAfterItsTurnHalts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeFarm()
		var g Gate
		_, err := g.Run(t.Context(), f.config(), []string{"a", "b"}, func(_ context.Context, host string) error {
			f.set(host, true)
			return nil
		})
		check(t, "error", errorText(err), "the rollout halted at a: not healthy after its turn: connection refused")
		check(t, "gives up after", f.diary[len(f.diary)-1], "1m0s finished: the rollout halted at a: not healthy after its turn: connection refused")
		if !errors.Is(err, ErrNotWell) || !errors.Is(err, errSick) {
			t.Errorf("%v wraps not both ErrNotWell and the cause", err)
		}
	})
}

func TestPatienceAfterATurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeFarm()
		var g Gate
		_, err := g.Run(t.Context(), f.config(), []string{"a", "b"}, func(_ context.Context, host string) error {
			f.set(host, true)
			time.AfterFunc(41*time.Second, func() { f.set(host, false) })
			return nil
		})
		check(t, "error", errorText(err), "")
		if !slices.Contains(f.diary, "42s turn began b") {
			t.Errorf("b did not begin when a was healthy:\n%s", strings.Join(f.diary, "\n"))
		}
	})
}

func TestSickAgainAfterTheSettleTimeHalts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeFarm()
		cfg := f.config()
		cfg.Settle = time.Minute
		var g Gate
		_, err := g.Run(t.Context(), cfg, []string{"a", "b"}, func(_ context.Context, host string) error {
			time.AfterFunc(30*time.Second, func() { f.set(host, true) })
			return nil
		})
		check(t, "error", errorText(err), "the rollout halted at a: not healthy after its turn: "+
			"it was, but no longer after the settle time: connection refused")
	})
}

func TestASickHostGoesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeFarm()
		f.set("c", true)
		var g Gate
		_, err := g.Run(t.Context(), f.config(), []string{"a", "b", "c", "d"}, func(_ context.Context, host string) error {
			f.set(host, false)
			if host == "a" {
				f.set("d", true) // falls ill while the rollout is under way
			}
			return nil
		})
		check(t, "error", errorText(err), "")
		check(t, "turns", f.begun(), []string{"c", "a", "d", "b"})
	})
}

func TestSickHostsUseUpTheBudget(t *testing.T) {
	tests := []struct {
		name  string
		max   int
		wait  time.Duration
		sick  []string
		heals time.Duration // when the first of the sick gets well
		turns []string
		want  string
	}{
		{"two of one", 1, 0, []string{"b", "c"}, 0, nil,
			"the rollout halted: at most 1 may be out of service, and of the hosts 1 already count as sick: c (connection refused)"},
		{"two of two", 2, 0, []string{"b", "c"}, 0, []string{"b", "c", "a", "d"}, ""},
		{"three of two", 2, 0, []string{"b", "c", "d"}, 0, nil,
			"the rollout halted: at most 2 may be out of service, and of the hosts 2 already count as sick: c (connection refused), d (connection refused)"},
		{"patience that helps", 1, time.Minute, []string{"b", "c"}, 50 * time.Second, []string{"c", "a", "b", "d"}, ""},
		{"patience that does not", 1, time.Minute, []string{"b", "c"}, 70 * time.Second, nil,
			"the rollout halted: at most 1 may be out of service, and of the hosts 1 already count as sick: c (connection refused)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakeFarm()
				for _, h := range tt.sick {
					f.set(h, true)
				}
				if tt.heals > 0 {
					time.AfterFunc(tt.heals, func() { f.set(tt.sick[0], false) })
				}
				cfg := f.config()
				cfg.MaxOffline, cfg.Wait = tt.max, tt.wait
				var g Gate
				_, err := g.Run(t.Context(), cfg, []string{"a", "b", "c", "d"}, func(ctx context.Context, host string) error {
					f.set(host, false)
					return takes(time.Second)(ctx, host)
				})
				check(t, "error", errorText(err), tt.want)
				check(t, "turns", f.begun(), tt.turns)
				var budget *BudgetError
				if tt.want != "" && (!errors.As(err, &budget) || !errors.Is(err, errSick)) {
					t.Errorf("%#v is no BudgetError that wraps what the hosts said", err)
				}
			})
		})
	}
}

func TestMendTakesTheSickWhateverTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeFarm()
		for _, h := range []string{"b", "c", "d"} {
			f.set(h, true)
		}
		cfg := f.config()
		cfg.Mend = true
		var g Gate
		_, err := g.Run(t.Context(), cfg, []string{"a", "b", "c", "d"}, func(ctx context.Context, host string) error {
			f.set(host, false)
			return takes(time.Second)(ctx, host)
		})
		check(t, "error", errorText(err), "")
		check(t, "turns", f.begun(), []string{"b", "c", "d", "a"})
	})
}

func TestADoneHostThatFallsIllHalts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeFarm()
		var g Gate
		_, err := g.Run(t.Context(), f.config(), []string{"a", "b", "c"}, func(_ context.Context, host string) error {
			if host == "b" {
				f.set("a", true)
			}
			return nil
		})
		check(t, "turns", f.begun(), []string{"a", "b"})
		check(t, "error", errorText(err), "the rollout halted: at most 1 may be out of service, "+
			"and of the hosts 1 already count as sick: a (connection refused)")
	})
}

func TestFailuresThatAreAllowed(t *testing.T) {
	tests := []struct {
		name    string
		sickens bool // a failed turn leaves its host sick
		allowed int
		turns   []string
		want    string
	}{
		{"healthy all the same", false, 2, []string{"a", "b", "c"}, "2 failed: a (exit status 1), b (exit status 1)"},
		{"one too many", false, 1, []string{"a", "b"}, "the rollout halted at b: exit status 1"},
		{"sick, which uses up the budget", true, 2, []string{"a"},
			"the rollout halted: at most 1 may be out of service, and of the hosts 1 already count as sick: a (connection refused)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakeFarm()
				cfg := f.config()
				cfg.MaxFailures = tt.allowed
				var g Gate
				_, err := g.Run(t.Context(), cfg, []string{"a", "b", "c"}, func(_ context.Context, host string) error {
					if host == "c" {
						return nil
					}
					f.set(host, tt.sickens)
					return errTurn
				})
				check(t, "turns", f.begun(), tt.turns)
				check(t, "error", errorText(err), tt.want)
				if !errors.Is(err, errTurn) && !errors.Is(err, errSick) {
					t.Errorf("%v does not wrap its cause", err)
				}
			})
		})
	}
}

func TestATurnThatOutlivesItsDeadline(t *testing.T) {
	release := make(chan struct{})
	tests := []struct {
		name string
		turn Turn
		want string
		at   string
	}{
		{"obeys", takes(time.Hour), "the turn took longer than 10m", "10m0s"},
		{"says what it was at", func(ctx context.Context, _ string) error {
			<-ctx.Done()
			return fmt.Errorf("waiting for a prompt: %w", ctx.Err())
		}, "the turn took longer than 10m: waiting for a prompt: context canceled", "10m0s"},
		{"is done too late", func(ctx context.Context, _ string) error {
			<-ctx.Done()
			time.Sleep(time.Second)
			return nil
		}, "the turn took longer than 10m", "10m1s"},
		{"never returns", func(context.Context, string) error {
			<-release
			return nil
		}, "the turn took longer than 10m; the turn did not return for another 5s", "10m5s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release = make(chan struct{})
				f := newFakeFarm()
				cfg := f.config()
				cfg.MaxFailures = 0
				var g Gate
				_, err := g.Run(t.Context(), cfg, []string{"a", "b"}, tt.turn)
				check(t, "error", errorText(err), "the rollout halted at a: "+tt.want)
				check(t, "after", time.Since(f.start).String(), tt.at)
				if !errors.Is(err, ErrTimeout) {
					t.Errorf("%v is no timeout", err)
				}
				close(release)
			})
		})
	}
}

func TestATurnThatWasGivenUpKeepsTheGateBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeFarm()
		cfg := f.config()
		cfg.MaxFailures = 5
		release := make(chan struct{})
		var g Gate
		rep, err := g.Run(t.Context(), cfg, []string{"a", "b"}, func(context.Context, string) error { <-release; return nil })
		if !errors.Is(err, ErrAbandoned) || len(rep.Left) != 1 {
			t.Fatalf("got %v, %v; want ErrAbandoned and b left, however many failures are allowed", rep, err)
		}
		g.Reopen()
		if _, err := g.Run(t.Context(), cfg, []string{"b"}, takes(0)); !errors.Is(err, ErrBusy) {
			t.Errorf("while a's turn still runs: %v, want ErrBusy", err)
		}
		close(release)
		synctest.Wait()
		if _, err := g.Run(t.Context(), cfg, []string{"b"}, takes(0)); err != nil {
			t.Errorf("after a's turn has come back: %v", err)
		}
	})
}

func TestAHealthCheckThatMisbehavesIsASickHost(t *testing.T) {
	tests := []struct {
		name    string
		healthy func(context.Context) error
		want    string
	}{
		{"panics", func(context.Context) error { panic("nil map") }, "panic: nil map"},
		{"panics with an error", func(context.Context) error { panic(errSick) }, "panic: connection refused"},
		{"ends its goroutine", func(context.Context) error { runtime.Goexit(); return nil }, errNoReturn.Error()},
		{"hangs until told", func(ctx context.Context) error { <-ctx.Done(); return nil }, "the health check gave no answer in 30s"},
		{"hangs for long", func(context.Context) error { time.Sleep(time.Hour); return nil }, "the health check gave no answer in 30s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakeFarm()
				cfg := f.config()
				cfg.Healthy = func(ctx context.Context, host string) error {
					if host == "a" {
						return nil
					}
					return tt.healthy(ctx)
				}
				var g Gate
				_, err := g.Run(t.Context(), cfg, []string{"a", "b", "c"}, takes(0))
				check(t, "turns", f.begun(), []string(nil))
				check(t, "error", errorText(err), "the rollout halted: at most 1 may be out of service, "+
					"and of the hosts 1 already count as sick: c ("+tt.want+")")
				time.Sleep(time.Hour)
			})
		})
	}
}

func TestAHostIsAskedOnceAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeFarm()
		var calls atomic.Int32
		cfg := f.config()
		cfg.Wait = 2 * time.Hour
		cfg.Healthy = func(_ context.Context, host string) error {
			if host == "a" && time.Since(f.start) < time.Hour {
				calls.Add(1)
				time.Sleep(time.Hour)
			}
			return nil
		}
		var g Gate
		_, err := g.Run(t.Context(), cfg, []string{"a", "b"}, takes(0))
		check(t, "error", errorText(err), "the rollout halted at a: not healthy after its turn: "+errStillBusy.Error())
		check(t, "calls under way", calls.Load(), int32(1))
		time.Sleep(time.Hour)
	})
}

func TestAPanicInATurnIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Gate
		_, err := g.Run(t.Context(), newFakeFarm().config(), []string{"a", "b"}, func(context.Context, string) error { panic("oh") })
		check(t, "error", errorText(err), "the rollout halted at a: panic: oh")
		var p *PanicError
		if !errors.As(err, &p) || !strings.Contains(string(p.Stack), "gate_test.go") {
			t.Errorf("%#v is no PanicError with the stack", err)
		}
	})
}

func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeFarm()
		cfg := f.config()
		cfg.Settle = time.Hour
		var g Gate
		time.AfterFunc(30*time.Second, g.Stop)
		rep, err := g.Run(t.Context(), cfg, []string{"a", "b"}, takes(time.Minute))
		check(t, "error", errorText(err), "the rollout halted: stopped by the operator")
		check(t, "report", rep, Report{Done: []string{"a"}, Left: []string{"b"}})
		check(t, "ended after", time.Since(f.start), time.Minute)
		g.Stop()
		g.Reopen()
		if _, err := g.Run(t.Context(), cfg, []string{"b"}, takes(0)); !errors.Is(err, ErrStopped) {
			t.Errorf("a rollout after Stop: %v, want ErrStopped", err)
		}
	})
}

func TestStopEndsTheSettleTimeOfTheLastHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeFarm()
		cfg := f.config()
		cfg.Settle = time.Hour
		var g Gate
		time.AfterFunc(2*time.Minute, g.Stop)
		_, err := g.Run(t.Context(), cfg, []string{"a"}, takes(time.Minute))
		check(t, "error", errorText(err), "")
		check(t, "ended after", time.Since(f.start), 2*time.Minute)
	})
}

func TestStopFromAnEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeFarm()
		var g Gate
		cfg := f.config()
		cfg.Events = func(e Event) {
			f.event(e)
			if e.Kind == Checking {
				g.Stop()
			}
		}
		_, err := g.Run(t.Context(), cfg, []string{"a", "b"}, takes(0))
		check(t, "turns", f.begun(), []string(nil))
		check(t, "is ErrStopped", errors.Is(err, ErrStopped), true)
	})
}

func TestCancellation(t *testing.T) {
	interrupted := errors.New("interrupted")
	for _, after := range []time.Duration{0, 30 * time.Second, 61 * time.Second, 90 * time.Second} {
		t.Run(after.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakeFarm()
				cfg := f.config()
				cfg.Settle = time.Minute
				ctx, cancel := context.WithCancelCause(t.Context())
				if after == 0 {
					cancel(interrupted)
				}
				time.AfterFunc(after, func() { cancel(interrupted) })
				var g Gate
				_, err := g.Run(ctx, cfg, []string{"a", "b"}, takes(time.Minute))
				var halt *HaltError
				if !errors.As(err, &halt) || !errors.Is(err, interrupted) {
					t.Errorf("got %v, want a HaltError that wraps the cause", err)
				}
				check(t, "ended after", time.Since(f.start), after)
				check(t, "b was begun", slices.Contains(f.begun(), "b"), false)
			})
		})
	}
}

func TestASecondRolloutIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Gate
		f := newFakeFarm()
		_, err := g.Run(t.Context(), f.config(), []string{"a"}, func(ctx context.Context, _ string) error {
			_, err := g.Run(ctx, f.config(), []string{"b"}, takes(0))
			return err
		})
		if !errors.Is(err, ErrBusy) {
			t.Errorf("a rollout within a turn: %v, want ErrBusy", err)
		}
	})
}

func TestSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeFarm()
		cfg := f.config()
		cfg.MaxOffline = 2
		var g Gate
		_, err := g.Run(t.Context(), cfg, []string{"a", "b", "c", "d"}, func(ctx context.Context, host string) error {
			return takes(map[string]time.Duration{"a": 3, "b": 1, "c": 5, "d": 1}[host]*time.Second, "a")(ctx, host)
		})
		check(t, "error", errorText(err), "the rollout halted at a: exit status 1")
		check(t, "hint", err.(*HaltError).Hint(), "2 done, 1 failed (a), 1 not touched (d)")
		check(t, "ended after", time.Since(f.start), 6*time.Second) // c goes on to its end
	})
}

func TestMessagesStayShort(t *testing.T) {
	var failures []Failure
	var left []string
	for i := range 500 {
		failures = append(failures, Failure{fmt.Sprint("h", i), errSick})
		left = append(left, fmt.Sprint("w", i))
	}
	err := &HaltError{Err: &BudgetError{1, failures}, Report: Report{Failed: failures, Left: left}}
	for _, text := range []string{err.Error(), err.Hint(), (&FailedError{failures}).Error()} {
		if len(text) > 300 || !strings.Contains(text, "495 more") {
			t.Errorf("not short, or silent about the rest: %s", text)
		}
	}
}

func TestEachWaitForTheSickHasItsOwnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeFarm()
		ill := func(hosts ...string) { // the first of them for 50 s
			for _, h := range hosts {
				f.set(h, true)
			}
			time.AfterFunc(50*time.Second, func() { f.set(hosts[0], false) })
		}
		ill("b", "c")
		cfg := f.config()
		cfg.Wait = time.Minute
		var g Gate
		_, err := g.Run(t.Context(), cfg, []string{"a", "b", "c"}, func(_ context.Context, host string) error {
			f.set(host, false)
			if host == "c" {
				ill("a", "b")
			}
			return nil
		})
		check(t, "error", errorText(err), "")
		check(t, "turns", f.begun(), []string{"c", "b", "a"})
	})
}
