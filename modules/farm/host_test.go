package farm_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"farmrun/luahost/journal"
	"farmrun/luahost/remote"
	"farmrun/modules/farm"
)

// network is machines to log in to.
type network struct {
	takes  time.Duration // a login; 0 is a second
	mu     sync.Mutex
	open   map[*conn]bool
	dialed map[string]int
	fail   func(host string, n int) error // of the nth login; nil is none
	run    func(context.Context, remote.Cmd) (remote.Result, error)
}

// conn is a login on the network.
type conn struct {
	net  *network
	host string
	lost chan struct{}
	run  func(context.Context, remote.Cmd) (remote.Result, error) // nil succeeds
}

var errLost = errors.New("connection lost")

func (n *network) dial(ctx context.Context, host string, _ farm.Login) (farm.Conn, error) {
	n.mu.Lock()
	if n.dialed == nil {
		n.open, n.dialed = map[*conn]bool{}, map[string]int{}
	}
	n.dialed[host]++
	count := n.dialed[host]
	n.mu.Unlock()
	select {
	case <-time.After(cmp.Or(n.takes, time.Second)):
	case <-ctx.Done():
		return nil, fmt.Errorf("%s: %w", host, context.Cause(ctx))
	}
	if n.fail != nil {
		if err := n.fail(host, count); err != nil {
			return nil, err
		}
	}
	c := &conn{net: n, host: host, lost: make(chan struct{}), run: n.run}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.open[c] = true
	return c, nil
}

func (n *network) logins() (open int, dialed map[string]int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.open), n.dialed
}

// lose breaks every login.
func (n *network) lose() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c := range n.open {
		close(c.lost)
	}
}

func (c *conn) Run(ctx context.Context, cmd remote.Cmd) (remote.Result, error) {
	if c.run != nil {
		return c.run(ctx, cmd)
	}
	if _, err := cmd.Script(); err != nil {
		return remote.Result{}, err
	}
	c.net.mu.Lock()
	open := c.net.open[c]
	c.net.mu.Unlock()
	select {
	case <-c.lost:
		return remote.Result{}, errLost
	default:
	}
	if !open {
		return remote.Result{}, errors.New(c.host + " is used after it was closed")
	}
	return remote.Result{}, nil
}

func (c *conn) DialContext(context.Context, string, string) (net.Conn, error) {
	one, other := net.Pipe()
	return one, other.Close()
}

func (c *conn) Done() <-chan struct{} { return c.lost }

func (c *conn) Close() error {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	if !c.net.open[c] {
		panic(c.host + " is closed twice")
	}
	delete(c.net.open, c)
	return nil
}

// in runs test with a farm on a network, in a bubble where time is no matter.
func in(t *testing.T, config farm.Config, test func(t *testing.T, f *farm.Farm, n *network)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		config.Dial = n.dial
		f := farm.New(config)
		test(t, f, n)
		f.Close()
		synctest.Wait()
		if open, _ := n.logins(); open != 0 {
			t.Errorf("%d logins are left", open)
		}
	})
}

func host(t *testing.T, f *farm.Farm, name string) *farm.Host {
	t.Helper()
	h, err := f.Host(name)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// do runs a command and returns its error.
func do(ctx context.Context, h *farm.Host) error {
	_, err := h.Run(ctx, remote.Cmd{Line: "true", Query: true})
	return err
}

// TestOneLogin: however many want it at once, there is one login.
func TestOneLogin(t *testing.T) {
	in(t, farm.Config{}, func(t *testing.T, f *farm.Farm, n *network) {
		h := host(t, f, "web1")
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if err := do(t.Context(), h); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if open, dialed := n.logins(); open != 1 || dialed["web1"] != 1 {
			t.Errorf("%d open, dialed %v", open, dialed)
		}
	})
}

// TestLoginFails: all who wait are told; the next tries anew.
func TestLoginFails(t *testing.T) {
	in(t, farm.Config{}, func(t *testing.T, f *farm.Farm, n *network) {
		refused := errors.New("refused")
		n.fail = func(_ string, count int) error {
			if count == 1 {
				return refused
			}
			return nil
		}
		h := host(t, f, "web1")
		var told atomic.Int32
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if errors.Is(do(t.Context(), h), refused) {
					told.Add(1)
				}
			})
		}
		wg.Wait()
		if told.Load() != 10 {
			t.Errorf("%d of 10 were told", told.Load())
		}
		if err := do(t.Context(), h); err != nil {
			t.Error(err)
		}
	})
}

