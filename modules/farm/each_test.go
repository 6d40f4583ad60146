package farm_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"farmrun/luahost"
	"farmrun/luahost/console"
	"farmrun/modules/farm"
)

// each runs an Each over web1 to web10, whose parts take a second.
func each(t *testing.T, f *farm.Farm, ctx context.Context, opts farm.EachOptions, work func(n int) error) (begun int, most int32, err error) {
	t.Helper()
	hosts, err := f.Hosts("web[1-10]")
	if err != nil {
		t.Fatal(err)
	}
	var count, now, peak atomic.Int32
	err = f.Each(ctx, hosts, opts, func(ctx context.Context, h *farm.Host) error {
		n := int(count.Add(1))
		peak.Store(max(peak.Load(), now.Add(1)))
		defer now.Add(-1)
		time.Sleep(time.Second)
		return work(n)
	})
	return int(count.Load()), peak.Load(), err
}

func TestEach(t *testing.T) {
	no := errors.New("no")
	failThird := func(n int) error {
		if n == 3 {
			return no
		}
		return nil
	}
	for _, test := range []struct {
		name  string
		opts  farm.EachOptions
		work  func(n int) error
		begun int
		most  int32
		err   string
	}{
		{"all at once", farm.EachOptions{}, func(int) error { return nil }, 10, 10, ""},
		{"four at once", farm.EachOptions{Parallel: 4}, func(int) error { return nil }, 10, 4, ""},
		{"one after the other", farm.EachOptions{Parallel: 1}, func(int) error { return nil }, 10, 1, ""},
		{"one failure among many", farm.EachOptions{Parallel: 1}, failThird, 10, 1, "failed on 1 of 10 hosts: web3"},
		{"stop at a failure", farm.EachOptions{Parallel: 1, StopOnFailure: true}, failThird, 3, 1,
			"failed on 1 of 10 hosts: web3; 7 not begun: web[4-10]"},
		{"one first, well", farm.EachOptions{First: true}, func(int) error { return nil }, 10, 9, ""},
		{"one first, and it fails", farm.EachOptions{First: true}, func(int) error { return no }, 1, 1,
			"failed on 1 of 10 hosts: web1; 9 not begun: web[2-10]"},
		{"one first, and others fail", farm.EachOptions{First: true, Parallel: 1}, failThird, 10, 1, "failed on 1 of 10 hosts: web3"},
		{"a script that ends", farm.EachOptions{Parallel: 1}, func(n int) error {
			if n == 2 {
				return &luahost.ExitRequest{Code: 7}
			}
			return nil
		}, 2, 1, "failed on 1 of 10 hosts: web2; 8 not begun: web[3-10]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			in(t, farm.Config{}, func(t *testing.T, f *farm.Farm, n *network) {
				begun, most, err := each(t, f, t.Context(), test.opts, test.work)
				got := ""
				if err != nil {
					got = err.Error()
				}
				if begun != test.begun || most != test.most || got != test.err {
					t.Errorf("%d begun, %d at once, error %q\nwant %d, %d, %q", begun, most, got, test.begun, test.most, test.err)
				}
			})
		})
	}
}

// TestEachStopped: after Stop no host begins, and those at work go on; what is
// begun within a host's part is part of it.
func TestEachStopped(t *testing.T) {
	in(t, farm.Config{}, func(t *testing.T, f *farm.Farm, n *network) {
		var inner atomic.Int32
		hosts, _ := f.Hosts("db[1-3]")
		outer, _ := f.Hosts("web[1-4]")
		err := f.Each(t.Context(), outer, farm.EachOptions{Parallel: 1}, func(ctx context.Context, h *farm.Host) error {
			if !f.Busy() {
				t.Error("not busy")
			}
			f.Stop()
			f.Stop()
			return f.Each(ctx, hosts, farm.EachOptions{}, func(context.Context, *farm.Host) error { inner.Add(1); return nil })
		})
		if !errors.Is(err, farm.ErrStopped) || err.Error() != "stopped by the operator; 3 not begun: web[2-4]" || inner.Load() != 3 {
			t.Errorf("got %v; %d in it", err, inner.Load())
		}
		if f.Busy() {
			t.Error("still busy")
		}
		err = f.Each(t.Context(), hosts, farm.EachOptions{}, func(context.Context, *farm.Host) error { t.Error("begun"); return nil })
		if !errors.Is(err, farm.ErrStopped) {
			t.Errorf("afterwards: %v", err)
		}
	})
}

