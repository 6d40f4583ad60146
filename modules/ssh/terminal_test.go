package ssh_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"farmrun/luahost/remote"
	"farmrun/luahost/remote/remotetest"
	"farmrun/modules/ssh"
	"farmrun/modules/ssh/sshserver"
)

func TestTerminal(t *testing.T) {
	w := newWorld(t)
	w.serve("h", &sshserver.Server{Terminals: true})
	c := w.dial(w.dialer(), "h")
	tryTerminal(t, openTerminal(t, c, remote.TerminalOptions{Term: "vt100", Columns: 132}))
}

// tryTerminal talks with a shell in a terminal of 132 columns, and has it exit.
func tryTerminal(t *testing.T, term remote.Terminal) {
	t.Helper()
	p := remotetest.NewTypist(t, term)
	p.Type("PS1= exec sh\nstty -echo; echo be''gun\n")
	p.Await("begun\r\n")
	p.Type("echo \"$TERM $(stty size) to err\" >&2\n")
	p.Await("vt100 24 132 to err\r\n")
	check(t, term.Resize(50, 90))
	p.Type("until [ \"$(stty size)\" = '50 90' ]; do :; done; echo re''sized\n")
	p.Await("resized\r\n")
	check(t, term.SetReadDeadline(time.Now().Add(10*time.Millisecond)))
	if _, err := term.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a read with nothing to read: %v", err)
	}
	check(t, term.SetReadDeadline(time.Time{}))
	p.Type("printf 'a%.0s' $(seq 100000); exit 3\n")
	if all := p.AwaitEnd(); strings.Count(all, "a") != 100000 {
		t.Errorf("%d bytes came", len(all))
	}
	if end, ok := remote.TerminalAs[remote.Ended](term); !ok || end.Code() != 3 || end.Signal() != "" {
		t.Errorf("it ended by status %d, signal %q", end.Code(), end.Signal())
	}
	check(t, term.Close())
	if _, err := term.Read(make([]byte, 1)); err == nil {
		t.Error("a read after close succeeds")
	}
}

// TestTerminalCloses has Close end the shell and what it runs.
func TestTerminalCloses(t *testing.T) {
	w := newWorld(t)
	w.serve("h", &sshserver.Server{Terminals: true, Grace: time.Hour})
	d := w.dialer()
	for name, end := range map[string]func(*ssh.Client, remote.Terminal) error{
		"terminal": func(_ *ssh.Client, term remote.Terminal) error { return term.Close() },
		"client":   func(c *ssh.Client, _ remote.Terminal) error { return c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			c := w.dial(d, "h")
			fifo := w.path(name)
			r, err := run(c, remote.Cmd{Line: "mkfifo " + name})
			check(t, err)
			check(t, r.Err(remote.Cmd{}))
			term := openTerminal(t, c, remote.TerminalOptions{})
			read := make(chan error, 1)
			p := remotetest.NewTypist(t, term)
			p.Type("exec sh -c 'trap \"echo hung >" + name + "; exit\" HUP; echo r''eady; read never'\n")
			p.Await("ready")
			go func() {
				_, err := io.Copy(io.Discard, term)
				read <- err
			}()
			check(t, end(c, term))
			if got, err := os.ReadFile(fifo); err != nil || string(got) != "hung\n" {
				t.Errorf("the shell says %q, %v", got, err)
			}
			if err := <-read; !errors.Is(err, net.ErrClosed) && !errors.Is(err, ssh.ErrClosed) {
				t.Errorf("the read ended with %v", err)
			}
		})
	}
}

func TestTerminalFailures(t *testing.T) { inBubble(t, testTerminalFailures) }

