package ssh_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"farmrun/luahost/remote"
	"farmrun/luahost/remote/remotetest"
	"farmrun/modules/ssh"
	"farmrun/modules/ssh/sshserver"
)

func TestJump(t *testing.T) {
	w := newWorld(t)
	gate := &sshserver.Server{Dial: w.net.DialContext}
	w.serve("gate", gate)
	w.serve("inner", &sshserver.Server{Dial: w.net.DialContext})
	w.serve("h1", &sshserver.Server{})
	w.serve("h2", &sshserver.Server{})
	w.serve("closed", &sshserver.Server{})
	w.write(".ssh/config", w.read(".ssh/config")+fmt.Sprintf(`
Host h1 h2
 ProxyJump gate
Host inner
 ProxyJump gate
Host circle
 ProxyJump circle
Host nowhere
 HostName 127.0.0.1
 Port 1
 ProxyJump gate
Host behind
 ProxyJump closed
Host *
 StrictHostKeyChecking accept-new
 UserKnownHostsFile %s
`, w.path(".ssh/known_hosts")))
	d := w.dialer()
	d.Set = nil
	var all sync.WaitGroup
	for _, h := range []string{"h1", "h2", "h1", "h2"} {
		all.Go(func() {
			c, err := d.Dial(context.Background(), h, ssh.Options{})
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(func() { c.Close() })
			if r, err := run(c, remote.Cmd{Line: "echo $0"}); err != nil || r.Code != 0 {
				t.Error(r, err)
			}
		})
	}
	all.Wait()
	if open, _ := gate.Connections(); open != 1 {
		t.Errorf("%d connections to the jump host, want one for all", open)
	}
	if c, err := d.Dial(context.Background(), "h1", ssh.Options{Set: []string{"ProxyJump=gate,inner"}}); err != nil {
		t.Error(err)
	} else {
		c.Close()
	}
	_, err := d.Dial(context.Background(), "circle", ssh.Options{})
	expect(t, err, ssh.StageConnect, ssh.ErrUnreachable, "in a circle")
	_, err = d.Dial(context.Background(), "nowhere", ssh.Options{})
	expect(t, err, ssh.StageConnect, ssh.ErrUnreachable, "connection refused")
	_, err = d.Dial(context.Background(), "behind", ssh.Options{})
	if !errors.Is(err, ssh.ErrUnreachable) {
		t.Errorf("got %v, want ErrUnreachable", err)
	}
}

func TestProxyCommand(t *testing.T) {
	w := newWorld(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	port := w.serveOn(l, "h", &sshserver.Server{Exec: hi})
	d := w.dialer()
	d.Set = append([]string{`ProxyCommand=bash -c 'exec 3<>/dev/tcp/%h/%p; cat <&3 & cat >&3'`}, d.Set...)
	c := w.dial(d, "h")
	r, err := run(c, remote.Cmd{Line: "echo hi"})
	if check(t, err); string(r.Stdout) != "hi\n" {
		t.Errorf("got %q", r.Stdout)
	}
	d = w.dialer()
	d.Set = append([]string{"ProxyCommand=echo no way to %h %p %n >&2"}, d.Set...)
	_, err = d.Dial(context.Background(), "h", ssh.Options{})
	expect(t, err, ssh.StageConnect, ssh.ErrUnreachable, fmt.Sprintf("no way to 127.0.0.1 %d h", port))
}

func hi(_ context.Context, x *sshserver.Exec) int {
	x.Begin(2)
	io.WriteString(x.Stdout, "hi\n")
	return 0
}

func TestForwards(t *testing.T) { inBubble(t, testForwards) }

func testForwards(t *testing.T, w *world) {
	w.serve("h", &sshserver.Server{Dial: w.net.DialContext, Listen: w.net.Listen})
	w.serve("shut", &sshserver.Server{})
	ctx := t.Context()
	c := w.dial(w.dialer(), "h")

	l, err := c.Listen(ctx, "tcp", "127.0.0.1:0")
	check(t, err)
	echo(l)
	addr := l.Addr().String()
	near, err := w.net.DialContext(ctx, "tcp", addr)
	check(t, err)
	talk(t, near)
	far, err := c.DialContext(ctx, "tcp", addr)
	check(t, err)
	talk(t, far)
	_, err = c.Listen(ctx, "tcp", addr)
	expect(t, err, ssh.StageForward, ssh.ErrForwardRefused, addr)
	check(t, l.Close())
	_, err = c.DialContext(ctx, "tcp", addr)
	expect(t, err, ssh.StageForward, ssh.ErrUnreachable, addr)

	u, err := w.net.Listen("unix", w.path("socket"))
	check(t, err)
	defer u.Close()
	echo(u)
	far, err = c.DialContext(ctx, "unix", w.path("socket"))
	check(t, err)
	talk(t, far)
	_, err = c.DialContext(ctx, "unix", w.path("none"))
	expect(t, err, ssh.StageForward, ssh.ErrUnreachable, "none")
	if failed, is := errors.AsType[*ssh.Error](err); !is || !strings.Contains(failed.Hint, "AllowStreamLocalForwarding") {
		t.Errorf("no hint: %v", err)
	}

	shut := w.dial(w.dialer(), "shut")
	_, err = shut.DialContext(ctx, "tcp", addr)
	expect(t, err, ssh.StageForward, ssh.ErrForwardRefused, addr)
	_, err = shut.Listen(ctx, "tcp", "127.0.0.1:0")
	expect(t, err, ssh.StageForward, ssh.ErrForwardRefused, "")
}

// echo says back whatever it is told.
func echo(l net.Listener) {
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { io.Copy(c, c); c.Close() }()
		}
	}()
}