// TestEachCancelled: when the context ends no further host begins.
func TestEachCancelled(t *testing.T) {
	in(t, farm.Config{}, func(t *testing.T, f *farm.Farm, n *network) {
		why := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		begun, _, err := each(t, f, ctx, farm.EachOptions{Parallel: 1}, func(n int) error {
			if n == 4 {
				cancel(why)
			}
			return nil
		})
		if begun != 4 || !errors.Is(err, why) {
			t.Errorf("%d begun, error %v", begun, err)
		}
	})
}

// TestWhichHosts: lists that make no sense.
func TestWhichHosts(t *testing.T) {
	in(t, farm.Config{}, func(t *testing.T, f *farm.Farm, n *network) {
		work := func(context.Context, *farm.Host) error { t.Error("begun"); return nil }
		web1 := host(t, f, "web1")
		for want, hosts := range map[string][]*farm.Host{
			"there are no hosts to work on": nil,
			"host web1 is named twice":      {web1, host(t, f, "web2"), web1},
		} {
			err := f.Each(t.Context(), hosts, farm.EachOptions{}, work)
			if err == nil || err.Error() != want {
				t.Errorf("Each: got %v, want %s", err, want)
			}
			err = f.Rollout(t.Context(), hosts, farm.Rollout{Healthy: work}, work)
			if err == nil || err.Error() != want {
				t.Errorf("Rollout: got %v, want %s", err, want)
			}
		}
	})
}

// TestGroups: hosts that fail alike are told together, the largest group first.
func TestGroups(t *testing.T) {
	e := &farm.EachError{Total: 6, Failed: []farm.Failure{
		{Host: "web1", Err: errors.New("odd")},
		{Host: "web2", Err: errors.New("web2: timed out after 4.2s")},
		{Host: "web3", Err: errors.New("web3: timed out after 300ms")},
		{Host: "web4", Err: errors.New("web4: timed out after 1m")},
		{Host: "web5", Err: errors.New("code 5")},
		{Host: "web6", Err: errors.New("code 6")},
	}}
	var got []string
	for _, g := range e.Groups() {
		got = append(got, fmt.Sprint(g.Hosts, " ", g.Err))
	}
	want := []string{"[web2 web3 web4] web2: timed out after 4.2s", "[web1] odd", "[web5] code 5", "[web6] code 6"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if e.Failures()["web5"].Error() != "code 5" || len(e.Unwrap()) != 6 {
		t.Error(e.Failures(), e.Unwrap())
	}
}

// TestRolloutLog is what the operator reads of a rollout.
func TestRolloutLog(t *testing.T) {
	var out bytes.Buffer
	in(t, farm.Config{Console: &console.Console{Err: &out}}, func(t *testing.T, f *farm.Farm, n *network) {
		hosts, _ := f.Hosts("web[1-4]")
		ill := map[string]bool{"web2": true}
		r := farm.Rollout{Settle: 30 * time.Second, Wait: time.Minute, Healthy: func(_ context.Context, h *farm.Host) error {
			if ill[h.Name()] {
				return errors.New(h.Name() + ": answers 503")
			}
			return nil
		}}
		err := f.Rollout(t.Context(), hosts, r, func(_ context.Context, h *farm.Host) error {
			time.Sleep(2 * time.Second)
			delete(ill, h.Name())
			if h.Name() == "web3" {
				return fmt.Errorf("%s: no room", h.Name())
			}
			return nil
		})
		if err == nil {
			t.Error("no error")
		}
		synctest.Wait()
	})
	want := `web2: sick: answers 503
web2: turn 1 of 4
web2: healthy; settling for 30s
web2: done in 32s
web1: turn 2 of 4
web1: healthy; settling for 30s
web1: done in 32s
web3: turn 3 of 4
web3: failed: no room
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

// TestUndo: a turn that failed is taken back, also when its time is up.
func TestUndo(t *testing.T) {
	for name, wait := range map[string]time.Duration{"failed": 0, "late": time.Hour} {
		t.Run(name, func(t *testing.T) {
			in(t, farm.Config{}, func(t *testing.T, f *farm.Farm, n *network) {
				hosts, _ := f.Hosts("web[1-2]")
				undone := ""
				err := f.Rollout(t.Context(), hosts, farm.Rollout{
					Turn:    time.Minute,
					Healthy: func(context.Context, *farm.Host) error { return nil },
					Undo: func(ctx context.Context, h *farm.Host) error {
						if ctx.Err() != nil {
							t.Error("the undo has no time")
						}
						undone += h.Name()
						return errors.New("half")
					},
				}, func(ctx context.Context, h *farm.Host) error {
					select {
					case <-time.After(wait):
						return errors.New("no")
					case <-ctx.Done():
						return context.Cause(ctx)
					}
				})
				if err == nil || undone != "web1" {
					t.Errorf("got %v, undone %q", err, undone)
				}
			})
		})
	}
}
