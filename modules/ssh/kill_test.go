package ssh_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"farmrun/luahost/remote"
	"farmrun/modules/ssh"
	"farmrun/modules/ssh/sshserver"
)

// flood writes to w until stop is called, which returns when all is taken.
func flood(w io.Writer) (stop func()) {
	var stopped atomic.Bool
	var done sync.WaitGroup
	done.Go(func() {
		for piece := make([]byte, 32<<10); !stopped.Load(); {
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	})
	return func() {
		stopped.Store(true)
		done.Wait()
	}
}

// swept is a host on which the time of a command is over.
type swept struct {
	name   string
	pid    int           // of the command's shell, which begins after a minute; 0 is none
	late   time.Duration // how much later it does
	floods bool          // it prints without end, and ends when all of that is taken
	sweep  string        // the sweep's output; "" is no sweep, "never" one that does not end
	ends   string        // the cause of the command's end: "sweep", or a signal
	took   time.Duration // after the command's time
	hint   string
	left   bool
}

// sweepTakes is how long the sweep works.
const sweepTakes = 300 * time.Millisecond

// command is the command whose time is over; done is closed after the sweep.
func (s swept) command(ctx context.Context, h *sshserver.Exec, done <-chan struct{}) {
	time.Sleep(time.Minute + s.late)
	if s.pid > 0 {
		h.Begin(s.pid)
	}
	if s.floods {
		defer flood(h.Stdout)()
	}
	for {
		select {
		case <-done:
			if done = nil; s.ends == "sweep" {
				return
			}
		case signal := <-h.Signals:
			if string(signal) == s.ends {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// exec is a sshserver.Server's Exec, for one command.
func (s swept) exec() func(context.Context, *sshserver.Exec) int {
	done := make(chan struct{})
	return func(ctx context.Context, h *sshserver.Exec) int {
		switch {
		case !strings.HasSuffix(h.Command, "exec /bin/sh -s'"):
			s.command(ctx, h, done)
		case s.sweep == "":
			return 1
		case s.sweep == "never":
			<-ctx.Done()
		default:
			h.Begin(2)
			time.Sleep(sweepTakes)
			io.WriteString(h.Stdout, s.sweep)
			close(done)
		}
		return 0
	}
}

// TestEnding has hosts be more or less of a help with ending a command.
func TestEnding(t *testing.T) {
	const pid, most = 123, 400 * time.Millisecond
	for _, x := range []swept{
		{name: "sweep", pid: pid, sweep: "done\n", ends: "sweep", took: sweepTakes},
		{name: "just begun", pid: pid, late: 50 * time.Millisecond, sweep: "done\n", ends: "sweep", took: sweepTakes + 50*time.Millisecond},
		{name: "floods", pid: pid, floods: true, sweep: "done\n", ends: "sweep", took: sweepTakes},
		{name: "output held open", pid: pid, sweep: "done\n", took: most},
		{name: "left", pid: pid, sweep: "9 root sleep 1\ndone\n", took: sweepTakes, left: true, hint: "this user may not end them"},
		{name: "slow", pid: pid, sweep: "never", took: 3 * time.Second, hint: "slow to end it"},
		{name: "no second session", pid: pid, ends: "TERM"},
		{name: "deaf", pid: pid, ends: "KILL", took: 150 * time.Millisecond},
		{name: "no shell", ends: "TERM", took: 150 * time.Millisecond, hint: "has not begun"},
	} {
		t.Run(x.name, func(t *testing.T) { inBubble(t, x.test) })
	}
}

func (s swept) test(t *testing.T, w *world) {
	w.serve("h", &sshserver.Server{Exec: s.exec()})
	took, err := runFor(time.Minute, w.dial(w.dialer(), "h"), remote.Cmd{Line: "x"})
	expect(t, err, ssh.StageRun, ssh.ErrTimeout, "")
	if took -= time.Minute; took != s.took {
		t.Errorf("it took %v, want %v", took, s.took)
	}
	var e *ssh.Error
	if errors.As(err, &e); len(e.Left) > 0 != s.left || e.Hint != "" && s.hint == "" || !strings.Contains(e.Hint, s.hint) {
		t.Errorf("left %v, hint %q", e.Left, e.Hint)
	}
}