// TestLoginOutlivesItsMaker: when the time of whoever logs in is up, whoever
// waits with more time logs in itself.
func TestLoginOutlivesItsMaker(t *testing.T) {
	in(t, farm.Config{}, func(t *testing.T, f *farm.Farm, n *network) {
		h := host(t, f, "web1")
		why := errors.New("the turn did not end")
		short, cancel := context.WithTimeoutCause(t.Context(), 500*time.Millisecond, why)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := do(short, h); !errors.Is(err, why) {
				t.Errorf("the short one got %v", err)
			}
		})
		synctest.Wait()
		wg.Go(func() {
			if err := do(t.Context(), h); err != nil {
				t.Errorf("the long one got %v", err)
			}
		})
		wg.Go(func() { // gives up while it waits
			if err := do(short, h); !errors.Is(err, why) {
				t.Errorf("the other short one got %v", err)
			}
		})
		wg.Wait()
		if _, dialed := n.logins(); dialed["web1"] != 2 {
			t.Errorf("dialed %v", dialed)
		}
	})
}

// TestLostLogin: a login that was lost is made again, whether a command was
// under way or not; a command that could not be given costs no login.
func TestLostLogin(t *testing.T) {
	in(t, farm.Config{}, func(t *testing.T, f *farm.Farm, n *network) {
		h := host(t, f, "web1")
		if err := do(t.Context(), h); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Run(t.Context(), remote.Cmd{Line: "a\x00b", Query: true}); err == nil {
			t.Error("a NUL is no error")
		}
		if _, dialed := n.logins(); dialed["web1"] != 1 {
			t.Errorf("dialed %v", dialed)
		}
		n.lose()
		if err := do(t.Context(), h); err != nil {
			t.Errorf("after the loss: %v", err)
		}
		synctest.Wait()
		if open, dialed := n.logins(); open != 1 || dialed["web1"] != 2 {
			t.Errorf("%d open, dialed %v", open, dialed)
		}
	})
}

// TestClosedWhileLoggingIn: whoever logs out during a login ends that one, and
// no later one.
func TestClosedWhileLoggingIn(t *testing.T) {
	in(t, farm.Config{}, func(t *testing.T, f *farm.Farm, n *network) {
		n.fail = func(_ string, count int) error {
			if count == 1 {
				time.Sleep(time.Minute)
				return errors.New("late and refused")
			}
			return nil
		}
		h := host(t, f, "web1")
		var wg sync.WaitGroup
		wg.Go(func() { do(t.Context(), h) })
		synctest.Wait()
		wg.Go(func() { h.Close() })
		synctest.Wait()
		if err := do(t.Context(), h); err != nil { // a login of its own, while the first still hangs
			t.Error(err)
		}
		wg.Wait()
		if err := do(t.Context(), h); err != nil {
			t.Error(err)
		}
		if open, dialed := n.logins(); open != 1 || dialed["web1"] != 2 {
			t.Errorf("%d open, dialed %v", open, dialed)
		}
	})
}

// TestIdle: of many hosts only so many stay logged in.
func TestIdle(t *testing.T) {
	in(t, farm.Config{Idle: 5}, func(t *testing.T, f *farm.Farm, n *network) {
		hosts, err := f.Hosts("web[1-100]")
		if err != nil {
			t.Fatal(err)
		}
		err = f.Each(t.Context(), hosts, farm.EachOptions{Parallel: 10}, func(ctx context.Context, h *farm.Host) error {
			return do(ctx, h)
		})
		if err != nil {
			t.Error(err)
		}
		if open, _ := n.logins(); open > 5 {
			t.Errorf("%d logins stay open", open)
		}
	})
}

