package fence_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creack/pty"

	"farmrun/luahost/remote/fence"
	"farmrun/luahost/remote/remotetest"
	"farmrun/testdata/need"
)

// screen is the terminal of a shell that a login has led to.
type screen struct {
	*os.File
	ended chan struct{} // closed when the shell has ended
}

func (screen) Resize(rows, columns int) error { return nil }
func (screen) Break() error                   { return nil }

// login begins a shell with a prompt on a host.
func login(t *testing.T, s *remotetest.Shell, shell ...string) screen {
	t.Helper()
	words := append(append([]string{}, s.Wrap...), shell...)
	c := exec.Command(words[0], words[1:]...)
	c.Dir, c.Env = s.Dir, append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.Dir, "PS1=ready> ", "TERM=dumb"}, s.Env...)
	file, err := pty.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	fd, err := syscall.Dup(int(file.Fd()))
	if err == nil {
		err = syscall.SetNonblock(fd, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	term := screen{os.NewFile(uintptr(fd), "terminal"), make(chan struct{})}
	go func() { c.Wait(); close(term.ended) }()
	t.Cleanup(func() {
		c.Process.Kill()
		term.Close()
		<-term.ended
	})
	return term
}

// loginShells are shells that people have, and how to begin one with a prompt.
var loginShells = map[string][]string{
	"bash":    {"bash", "--norc", "--noprofile", "-i"},
	"dash":    {"dash", "-i"},
	"busybox": {"busybox", "sh", "-i"},
	"tcsh":    {"tcsh", "-f", "-i"},
}

// TestSession: a session's shell leaves its receipt, whatever shell it is, and goes on as
// before.
func TestSession(t *testing.T) {
	for name, shell := range loginShells {
		t.Run(name, func(t *testing.T) {
			need.Program(t, shell[0])
			s := remotetest.New(t)
			f := on(s)
			take(t, f, owner(1))
			term := login(t, s, shell...)
			text, err := f.Session(t.Context(), term, owner(1), "r1", 1, "restart")
			if err != nil || strings.Contains(string(text), "stty") {
				t.Fatalf("%q, %v", text, err)
			}
			state, err := f.Look(t.Context())
			if r, ok := state.Last("restart"); err != nil || !ok || len(state.Open()) != 1 || r.Start == "??" {
				t.Errorf("%+v, %v", state, err)
			}
			person := remotetest.NewTypist(t, term)
			person.Type("stty -a | grep -c ' icanon.* echo ' | sed s/^/lin''es:/; echo do''ne\n")
			person.Await("lines:1")
			person.Await("done")
			idle, err := f.Leave(t.Context(), owner(1), "r1")
			if err != nil || !idle {
				t.Errorf("idle: %v, %v", idle, err)
			}
			state = take(t, f, owner(2))
			if r, _ := state.Last("restart"); r.Status != fence.Closed {
				t.Errorf("the receipt: %+v", r)
			}
			person.Type("echo it lives >there; cat there\n")
			person.Await("lives\r\n")
		})
	}
}

// TestSessionOfFormerOwner is ended with all that runs there, by whoever takes over. Where
// the host does not tell a shell from a later process of the same number, it is named.
func TestSessionOfFormerOwner(t *testing.T) {
	onMachines(t, func(t *testing.T, s *remotetest.Shell) {
		f, mark := on(s), remotetest.Mark()
		take(t, f, owner(1))
		term := login(t, s, "sh", "-i")
		if _, err := f.Session(t.Context(), term, owner(1), "r1", 1, "restart"); err != nil {
			t.Fatal(err)
		}
		person := remotetest.NewTypist(t, term)
		person.Type("sh -c \"echo beg''un; sleep 1" + mark + "; :\"\n") // which is in the foreground by then
		person.Await("begun")
		if idle, err := f.Leave(t.Context(), owner(1), "r1"); err != nil || idle {
			t.Errorf("with a command in the foreground: idle %v, %v", idle, err)
		}
		_, err := f.TakeOver(t.Context(), owner(2), soon)
		if running, ok := errors.AsType[*fence.RunningError](err); ok && strings.HasSuffix(t.Name(), "no_proc") {
			if len(running.Left) != 1 || !strings.Contains(err.Error(), "sh -i") {
				t.Errorf("it is not named: %v", err)
			}
			return
		}
		if err != nil || remotetest.Running(mark) != "" {
			t.Fatalf("%v, still running: %s", err, remotetest.Running(mark))
		}
		<-term.ended
	})
}

// TestSessionRefused: a session of a former owner does not begin.
func TestSessionRefused(t *testing.T) {
	s := remotetest.New(t)
	f := on(s)
	take(t, f, owner(2))
	term := login(t, s, "sh", "-i")
	_, err := f.Session(t.Context(), term, owner(1), "r1", 1, "restart")
	if refused, ok := errors.AsType[*fence.RefusedError](err); !ok || !strings.Contains(refused.Said, "the fence is not ours") {
		t.Errorf("%v", err)
	}
}

// TestSessionWaits: nothing is typed before a prompt, for a startup file that asks something
// would take it for the answer.
func TestSessionWaits(t *testing.T) {
	for name, test := range map[string]struct{ startup, asked string }{
		"banner pauses":   {startup: "printf 'loading 100%'; sleep 0.1; echo; IFS= read -t 0.01 -n 1 x; echo \"$x\" >asked", asked: "\n"},
		"drops typeahead": {startup: "sleep 0.1; while read -t 0.1 x; do echo \"$x\" >>asked; done"},
		"asks for Enter":  {startup: "read -p 'Press Enter to go on ' x; echo \"$x\" >asked; read -n 1 -p --More-- x", asked: "\n"},
		"odd prompt":      {startup: "PS1='➜  ~ '"},
		"drawn prompt":    {startup: "PS1='\\[\\e]0;t\\a\\e[1m\\]\\u\\$\\[\\e[0m\\] '"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			need.Program(t, "bash")
			s := remotetest.New(t)
			f := on(s)
			take(t, f, owner(1))
			if err := os.WriteFile(filepath.Join(s.Dir, "startup"), []byte("PS1='ready> '\n"+test.startup+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			term := login(t, s, "bash", "--rcfile", "startup", "-i")
			if _, err := f.Session(t.Context(), term, owner(1), "r1", 1, "restart"); err != nil {
				t.Fatal(err)
			}
			if asked, _ := os.ReadFile(filepath.Join(s.Dir, "asked")); string(asked) != test.asked {
				t.Errorf("the startup file was answered %q", asked)
			}
		})
	}
}

// TestSessionThatAsks: a question gets no answer from the noter, and is told.
func TestSessionThatAsks(t *testing.T) {
	for _, test := range []struct{ says, typed, err string }{
		{says: "Which? "},
		{says: "Which\r\n"},
		{says: "Which account [web/db]: ", err: `it shows no prompt, but "Which account [web/db]:"`},
		{says: "\x1b[1mGo on (y/n/q) \x1b[0m"},
		{says: "Press any key", typed: "\r"},
		{says: ""},
	} {
		t.Run(test.says, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := net.Pipe()
				typed := make(chan string)
				go io.WriteString(theirs, test.says)
				go func() {
					all, _ := io.ReadAll(theirs)
					typed <- string(all)
				}()
				_, err := fence.Fence{Name: "web1"}.Session(t.Context(), pipe{ours}, owner(1), "r1", 1, "restart")
				ours.Close()
				if got := <-typed; got != test.typed {
					t.Errorf("%q was typed", got)
				}
				if !errors.Is(err, fence.ErrNoShell) || !strings.Contains(err.Error(), test.err) {
					t.Errorf("%v", err)
				}
			})
		})
	}
}