func testTerminalFailures(t *testing.T, w *world) {
	w.serve("none", &sshserver.Server{})
	w.serve("silent", &sshserver.Server{Terminals: true, Fault: func(int) sshserver.Fault { return sshserver.SilentChannel }})
	cut := &sshserver.Server{Terminals: true}
	cut.Exec = func(_ context.Context, x *sshserver.Exec) int {
		io.ReadFull(x.Stdin, make([]byte, 1)) // the terminal is open
		io.WriteString(x.Stdout, "hello")
		go cut.Close()
		io.Copy(io.Discard, x.Stdin)
		return 0
	}
	w.serve("cut", cut)
	d := w.dialer()
	_, err := w.dial(d, "none").Terminal(context.Background(), remote.TerminalOptions{})
	if err == nil || !strings.Contains(err.Error(), "the host gives no terminal") {
		t.Errorf("without a terminal: %v", err)
	}

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	_, err = w.dial(d, "silent").Terminal(ctx, remote.TerminalOptions{})
	expect(t, err, ssh.StageRun, ssh.ErrTimeout, "")

	term := openTerminal(t, w.dial(d, "cut"), remote.TerminalOptions{})
	defer term.Close()
	_, err = io.WriteString(term, "x")
	check(t, err)
	_, err = io.Copy(io.Discard, term)
	expect(t, err, ssh.StageRun, ssh.ErrLost, "")
	err = term.Resize(1, 1)
	expect(t, err, ssh.StageRun, ssh.ErrLost, "")
}

// TestTerminalUnread has a shell whose two streams are merged be left in the
// middle of what it says, and what is written be taken by nobody.
func TestTerminalUnread(t *testing.T) { inBubble(t, testTerminalUnread) }

func testTerminalUnread(t *testing.T, w *world) {
	more := make(chan bool)
	w.serve("h", &sshserver.Server{Terminals: true, Exec: func(ctx context.Context, x *sshserver.Exec) int {
		io.WriteString(x.Stderr, "err")
		<-more
		io.WriteString(x.Stdout, "left")
		io.WriteString(x.Stderr, "left")
		<-ctx.Done()
		return 0
	}})
	term := openTerminal(t, w.dial(w.dialer(), "h"), remote.TerminalOptions{})
	p := remotetest.NewTypist(t, term)
	p.Await("err")
	more <- true
	_, err := term.Read(make([]byte, 1))
	check(t, err)
	check(t, term.SetWriteDeadline(time.Now().Add(50*time.Millisecond)))
	if _, err := term.Write(make([]byte, 8<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the write ended with %v", err)
	}
	check(t, term.SetWriteDeadline(time.Time{}))
	if _, err := io.WriteString(term, "more"); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the next write ended with %v", err)
	}
	check(t, term.Close())
}

func TestFarmTerminal(t *testing.T) {
	c := dialFarm(t, onFarm(t, ""), "webserv1", "web")
	tryTerminal(t, openTerminal(t, c, remote.TerminalOptions{Term: "vt100", Columns: 132}))

	killed := openTerminal(t, c, remote.TerminalOptions{})
	p := remotetest.NewTypist(t, killed)
	p.Type("kill -KILL $$\n")
	p.AwaitEnd()
	if end := killed.(remote.Ended); end.Code() != -1 || end.Signal() != "KILL" {
		t.Errorf("it ended by status %d, signal %q", end.Code(), end.Signal())
	}
	check(t, killed.Close())

	farm := openTerminal(t, c, remote.TerminalOptions{})
	remotetest.NewTypist(t, farm).Type("exec sleep 1800042\n")
	waitRunning(t, "1800042", true)
	check(t, farm.Close())
	waitRunning(t, "1800042", false)
}

// waitRunning waits until a process is on webserv1, or is not.
func waitRunning(t *testing.T, mark string, want bool) {
	t.Helper()
	for (running(t, "webserv1")(mark) != "") != want {
		runtime.Gosched()
	}
}

func openTerminal(t *testing.T, c *ssh.Client, o remote.TerminalOptions) remote.Terminal {
	t.Helper()
	term, err := c.Terminal(context.Background(), o)
	check(t, err)
	return term
}

// TestBreak presses the break key, where the host has one and where not.
func TestBreak(t *testing.T) {
	w := newWorld(t)
	pressed := make(chan struct{}, 1)
	w.serve("console", &sshserver.Server{Terminals: true, Break: func() { pressed <- struct{}{} }})
	w.serve("web", &sshserver.Server{Terminals: true})
	d := w.dialer()
	console := openTerminal(t, w.dial(d, "console"), remote.TerminalOptions{})
	check(t, console.Break())
	<-pressed
	check(t, console.Close())
	web := openTerminal(t, w.dial(d, "web"), remote.TerminalOptions{})
	if err := web.Break(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a host without: %v", err)
	}
	check(t, web.Close())
}