// TestIdleAfterLooks: a look at a lock, or at who is logged in, needs no login for longer
// than a command does.
func TestIdleAfterLooks(t *testing.T) {
	for name, look := range map[string]func(ctx context.Context, h *farm.Host){
		"lock":    func(ctx context.Context, h *farm.Host) { farm.Lock{Host: h, Path: "lock"}.Holder(ctx) },
		"user":    func(ctx context.Context, h *farm.Host) { h.User(ctx) },
		"renewed": func(ctx context.Context, h *farm.Host) { h.Renewed(ctx) },
		"log in":  func(ctx context.Context, h *farm.Host) { h.LogIn(ctx) },
	} {
		t.Run(name, func(t *testing.T) {
			in(t, farm.Config{Idle: 5}, func(t *testing.T, f *farm.Farm, n *network) {
				hosts, err := f.Hosts("web[1-20]")
				if err != nil {
					t.Fatal(err)
				}
				for _, h := range hosts {
					look(t.Context(), h)
				}
				synctest.Wait()
				if open, dialed := n.logins(); open > 5 || len(dialed) != 20 {
					t.Errorf("%d logins are open of %d", open, len(dialed))
				}
			})
		})
	}
}

// TestIdleInSmallRollout: a rollout of twice as many hosts logs in once to each.
func TestIdleInSmallRollout(t *testing.T) {
	in(t, farm.Config{Idle: 5}, func(t *testing.T, f *farm.Farm, n *network) {
		hosts, err := f.Hosts("web[1-10]")
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Rollout(t.Context(), hosts, farm.Rollout{Healthy: do}, do); err != nil {
			t.Error(err)
		}
		_, dialed := n.logins()
		for name, times := range dialed {
			if times != 1 {
				t.Errorf("%s was dialed %d times", name, times)
			}
		}
	})
}

// TestIdleInRollout: a rollout, its health checks and commands outside of any function
// keep no more than that, and those that were needed last.
func TestIdleInRollout(t *testing.T) {
	in(t, farm.Config{Idle: 5}, func(t *testing.T, f *farm.Farm, n *network) {
		hosts, err := f.Hosts("web[1-20]")
		if err != nil {
			t.Fatal(err)
		}
		most := 0
		turn := func(ctx context.Context, h *farm.Host) error {
			open, _ := n.logins()
			most = max(most, open)
			return do(ctx, h)
		}
		if err := f.Rollout(t.Context(), hosts, farm.Rollout{Healthy: do}, turn); err != nil {
			t.Error(err)
		}
		if most > 6 { // with the turn's own
			t.Errorf("%d logins were open in a turn", most)
		}
		for _, h := range hosts {
			do(t.Context(), h)
		}
		synctest.Wait()
		if open, _ := n.logins(); open > 5 {
			t.Errorf("%d logins are open after it", open)
		}
		_, before := n.logins()
		before = maps.Clone(before)
		for _, h := range hosts[15:] {
			do(t.Context(), h)
		}
		if _, dialed := n.logins(); !maps.Equal(dialed, before) {
			t.Errorf("dialed %v, and before %v", dialed, before)
		}
	})
}

// TestIdleInLargeRollout: a rollout of many hosts logs in three times to each, to look at
// its fence and ask how it is, for its turn, and to remove the fence, but not to those that
// are logged in to still.
func TestIdleInLargeRollout(t *testing.T) {
	about := func() (farm.About, error) {
		return farm.About{Run: journal.Run{ID: "run", Token: "T"}, Epoch: 1}, nil
	}
	const idle, many = 50, 200
	in(t, farm.Config{Idle: idle, About: about}, func(t *testing.T, f *farm.Farm, n *network) {
		n.takes = time.Millisecond
		n.run = func(_ context.Context, cmd remote.Cmd) (remote.Result, error) {
			switch {
			case slices.Contains(cmd.Args, "take"):
				return remote.Result{Stdout: []byte("boot /\nown own.T.1 run who 2000-09-19T21:04:05Z\ndone\n")}, nil
			case slices.Contains(cmd.Args, "look"), slices.Contains(cmd.Args, "clear"):
				return remote.Result{Stdout: []byte("boot /\ndone\n")}, nil
			}
			return remote.Result{}, nil
		}
		hosts, err := f.Hosts(fmt.Sprintf("web[1-%d]", many))
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Rollout(t.Context(), hosts, farm.Rollout{MaxOffline: 3, Healthy: do}, do); err != nil {
			t.Error(err)
		}
		_, dialed := n.logins()
		all := 0
		for _, times := range dialed {
			all += times
		}
		if most := many + 2*(many-idle) + idle/2; all > most { // several log in at once, and rest in any order
			t.Errorf("%d logins to %d hosts, want at most %d: %v", all, many, most, dialed)
		}
	})
}