// TestSessionStoodStill: a process that was stopped for long has the prompt that was shown
// meanwhile.
func TestSessionStoodStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			typed := make([]byte, 1)
			io.WriteString(theirs, "loading\r\n")
			io.WriteString(theirs, "web1$")
			theirs.Read(typed) // of the noter
			theirs.Close()
		}()
		_, err := fence.Fence{Name: "web1"}.Session(t.Context(), sleeper{pipe{ours}}, owner(1), "r1", 1, "restart")
		<-stopped
		if errors.Is(err, fence.ErrNoShell) {
			t.Errorf("%v", err)
		}
	})
}

// sleeper is a pipe whose reader is stopped for a minute behind each read.
type sleeper struct{ pipe }

func (s sleeper) Read(p []byte) (int, error) {
	n, err := s.pipe.Read(p)
	time.Sleep(time.Minute)
	return n, err
}

// TestNoShell: a program that is no shell leaves no receipt, and the wait for it ends.
func TestNoShell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		go io.Copy(io.Discard, theirs)
		defer theirs.Close()
		f := fence.Fence{Name: "web1"}
		if _, err := f.Session(t.Context(), pipe{ours}, owner(1), "r1", 1, "restart"); !errors.Is(err, fence.ErrNoShell) {
			t.Errorf("%v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := f.Session(ctx, pipe{ours}, owner(1), "r1", 1, "restart"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	})
}

// pipe is a terminal that leads to a program of the test.
type pipe struct{ net.Conn }

func (pipe) Resize(rows, columns int) error { return nil }
func (pipe) Break() error                   { return nil }
