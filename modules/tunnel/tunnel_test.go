package tunnel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"farmrun/luahost/remote"
	"farmrun/luahost/remote/remotetest"
	"farmrun/luahost/remote/remotetest/memnet"
)

// here is a Host. Commands run on this machine, or print nothing where there is
// no Shell.
type here struct {
	*remotetest.Shell
	dial func(ctx context.Context, network, addr string) (net.Conn, error)

	mu     sync.Mutex
	listen func(network, addr string) (net.Listener, error)
	asked  []string // what it was asked to listen on
}

// newHost returns a Host on the network n.
func newHost(n *memnet.Net) *here {
	return &here{dial: n.DialContext, listen: n.Listen}
}

func (h *here) Run(ctx context.Context, cmd remote.Cmd) (remote.Result, error) {
	if h.Shell == nil {
		return remote.Result{}, nil
	}
	return h.Shell.Run(ctx, cmd)
}

// onLoopback returns a Host on this machine's network, for tests of the answers
// about its sockets.
func onLoopback(t *testing.T) *here {
	return &here{Shell: remotetest.New(t), dial: new(net.Dialer).DialContext, listen: net.Listen}
}

// inBubble runs f as the test in virtual time, with a network in memory.
func inBubble(t *testing.T, f func(t *testing.T, n *memnet.Net)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, new(memnet.Net)) })
}

func (h *here) Listen(_ context.Context, network, addr string) (net.Listener, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked = append(h.asked, addr)
	return h.listen(network, addr)
}

func (h *here) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return h.dial(ctx, network, addr)
}

// upper serves what answers each connection in capitals once the client has
// said all.
func upper(t *testing.T, l net.Listener) string {
	t.Helper()
	return serveEach(t, l, func(c net.Conn) {
		text, _ := io.ReadAll(c)
		io.WriteString(c, strings.ToUpper(string(text)))
	})
}

// serveEach answers each connection to l until the test ends.
func serveEach(t *testing.T, l net.Listener, answer func(net.Conn)) string {
	t.Helper()
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { answer(c); c.Close() })
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return l.Addr().String()
}

// say says text to its end and returns the answer.
func say(t *testing.T, c net.Conn, text string) string {
	t.Helper()
	defer c.Close()
	io.WriteString(c, text)
	c.(interface{ CloseWrite() error }).CloseWrite()
	answer, err := io.ReadAll(c)
	if err != nil {
		t.Error(err)
	}
	return string(answer)
}

// port is one that the tests have the host listen on.
const port = "127.0.0.1:2401"