func talk(t *testing.T, c net.Conn) {
	t.Helper()
	defer c.Close()
	_, err := io.WriteString(c, "hello")
	check(t, err)
	buf := make([]byte, 5)
	_, err = io.ReadFull(c, buf)
	if check(t, err); string(buf) != "hello" {
		t.Errorf("got %q", buf)
	}
}

// TestDeadlines has connections from the host keep their deadlines.
func TestDeadlines(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.serve("h", &sshserver.Server{Dial: w.net.DialContext})
		l, err := w.net.Listen("tcp", "127.0.0.1:0")
		check(t, err)
		defer l.Close()
		c, err := w.dial(w.dialer(), "h").DialContext(context.Background(), "tcp", l.Addr().String())
		check(t, err)
		defer c.Close()
		began := time.Now()
		check(t, c.SetDeadline(began.Add(time.Minute)))
		var ne net.Error
		_, err = c.Read(make([]byte, 1))
		if took := time.Since(began); !errors.As(err, &ne) || !ne.Timeout() || took != time.Minute {
			t.Errorf("got %v after %v, want a timeout after a minute", err, took)
		}
	})
}

func TestLost(t *testing.T) { inBubble(t, testLost) }

func testLost(t *testing.T, w *world) {
	s := &sshserver.Server{Exec: func(ctx context.Context, x *sshserver.Exec) int {
		x.Begin(2)
		io.WriteString(x.Stdout, "begun")
		<-ctx.Done()
		return 0
	}}
	w.serve("h", s)
	c := w.dial(w.dialer(), "h")
	started := make(remotetest.Signal, 1)
	ended := make(chan error, 1)
	go func() {
		_, err := c.Run(context.Background(), remote.Cmd{Line: "true", Stdout: started})
		ended <- err
	}()
	<-started
	s.Close()
	expect(t, <-ended, ssh.StageRun, ssh.ErrLost, "")
	<-c.Done()
	if !errors.Is(c.Err(), ssh.ErrLost) {
		t.Errorf("Err is %v", c.Err())
	}
	_, err := c.Run(context.Background(), remote.Cmd{Line: "true"})
	expect(t, err, ssh.StageRun, ssh.ErrLost, "")
	_, err = c.DialContext(context.Background(), "tcp", "127.0.0.1:1")
	expect(t, err, ssh.StageForward, ssh.ErrLost, "")
}

