package ssh_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"farmrun/luahost/remote"
	"farmrun/luahost/remote/remotetest"
	"farmrun/modules/ssh"
	"farmrun/modules/ssh/sshserver"
)

func TestRun(t *testing.T) {
	w := newWorld(t)
	w.serve("h", &sshserver.Server{})
	never := make(remotetest.NoInput)
	defer close(never)
	c := w.dial(w.dialer(), "h")
	for _, x := range []struct {
		name string
		cmd  remote.Cmd
		want remote.Result
	}{
		{"output", remote.Cmd{Line: "echo out; echo err >&2"}, remote.Result{Stdout: []byte("out\n"), Stderr: []byte("err\n")}},
		{"status", remote.Cmd{Line: "exit 7"}, remote.Result{Code: 7}},
		{"signal", remote.Cmd{Line: "kill -TERM $$"}, remote.Result{Code: -1, Signal: "TERM"}},
		{"words", remote.Cmd{Args: []string{"printf", "%s|", "a b", "it's", `back\slash`, "wow!", "$x", "two\nlines"}},
			remote.Result{Stdout: []byte(`a b|it's|back\slash|wow!|$x|` + "two\nlines|")}},
		{"directory", remote.Cmd{Line: "pwd", Dir: "/usr"}, remote.Result{Stdout: []byte("/usr\n")}},
		{"environment", remote.Cmd{Line: `echo "$A $B"`, Env: map[string]string{"A": "x y", "B": "it's"}}, remote.Result{Stdout: []byte("x y it's\n")}},
		{"script", remote.Cmd{Line: "cat <<E\nhere $((1+1))\nE\nfor i in 1 2; do\n\techo \"$i\"\ndone\necho $#$s$n$l"}, remote.Result{Stdout: []byte("here 2\n1\n2\n0\n")}},
		{"input", remote.Cmd{Line: "cat; echo done", Stdin: strings.NewReader("in\x00\xff\n")}, remote.Result{Stdout: []byte("in\x00\xff\ndone\n")}},
		{"no input", remote.Cmd{Line: "cat"}, remote.Result{}},
		{"input unread", remote.Cmd{Line: "true", Stdin: never}, remote.Result{}},
		{"bounded", remote.Cmd{Line: "yes | head -c 1000000", Keep: 8}, remote.Result{Stdout: []byte("y\ny\n\n[farmrun: 999992 bytes cut here]\ny\ny\n")}},
		{"no newline", remote.Cmd{Line: "printf out; printf err >&2"}, remote.Result{Stdout: []byte("out"), Stderr: []byte("err")}},
	} {
		t.Run(x.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			x.cmd.Stdout, x.cmd.Stderr = &out, &errs
			got, err := run(c, x.cmd)
			check(t, err)
			if diff := cmp.Diff(x.want, got, cmpopts.IgnoreFields(remote.Result{}, "Duration"), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if x.cmd.Keep == 0 && (out.String() != string(got.Stdout) || errs.String() != string(got.Stderr)) {
				t.Errorf("live %q %q, kept %q %q", &out, &errs, got.Stdout, got.Stderr)
			}
		})
	}
}

func TestEndless(t *testing.T) {
	w := newWorld(t)
	w.serve("h", &sshserver.Server{})
	d := w.dialer()
	d.Patient()
	remotetest.Ender{Run: w.dial(d, "h").Run}.TryAll(t)
}

// TestHeldOpen has something hold the output of a command open that has ended:
// that is left alone, after a while as at the deadline.
func TestHeldOpen(t *testing.T) {
	for _, x := range []struct{ limit, took time.Duration }{{time.Hour, 5 * time.Second}, {3 * time.Second, 3 * time.Second}} {
		inBubble(t, func(t *testing.T, w *world) {
			w.serve("h", &sshserver.Server{Exec: func(ctx context.Context, h *sshserver.Exec) int {
				if h.Command == "exec /bin/sh -s" {
					t.Error("it is swept")
				}
				h.Begin(os.Getpid())
				h.Held = ctx.Done()
				return 0
			}})
			c := w.dial(w.dialer(), "h")
			took, err := runFor(x.limit, c, remote.Cmd{Line: "x"})
			if err != nil || took != x.took {
				t.Errorf("got %v after %v, want success after %v", err, took, x.took)
			}
		})
	}
}

func TestCloseEndsCommands(t *testing.T) {
	w := newWorld(t)
	w.serve("h", &sshserver.Server{})
	d := w.dialer()
	d.Patient()
	c := w.dial(d, "h")
	mark := remotetest.Mark()
	started := make(remotetest.Signal, 1)
	ended := make(chan error, 1)
	go func() {
		_, err := c.Run(context.Background(), remote.Cmd{Line: "echo; exec sleep 1" + mark, Stdout: started})
		ended <- err
	}()
	<-started
	c.Close()
	if err := <-ended; !errors.Is(err, ssh.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
	if left := remotetest.Running(mark); left != "" {
		t.Errorf("still running: %s", left)
	}
	if _, err := c.Run(context.Background(), remote.Cmd{Line: "true"}); !errors.Is(err, ssh.ErrClosed) {
		t.Errorf("after Close: got %v, want ErrClosed", err)
	}
}

// TestOneWriter has one writer for both outputs, which the race detector
// watches.
func TestOneWriter(t *testing.T) {
	w := newWorld(t)
	w.serve("h", &sshserver.Server{})
	c := w.dial(w.dialer(), "h")
	var both bytes.Buffer
	_, err := run(c, remote.Cmd{Line: "i=0; while [ $i -lt 200 ]; do echo o; echo e >&2; i=$((i+1)); done", Stdout: &both, Stderr: &both})
	if check(t, err); both.Len() != 800 {
		t.Errorf("got %d bytes, want 800", both.Len())
	}
}

// TestBare has commands reach a host whose login shell is none.
func TestBare(t *testing.T) {
	w := newWorld(t)
	w.serve("switch", &sshserver.Server{Exec: func(_ context.Context, x *sshserver.Exec) int {
		io.WriteString(x.Stdout, "you said "+x.Command)
		io.WriteString(x.Stderr, "far")
		return 0
	}})
	c, err := w.dialer().Dial(context.Background(), "switch", ssh.Options{Bare: true})
	check(t, err)
	defer c.Close()
	r, err := run(c, remote.Cmd{Line: "show version"})
	if check(t, err); string(r.Stdout) != "you said show version" || string(r.Stderr) != "far" {
		t.Errorf("got %q and %q", r.Stdout, r.Stderr)
	}
	if _, err := run(c, remote.Cmd{Line: "x", Dir: "/"}); err == nil {
		t.Error("a directory was taken")
	}
	for _, cmd := range []remote.Cmd{{}, {Line: " "}, {Line: "a\x00b"}, {Line: "a", Env: map[string]string{"a b": ""}}} {
		if _, err := run(w.dial(w.dialer(), "switch"), cmd); err == nil {
			t.Errorf("%q was taken for a command", cmd.Line)
		}
	}
}