// mustListen listens, on the network n or, without one, on that of this machine.
func mustListen(t *testing.T, n *memnet.Net, addr string) net.Listener {
	t.Helper()
	listen := net.Listen
	if n != nil {
		listen = n.Listen
	}
	l, err := listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func anyPort(t *testing.T, n *memnet.Net) net.Listener {
	t.Helper()
	return mustListen(t, n, "127.0.0.1:0")
}

// mustDial connects to addr.
func mustDial(t *testing.T, n *memnet.Net, addr string) net.Conn {
	t.Helper()
	c, err := n.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestReverse(t *testing.T) { inBubble(t, testReverse) }

func testReverse(t *testing.T, n *memnet.Net) {
	to := upper(t, anyPort(t, n))
	host, set := newHost(n), &Set{}
	tun, err := set.Reverse(t.Context(), host, Options{Dial: n.DialContext, Listen: "0", To: to})
	if err != nil {
		t.Fatal(err)
	}
	if tun.Addr() != fmt.Sprintf("127.0.0.1:%d", tun.Port()) || tun.Port() == 0 {
		t.Errorf("it listens on %s, port %d", tun.Addr(), tun.Port())
	}
	long := strings.Repeat("a", 1<<20)
	if got := say(t, mustDial(t, n, tun.Addr()), long); got != strings.ToUpper(long) {
		t.Errorf("%d bytes came back, want %d", len(got), len(long))
	}
	open, err := n.DialContext(t.Context(), "tcp", tun.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	if err := tun.Close(); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadAll(open); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Error(err)
	}
	<-tun.Done()
	mustListen(t, n, tun.Addr()) // the port is free
	if err := tun.Close(); err != nil {
		t.Error("a second Close:", err)
	}
}

// A server that speaks first is not kept waiting for its client.
func TestServerSpeaksFirst(t *testing.T) { inBubble(t, testServerSpeaksFirst) }

func testServerSpeaksFirst(t *testing.T, n *memnet.Net) {
	to := serveEach(t, anyPort(t, n), func(c net.Conn) { io.WriteString(c, "220 hello\n"); io.Copy(io.Discard, c) })
	var set Set
	tun, err := set.Reverse(t.Context(), newHost(n), Options{Dial: n.DialContext, Listen: "0", To: to})
	if err != nil {
		t.Fatal(err)
	}
	defer tun.Close()
	c, err := n.DialContext(t.Context(), "tcp", tun.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	buf := make([]byte, 10)
	if _, err := io.ReadFull(c, buf); err != nil || string(buf) != "220 hello\n" {
		t.Errorf("got %q, %v", buf, err)
	}
}

func TestShare(t *testing.T) { inBubble(t, testShare) }

func testShare(t *testing.T, n *memnet.Net) {
	to, other := upper(t, anyPort(t, n)), upper(t, anyPort(t, n))
	host, set := newHost(n), &Set{}
	o := Options{Dial: n.DialContext, Listen: port, To: to}
	var all [8]*Tunnel
	var askers sync.WaitGroup
	for i := range all {
		askers.Go(func() {
			var err error
			if all[i], err = set.Reverse(t.Context(), host, o); err != nil {
				t.Error(err)
			}
		})
	}
	askers.Wait()
	if t.Failed() {
		return
	}
	if len(host.asked) != 1 {
		t.Errorf("the host was asked for %v", host.asked)
	}
	if _, err := set.Reverse(t.Context(), host, Options{Dial: n.DialContext, Listen: o.Listen, To: other}); !errors.Is(err, ErrInUse) {
		t.Errorf("got %v, want %v", err, ErrInUse)
	}
	for i, tun := range all {
		if i > 0 {
			tun.Close()
			tun.Close()
		}
	}
	if got := say(t, mustDial(t, n, all[0].Addr()), "still"); got != "STILL" {
		t.Errorf("got %q", got)
	}
	all[0].Close()
	mustListen(t, n, o.Listen).Close()
	again, err := set.Reverse(t.Context(), host, Options{Dial: n.DialContext, Listen: o.Listen, To: other})
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
	// Two hosts have each a port of their own.
	a, err1 := set.Reverse(t.Context(), host, Options{Dial: n.DialContext, Listen: "0", To: to})
	b, err2 := set.Reverse(t.Context(), newHost(n), Options{Dial: n.DialContext, Listen: "0", To: to})
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	if a.Port() == b.Port() {
		t.Error("two hosts share a tunnel")
	}
	a.Close()
	b.Close()
}

// A tunnel whose login has ended is opened anew.
func TestReverseAfterTheLoginEnded(t *testing.T) { inBubble(t, testReverseAfterTheLoginEnded) }

func testReverseAfterTheLoginEnded(t *testing.T, n *memnet.Net) {
	to := upper(t, anyPort(t, n))
	host, set := newHost(n), &Set{}
	var last net.Listener
	host.listen = func(network, addr string) (l net.Listener, err error) {
		last, err = n.Listen(network, addr)
		return last, err
	}
	o := Options{Dial: n.DialContext, Listen: port, To: to}
	first, err := set.Reverse(t.Context(), host, o)
	if err != nil {
		t.Fatal(err)
	}
	last.Close()
	<-first.Done()
	second, err := set.Reverse(t.Context(), host, o)
	if err != nil {
		t.Fatal(err)
	}
	if got := say(t, mustDial(t, n, second.Addr()), "x"); got != "X" {
		t.Errorf("got %q", got)
	}
	first.Close()
	if got := say(t, mustDial(t, n, second.Addr()), "y"); got != "Y" {
		t.Errorf("got %q", got)
	}
	second.Close()
}

func TestFarEnd(t *testing.T) { inBubble(t, testFarEnd) }

func testFarEnd(t *testing.T, n *memnet.Net) {
	host, set := newHost(n), &Set{}
	_, err := set.Reverse(t.Context(), host, Options{Dial: n.DialContext, Listen: "0", To: port})
	if !errors.Is(err, ErrFarEnd) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("got %v, want %v", err, ErrFarEnd)
	}
	if host.asked != nil {
		t.Errorf("the host was asked for %v", host.asked)
	}

	// One that goes away later is told by Err.
	var down bool
	var mu sync.Mutex
	to := upper(t, anyPort(t, n))
	tun, err := set.Reverse(t.Context(), host, Options{Listen: "0", To: to,
		Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			mu.Lock()
			defer mu.Unlock()
			if down {
				return nil, errors.New("no power")
			}
			return n.DialContext(ctx, network, addr)
		}})
	if err != nil {
		t.Fatal(err)
	}
	defer tun.Close()
	mu.Lock()
	down = true
	mu.Unlock()
	if c, err := n.DialContext(t.Context(), "tcp", tun.Addr()); err == nil {
		io.ReadAll(c)
		c.Close()
	}
	if err := tun.Err(); !errors.Is(err, ErrFarEnd) || !strings.Contains(err.Error(), "no power") {
		t.Errorf("Err() = %v", err)
	}
}

func TestTaken(t *testing.T) {
	l := anyPort(t, nil)
	host := onLoopback(t)
	host.listen = func(string, string) (net.Listener, error) { return nil, errors.New("forward refused") }
	var set Set
	_, err := set.Reverse(t.Context(), host, Options{Listen: l.Addr().String(), To: upper(t, anyPort(t, nil))})
	var taken *TakenError
	if !errors.As(err, &taken) || !errors.Is(err, ErrTaken) {
		t.Fatalf("got %v, want %v", err, ErrTaken)
	}
	if h := taken.Holders; len(h) != 1 || h[0].PID != os.Getpid() || h[0].Addr != l.Addr().String() {
		t.Errorf("got %+v, want process %d", h, os.Getpid())
	}
	if !strings.Contains(err.Error(), "tunnel.test of the user ") {
		t.Errorf("got %v", err)
	}

	_, err = set.Reverse(t.Context(), host, Options{Listen: remotetest.Refusing(t), To: upper(t, anyPort(t, nil))})
	if !errors.Is(err, ErrForbidden) {
		t.Errorf("got %v, want %v", err, ErrForbidden)
	}
}

// strangers are ends of a port that says it is ours.
func TestStranger(t *testing.T) {
	for name, answer := range map[string]func(net.Conn){
		"echo":   func(c net.Conn) { io.Copy(c, c) },
		"hangup": func(net.Conn) {},
		"talks":  func(c net.Conn) { io.WriteString(c, strings.Repeat("no", 100)); io.Copy(io.Discard, c) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, n *memnet.Net) {
				other := serveEach(t, anyPort(t, n), answer)
				host := newHost(n)
				host.dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
					return n.DialContext(ctx, network, other)
				}
				var set Set
				_, err := set.Reverse(t.Context(), host, Options{Dial: n.DialContext, Listen: "0", To: upper(t, anyPort(t, n))})
				if !errors.Is(err, ErrStranger) {
					t.Errorf("got %v, want %v", err, ErrStranger)
				}
			})
		})
	}
}

