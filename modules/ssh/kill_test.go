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

// TestEnding has the time of a command be over, on hosts that are more or less
// of a help with ending it.
func TestEnding(t *testing.T) {
	const (
		at    = 300 * time.Millisecond // after the command's time
		known = "farmrun-shell-pid:123\n"
	)
	for _, x := range []struct {
		name   string
		pid    string        // what the shell prints about itself
		late   time.Duration // when it does
		sweep  string        // what the sweep prints, after at; "" is no sweep
		ends   string        // what ends the command: "sweep", or a signal
		took   time.Duration
		hint   string
		left   bool
		floods bool // it prints without end, and ends when all of that is taken
	}{
		{name: "sweep", pid: known, sweep: "done\n", ends: "sweep", took: at},
		{name: "just begun", pid: known, late: 50 * time.Millisecond, sweep: "done\n", ends: "sweep", took: at + 50*time.Millisecond},
		{name: "floods", pid: known, floods: true, sweep: "done\n", ends: "sweep", took: at},
		{name: "output held open", pid: known, sweep: "done\n", took: 400 * time.Millisecond},
		{name: "left", pid: known, sweep: "9 root sleep 1\ndone\n", took: at, left: true, hint: "this user may not end them"},
		{name: "slow", pid: known, sweep: "never", took: 1500 * time.Millisecond, hint: "slow to end it"},
		{name: "no second session", pid: known, ends: "TERM", took: 0},
		{name: "deaf", pid: known, ends: "KILL", took: 150 * time.Millisecond},
		{name: "no shell", ends: "TERM", took: 150 * time.Millisecond},
	} {
		t.Run(x.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				swept := make(chan bool)
				command := func(ctx context.Context, h *sshserver.Exec) {
					time.Sleep(time.Minute + x.late)
					io.WriteString(h.Stderr, x.pid)
					if x.floods {
						defer flood(h.Stdout)()
					}
					for over := swept; ; {
						select {
						case <-over:
							if over = nil; x.ends == "sweep" {
								return
							}
						case s := <-h.Signals:
							if string(s) == x.ends {
								return
							}
						case <-ctx.Done():
							return
						}
					}
				}
				w.serve("h", &sshserver.Server{Exec: func(ctx context.Context, h *sshserver.Exec) int {
					switch {
					case h.Command != "exec /bin/sh -s":
						command(ctx, h)
					case x.sweep == "":
						return 1
					case x.sweep == "never":
						<-ctx.Done()
					default:
						time.Sleep(at)
						io.WriteString(h.Stdout, x.sweep)
						close(swept)
					}
					return 0
				}})
				took, err := runFor(time.Minute, w.dial(w.dialer(), "h"), remote.Cmd{Line: "x"})
				expect(t, err, ssh.StageRun, ssh.ErrTimeout, "")
				if took -= time.Minute; took != x.took {
					t.Errorf("it took %v, want %v", took, x.took)
				}
				var e *ssh.Error
				if errors.As(err, &e); len(e.Left) > 0 != x.left || e.Hint != "" && x.hint == "" || !strings.Contains(e.Hint, x.hint) {
					t.Errorf("left %v, hint %q", e.Left, e.Hint)
				}
			})
		})
	}
}