// TestIdleKeepsWhatIsOpen: no login ends by which something is open.
func TestIdleKeepsWhatIsOpen(t *testing.T) {
	in(t, farm.Config{Idle: 1}, func(t *testing.T, f *farm.Farm, n *network) {
		a, b := host(t, f, "web1"), host(t, f, "web2")
		c, err := a.DialContext(t.Context(), "tcp", "127.0.0.1:80")
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			do(t.Context(), b)
			do(t.Context(), a)
		}
		if _, dialed := n.logins(); dialed["web1"] != 1 {
			t.Errorf("dialed %v", dialed)
		}
		c.Close()
		c.Close()
		do(t.Context(), b)
		do(t.Context(), a)
		if open, dialed := n.logins(); dialed["web1"] != 2 || open != 1 {
			t.Errorf("%d open, dialed %v", open, dialed)
		}
	})
}

// TestNoLoginIsClosedUnderItsUser: a login that is idle is nobody's any more before
// it is closed.
func TestNoLoginIsClosedUnderItsUser(t *testing.T) {
	in(t, farm.Config{Idle: 1}, func(t *testing.T, f *farm.Farm, n *network) {
		hosts, err := f.Hosts("web[1-2]")
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 500 {
					if err := f.Each(t.Context(), hosts, farm.EachOptions{}, func(ctx context.Context, h *farm.Host) error {
						return do(ctx, h)
					}); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
	})
}

// TestHereHasNoLogin: this machine is not logged in to, nor out of, and is not
// the site's host of that name.
func TestHereHasNoLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		failed := errors.New("no such program")
		f := farm.New(farm.Config{Dial: n.dial, Here: uncomparable{err: failed}})
		h, err := f.Here()
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := do(t.Context(), h); !errors.Is(err, failed) {
				t.Errorf("got %v", err)
			}
			h.Close()
		}
		if err := f.Define(farm.Site{Groups: map[string]string{"all": "here,there"}}); err != nil {
			t.Error(err)
		}
		if err := do(t.Context(), host(t, f, "here")); err != nil {
			t.Errorf("the host named here: %v", err)
		}
		if _, dialed := n.logins(); dialed["here"] != 1 {
			t.Errorf("dialed %v", dialed)
		}
		f.Close()
	})
}

// uncomparable is a login that cannot be compared with another.
type uncomparable struct {
	err error
	_   []string
}

func (u uncomparable) Run(context.Context, remote.Cmd) (remote.Result, error) {
	return remote.Result{}, u.err
}
func (u uncomparable) Close() error { return nil }

// TestUnsupported: what the login cannot do is said, with the host.
func TestUnsupported(t *testing.T) {
	in(t, farm.Config{}, func(t *testing.T, f *farm.Farm, n *network) {
		h := host(t, f, "web1")
		plain := farm.New(farm.Config{Dial: func(context.Context, string, farm.Login) (farm.Conn, error) {
			return uncomparable{}, nil
		}})
		defer plain.Close()
		_, err := host(t, plain, "web1").DialContext(t.Context(), "tcp", "localhost:80")
		_, err2 := h.Listen(t.Context(), "tcp", "localhost:80")
		_, err3 := h.Terminal(t.Context(), remote.TerminalOptions{})
		for _, err := range []error{err, err2, err3} {
			if !errors.Is(err, farm.ErrUnsupported) {
				t.Errorf("got %v", err)
			}
		}
		if _, err := f.Here(); !errors.Is(err, farm.ErrUnsupported) {
			t.Errorf("got %v", err)
		}
	})
}