// A host from whose end nobody may connect has to listen at least.
func TestProbeProhibited(t *testing.T) {
	host := onLoopback(t)
	host.dial = func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("administratively prohibited")
	}
	var set Set
	tun, err := set.Reverse(t.Context(), host, Options{Listen: "0", To: upper(t, anyPort(t, nil))})
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", tun.Addr())
	if err != nil {
		t.Fatal(err)
	}
	if got := say(t, c, "x"); got != "X" {
		t.Errorf("got %q", got)
	}
	tun.Close()

	addr := remotetest.Refusing(t)
	host.listen = func(network, _ string) (net.Listener, error) {
		l, err := net.Listen("unix", t.TempDir()+"/s")
		return l, err
	}
	if _, err := set.Reverse(t.Context(), host, Options{Listen: addr, To: upper(t, anyPort(t, nil))}); err == nil {
		t.Error("a port on which nobody listens passed the probe")
	}
}

// A probe that gets no answer ends with the context, or when its patience does.
func TestProbeEnds(t *testing.T) { inBubble(t, testProbeEnds) }

func testProbeEnds(t *testing.T, n *memnet.Net) {
	silent := serveEach(t, anyPort(t, n), func(c net.Conn) { io.Copy(io.Discard, c) })
	host := newHost(n)
	host.dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return n.DialContext(ctx, network, silent)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	var set Set
	o := Options{Dial: n.DialContext, Listen: "0", To: upper(t, anyPort(t, n))}
	for _, x := range []struct {
		ctx  context.Context
		took time.Duration
	}{{ctx, time.Second}, {t.Context(), patience}} {
		began := time.Now()
		_, err := set.Reverse(x.ctx, host, o)
		if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took != x.took {
			t.Errorf("got %v after %v, want %v after %v", err, took, context.DeadlineExceeded, x.took)
		}
	}
}

