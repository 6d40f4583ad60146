package ssh_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"farmrun/luahost/remote"
	"farmrun/modules/ssh"
	"farmrun/modules/ssh/sshserver"
)

func TestRun(t *testing.T) {
	w := newWorld(t)
	w.serve("h", &sshserver.Server{})
	never := make(neverEnds)
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
			got, err := run(t, c, x.cmd, 10*time.Second)
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

// neverEnds is a reader that has nothing, and ends only with the test.
type neverEnds chan struct{}

func (n neverEnds) Read([]byte) (int, error) { <-n; return 0, io.EOF }

// endless are commands that do not end by themselves. MARK is replaced by a
// text by which a process of theirs is found.
var endless = map[string]string{
	"sleep":       "sleep 1MARK",
	"exec":        "exec sleep 1MARK",
	"child":       "sh -c 'sleep 1MARK & wait'",
	"deaf":        "trap '' TERM; sleep 1MARK; sleep 2MARK",
	"chatty":      "yes 1MARK",
	"pipeline":    "sleep 1MARK | cat | cat",
	"own group":   "set -m; sleep 1MARK & wait",
	"orphan":      "set -m; sleep 1MARK & exit 0",
	"silent one":  "sleep 1MARK >/dev/null 2>&1 & wait",
	"loop":        "while :; do : 1MARK; done",
	"input":       "cat 1MARK - ; sleep 1MARK",
	"two lines":   "sleep 1MARK\necho",
	"stubborn":    "sh -c \"trap '' TERM HUP INT; while :; do sleep 1MARK; done\"",
	"new session": "setsid sleep 1MARK; :",
}

func TestEndless(t *testing.T) {
	w := newWorld(t)
	w.serve("h", &sshserver.Server{})
	c := w.dial(w.dialer(), "h")
	tryEndless(t, c, func(mark string) string {
		out, _ := exec.Command("pgrep", "-af", mark).Output()
		return string(out)
	})
}

// tryEndless runs them all and looks what they leave behind.
func tryEndless(t *testing.T, c *ssh.Client, find func(mark string) string) {
	n := 700000
	for name, line := range endless {
		n++
		mark := fmtInt(n)
		t.Run(name, func(t *testing.T) { tryEnd(t, c, strings.ReplaceAll(line, "MARK", mark), mark, find) })
	}
}

// tryEnd runs a command that does not end. It has to be ended within half a
// second, or more if the machine is so busy that even "true" takes long; the
// best of three tries counts. Nothing is ever left behind.
func tryEnd(t *testing.T, c *ssh.Client, line, mark string, find func(mark string) string) {
	const limit = 300 * time.Millisecond
	var took, may time.Duration
	for try := 0; try == 0 || try < 3 && took > may; try++ {
		may = limit + 500*time.Millisecond + 20*max(0, idle(t, c)-20*time.Millisecond)
		began := time.Now()
		_, err := run(t, c, remote.Cmd{Line: line}, limit)
		took = time.Since(began)
		t.Logf("%v of %v: %v", took, may, err)
		if !errors.Is(err, ssh.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want a timeout", err)
		}
		left := find(mark)
		for end := time.Now().Add(5 * time.Second); left != "" && took > limit+300*time.Millisecond && time.Now().Before(end); {
			left = find(mark) // the host was slow, so it may go on for a moment
		}
		if left != "" {
			t.Errorf("still running: %s", left)
		}
	}
	if took > may {
		t.Errorf("it took %v, want at most %v", took, may)
	}
}

// idle returns how long a command takes that does nothing.
func idle(t *testing.T, c *ssh.Client) time.Duration {
	t.Helper()
	r, err := run(t, c, remote.Cmd{Line: "true"}, time.Minute)
	check(t, err)
	return r.Duration
}

func TestCloseEndsCommands(t *testing.T) {
	w := newWorld(t)
	w.serve("h", &sshserver.Server{})
	c := w.dial(w.dialer(), "h")
	started := newSignal()
	ended := make(chan error, 1)
	go func() {
		_, err := c.Run(context.Background(), remote.Cmd{Line: "echo; exec sleep 7654321", Stdout: started})
		ended <- err
	}()
	<-started
	c.Close()
	if err := <-ended; !errors.Is(err, ssh.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
	if out, _ := exec.Command("pgrep", "-af", "sleep 765432[1]").Output(); len(out) > 0 {
		t.Errorf("still running: %s", out)
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
	_, err := run(t, c, remote.Cmd{Line: "i=0; while [ $i -lt 200 ]; do echo o; echo e >&2; i=$((i+1)); done", Stdout: &both, Stderr: &both}, time.Minute)
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
	r, err := run(t, c, remote.Cmd{Line: "show version"}, 5*time.Second)
	if check(t, err); string(r.Stdout) != "you said show version" || string(r.Stderr) != "far" {
		t.Errorf("got %q and %q", r.Stdout, r.Stderr)
	}
	if _, err := run(t, c, remote.Cmd{Line: "x", Dir: "/"}, time.Second); err == nil {
		t.Error("a directory was taken")
	}
	for _, cmd := range []remote.Cmd{{}, {Line: " "}, {Line: "a\x00b"}, {Line: "a", Env: map[string]string{"a b": ""}}} {
		if _, err := run(t, w.dial(w.dialer(), "switch"), cmd, time.Second); err == nil {
			t.Errorf("%q was taken for a command", cmd.Line)
		}
	}
}