func TestFrozen(t *testing.T) {
	for name, fault := range map[string]sshserver.Fault{
		"channel": sshserver.SilentChannel, "exec": sshserver.SilentExec, "power": sshserver.FreezeOnExec,
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				w.serve("h", &sshserver.Server{Fault: func(int) sshserver.Fault { return fault }, Exec: quick})
				took, err := runFor(time.Minute, w.dial(w.dialer(), "h"), remote.Cmd{Line: "true"})
				expect(t, err, ssh.StageRun, ssh.ErrTimeout, "")
				if took < time.Minute || took > time.Minute+11*time.Second { // it may be slow
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

// TestSilence has a host be taken for lost when it has not answered keepalives.
func TestSilence(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.serve("h", &sshserver.Server{Fault: func(int) sshserver.Fault { return sshserver.FreezeOnExec }})
		took, err := runFor(time.Hour, w.dial(w.dialer(), "h"), remote.Cmd{Line: "true"})
		expect(t, err, ssh.StageRun, ssh.ErrLost, "silent")
		if took.Round(time.Second) != time.Minute {
			t.Errorf("it took %v, want 1m", took)
		}
	})
}

// TestEndedUntold has a host end a session and not tell how the command ended,
// with the connection and without it.
func TestEndedUntold(t *testing.T) {
	for name, says := range map[string]string{"connection": "cut it", "session": "did not tell how"} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				s := &sshserver.Server{Exec: quick, Fault: func(int) sshserver.Fault { return sshserver.Untold }}
				if name == "connection" {
					s.Exec = func(ctx context.Context, _ *sshserver.Exec) int { go s.Close(); <-ctx.Done(); return 0 }
				}
				w.serve("h", s)
				began := time.Now()
				_, err := run(w.dial(w.dialer(), "h"), remote.Cmd{Line: "true"})
				expect(t, err, ssh.StageRun, ssh.ErrLost, says)
				if took := time.Since(began); took != 0 {
					t.Errorf("it waited for %v", took)
				}
			})
		})
	}
}

func TestBlockedWriter(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.serve("h", &sshserver.Server{Exec: hi})
		block := make(blocked)
		defer close(block)
		took, err := runFor(time.Minute, w.dial(w.dialer(), "h"), remote.Cmd{Line: "x", Stdout: block})
		expect(t, err, ssh.StageRun, ssh.ErrTimeout, "")
		if took < time.Minute || took > time.Minute+11*time.Second { // it may be slow
			t.Errorf("it took %v", took)
		}
	})
}

// A writer that a busy machine keeps from returning is not left at work.
func TestSlowWriter(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.serve("h", &sshserver.Server{Exec: hi})
		var slow slowly
		_, err := runFor(time.Minute, w.dial(w.dialer(), "h"), remote.Cmd{Line: "x", Stdout: &slow})
		expect(t, err, ssh.StageRun, ssh.ErrTimeout, "")
		if slow.atWork.Load() {
			t.Error("it is at work after Run has returned")
		}
	})
}

type slowly struct{ atWork atomic.Bool }

func (s *slowly) Write(p []byte) (int, error) {
	s.atWork.Store(true)
	defer s.atWork.Store(false)
	time.Sleep(time.Minute + 5*time.Second)
	return len(p), nil
}

type blocked chan struct{}

func (b blocked) Write(p []byte) (int, error) { <-b; return len(p), nil }

func TestSettings(t *testing.T) {
	w := newWorld(t)
	w.write(".ssh/config", "Host h\n User web\n RemoteForward 127.0.0.1:2401 dev:2401\nHost bad\nFrobnicate yes\n")
	d := &ssh.Dialer{Home: w.home}
	_, err := d.Settings(context.Background(), "h", ssh.Options{})
	if err == nil || !strings.Contains(err.Error(), ".ssh/config line 5: Bad configuration option: frobnicate") {
		t.Errorf("got %v", err)
	}
	w.write(".ssh/config", "Host h\n User web\n RemoteForward 127.0.0.1:2401 dev:2401\n")
	d = &ssh.Dialer{Home: w.home, Set: []string{"Port=3"}}
	s, err := d.Settings(context.Background(), "h", ssh.Options{Port: 4, Set: []string{"ConnectTimeout=9"}})
	check(t, err)
	if s.User != "web" || s.Port != 4 || s.ConnectTimeout != 9*time.Second || len(s.RemoteForwards) != 1 {
		t.Errorf("got %+v", s)
	}
}