// The probe's way to the host may be as slow as a login.
func TestProbeOverASlowLogin(t *testing.T) { inBubble(t, testProbeOverASlowLogin) }

func testProbeOverASlowLogin(t *testing.T, n *memnet.Net) {
	host := newHost(n)
	host.dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		time.Sleep(3 * patience)
		return n.DialContext(ctx, network, addr)
	}
	tunnel, err := new(Set).Reverse(t.Context(), host, Options{Dial: n.DialContext, Listen: "0", To: upper(t, anyPort(t, n))})
	if err != nil {
		t.Fatal(err)
	}
	tunnel.Close()
}

// Whoever waits for a tunnel that another opens has a deadline of its own, and
// opens it itself if the other gave up.
func TestWaiters(t *testing.T) { inBubble(t, testWaiters) }

func testWaiters(t *testing.T, n *memnet.Net) {
	to := upper(t, anyPort(t, n))
	host, set := newHost(n), &Set{}
	opening, goOn := make(chan bool), make(chan bool)
	host.listen = func(network, addr string) (net.Listener, error) {
		opening <- true
		<-goOn
		return nil, context.Canceled
	}
	o := Options{Dial: n.DialContext, Listen: port, To: to}
	first := make(chan error)
	go func() {
		_, err := set.Reverse(t.Context(), host, o)
		first <- err
	}()
	<-opening
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := set.Reverse(ctx, host, o); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	second := make(chan error)
	go func() {
		tun, err := set.Reverse(t.Context(), host, o)
		if err == nil {
			err = tun.Close()
		}
		second <- err
	}()
	synctest.Wait() // until it waits for the first
	host.listen = n.Listen
	goOn <- true
	if err := <-first; !errors.Is(err, context.Canceled) && !errors.Is(err, ErrForbidden) {
		t.Errorf("the first: %v", err)
	}
	if err := <-second; err != nil {
		t.Errorf("the second: %v", err)
	}
}

func TestListenAddr(t *testing.T) {
	for addr, want := range map[string]string{
		"2401": "127.0.0.1:2401", ":2401": "127.0.0.1:2401", "localhost:2401": "127.0.0.1:2401",
		"127.0.0.1:2401": "127.0.0.1:2401", "[::1]:2401": "[::1]:2401", "10.1.2.3:1": "10.1.2.3:1", "0": "127.0.0.1:0",
		"": "", "*:2401": "", "dev:2401": "", "65536": "", "-1": "", "127.0.0.1": "", "127.0.0.1:": "",
	} {
		got, err := listenAddr(addr)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("listenAddr(%q) = %q, %v; want %q", addr, got, err, want)
		}
	}
}
