package login_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"farmrun/luahost"
	"farmrun/luahost/remote"
	"farmrun/luahost/remote/remotetest"
	"farmrun/modules/expect"
	"farmrun/modules/login"
)

// shells are what users log in with.
var shells = [][]string{{"sh"}, {"bash", "--norc"}, {"csh", "-f"}, {"tcsh", "-f"}, {"busybox", "ash"}}

// dialLocal returns a login whose terminals are of this machine.
func dialLocal(t *testing.T, shell ...string) *login.Client {
	t.Helper()
	if _, err := exec.LookPath(shell[0]); err != nil {
		t.Skipf("there is no %s here", shell[0])
	}
	remotetest.NoLeaks(t)
	c, err := login.Dial(t.Context(), options(expect.Program{Args: shell, Env: map[string]string{"LC_ALL": "C"}}))
	if err != nil {
		t.Fatalf("%v\n%s", err, luahost.OutputOf(err))
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// options are those for a login by a local program.
func options(p expect.Program) login.Options {
	return login.Options{
		Host: "here", User: "web", Converse: converse,
		Open: func(_ context.Context, o remote.TerminalOptions) (remote.Terminal, error) {
			program := p
			program.Terminal = o
			return expect.Start(program)
		},
	}
}

func converse(t remote.Terminal) login.Session {
	return expect.New(t, expect.Options{Strip: true, Keep: 8 << 10})
}

func run(t *testing.T, c *login.Client, cmd remote.Cmd, within time.Duration) (remote.Result, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	return c.Run(ctx, cmd)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// neverEnds is a reader that has nothing, and ends only with the test.
type neverEnds chan struct{}

func (n neverEnds) Read([]byte) (int, error) { <-n; return 0, io.EOF }

// allBytes is every byte value.
var allBytes = func() string {
	var b strings.Builder
	for i := range 256 {
		b.WriteByte(byte(i))
	}
	return b.String()
}()

func TestRun(t *testing.T) {
	for _, shell := range shells {
		t.Run(shell[0], func(t *testing.T) {
			c := dialLocal(t, shell...)
			never := make(neverEnds)
			defer close(never)
			for _, x := range []struct {
				name string
				cmd  remote.Cmd
				want remote.Result
			}{
				{"output", remote.Cmd{Line: "echo out; echo err >&2"}, remote.Result{Stdout: []byte("out\n"), Stderr: []byte("err\n")}},
				{"status", remote.Cmd{Line: "exit 7"}, remote.Result{Code: 7}},
				{"signal", remote.Cmd{Line: "kill -TERM $$"}, remote.Result{Code: 128 + 15}},
				{"words", remote.Cmd{Args: []string{"printf", "%s|", "a b", "it's", `back\slash`, "wow!", "$x", "two\nlines"}},
					remote.Result{Stdout: []byte(`a b|it's|back\slash|wow!|$x|` + "two\nlines|")}},
				{"directory", remote.Cmd{Line: "pwd", Dir: "/usr"}, remote.Result{Stdout: []byte("/usr\n")}},
				{"environment", remote.Cmd{Line: `echo "$A $B"`, Env: map[string]string{"A": "x y", "B": "it's"}}, remote.Result{Stdout: []byte("x y it's\n")}},
				{"script", remote.Cmd{Line: "cat <<E\nhere $((1+1))\nE\nfor i in 1 2; do\n\techo \"$i\"\ndone\necho $#$s$n$l$_s$_l$_m"}, remote.Result{Stdout: []byte("here 2\n1\n2\n0\n")}},
				{"long lines", remote.Cmd{Line: "echo " + strings.Repeat("é-%s\\|", 100) + strings.Repeat("x", 9000) + "\necho"},
					remote.Result{Stdout: []byte(strings.Repeat("é-%s|", 100) + strings.Repeat("x", 9000) + "\n\n")}},
				{"control characters", remote.Cmd{Args: []string{"printf", "%s", allBytes[1:]}}, remote.Result{Stdout: []byte(allBytes[1:])}},
				{"input", remote.Cmd{Line: "cat; echo done", Stdin: strings.NewReader(allBytes)}, remote.Result{Stdout: []byte(allBytes + "done\n")}},
				{"options as input", remote.Cmd{Line: "cat", Stdin: strings.NewReader("-n\n--\n-")}, remote.Result{Stdout: []byte("-n\n--\n-")}},
				{"bulk", remote.Cmd{Line: "cat", Stdin: strings.NewReader(strings.Repeat(allBytes, 200))}, remote.Result{Stdout: []byte(strings.Repeat(allBytes, 200))}},
				{"no input", remote.Cmd{Line: "cat"}, remote.Result{}},
				{"empty input", remote.Cmd{Line: "cat", Stdin: strings.NewReader("")}, remote.Result{}},
				{"input unread", remote.Cmd{Line: "true", Stdin: never}, remote.Result{}},
				{"much input unread", remote.Cmd{Line: "head -c 3", Stdin: strings.NewReader(strings.Repeat("xyz", 100000))}, remote.Result{Stdout: []byte("xyz")}},
				{"bounded", remote.Cmd{Line: "yes | head -c 1000000", Keep: 8}, remote.Result{Stdout: []byte("y\ny\n\n[farmrun: 999992 bytes cut here]\ny\ny\n")}},
				{"no newline", remote.Cmd{Line: "printf out; printf err >&2"}, remote.Result{Stdout: []byte("out"), Stderr: []byte("err")}},
				{"no terminal", remote.Cmd{Line: "(: </dev/tty) 2>/dev/null || echo none; tty"}, remote.Result{Stdout: []byte("none\nnot a tty\n"), Code: 1}},
				{"a shell of its own", remote.Cmd{Line: "cd /usr; umask 077; x=1; exec >/dev/null"}, remote.Result{}},
				{"as it was", remote.Cmd{Line: "umask; echo $x"}, remote.Result{Stdout: []byte("0022\n\n")}},
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
		})
	}
}

// TestLive has output come while the command runs, and input be answered.
func TestLive(t *testing.T) {
	c := dialLocal(t, "sh")
	in, typed := io.Pipe()
	heard, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := run(t, c, remote.Cmd{Line: "while read -r x; do echo \"you said $x\"; done", Stdin: in, Stdout: out}, 10*time.Second)
		out.Close()
		done <- err
	}()
	for _, word := range []string{"one", "two"} {
		fmt.Fprintln(typed, word)
		want := "you said " + word + "\n"
		got := make([]byte, len(want))
		if _, err := io.ReadFull(heard, got); err != nil || string(got) != want {
			t.Fatalf("got %q, %v; want %q", got, err, want)
		}
	}
	typed.Close()
	check(t, <-done)
}

// TestMuch copies megabytes of every byte there and back.
func TestMuch(t *testing.T) {
	c := dialLocal(t, "sh")
	data := make([]byte, 2<<20)
	rand.Read(data)
	began := time.Now()
	r, err := run(t, c, remote.Cmd{Line: "cat", Stdin: bytes.NewReader(data), Keep: 2 * len(data)}, time.Minute)
	check(t, err)
	if !bytes.Equal(r.Stdout, data) {
		t.Errorf("%d bytes became %d others", len(data), len(r.Stdout))
	}
	t.Logf("%d bytes there and back in %v", len(data), time.Since(began))
}

// TestAtOnce has more commands run than there are terminals.
func TestAtOnce(t *testing.T) {
	c := dialLocal(t, "sh")
	done := make(chan error)
	for i := range 8 {
		go func() {
			r, err := run(t, c, remote.Cmd{Line: fmt.Sprintf("sleep 0.05; echo %d", i)}, 20*time.Second)
			if want := fmt.Sprintf("%d\n", i); err == nil && string(r.Stdout) != want {
				err = fmt.Errorf("got %q, want %q", r.Stdout, want)
			}
			done <- err
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

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
	"stubborn":    "sh -c \"trap '' TERM HUP INT; while :; do sleep 1MARK; done\"",
	"new session": "setsid sleep 1MARK; :",
}

// TestEndless runs them all and looks what they leave behind.
func TestEndless(t *testing.T) {
	c := dialLocal(t, "sh")
	for name := range endless {
		t.Run(name, func(t *testing.T) { tryEnd(t, c, name, "") })
	}
}

// TestEndlessWithInput has commands ended that do not read their input: the
// terminal is full of it.
func TestEndlessWithInput(t *testing.T) {
	c := dialLocal(t, "sh")
	for _, name := range []string{"sleep", "deaf", "new session"} {
		t.Run(name, func(t *testing.T) { tryEnd(t, c, name, strings.Repeat("all work and no play\n", 50000)) })
	}
}

// TestEndlessWithoutSetsid is on a host that can give a command no session of
// its own.
func TestEndlessWithoutSetsid(t *testing.T) {
	c, err := login.Dial(t.Context(), options(expect.Program{Args: []string{"sh"}, Env: map[string]string{"PATH": pathOf(t, "yes")}}))
	check(t, err)
	defer c.Close()
	for _, name := range []string{"sleep", "deaf", "child", "pipeline", "chatty"} {
		t.Run(name, func(t *testing.T) { tryEnd(t, c, name, "") })
	}
}

// endlessRuns counts what tryEnd has run, for the marks.
var endlessRuns atomic.Int64

func tryEnd(t *testing.T, c *login.Client, name, input string) {
	mark := fmt.Sprint(os.Getpid()*1000 + int(endlessRuns.Add(1))) // other tests may run on this machine
	line := strings.ReplaceAll(endless[name], "MARK", mark)
	const limit = 300 * time.Millisecond
	var took, may time.Duration
	for try := 0; try == 0 || try < 3 && took > may; try++ {
		idle, err := run(t, c, remote.Cmd{Line: "true"}, time.Minute)
		check(t, err)
		may = limit + time.Second + 20*max(0, idle.Duration-20*time.Millisecond)
		cmd := remote.Cmd{Line: line}
		if input != "" {
			cmd.Stdin = strings.NewReader(input)
		}
		began := time.Now()
		_, err = run(t, c, cmd, limit)
		took = time.Since(began)
		t.Logf("%v of %v: %v", took, may, err)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want a timeout", err)
		}
		if left, _ := exec.Command("pgrep", "-af", mark).Output(); len(left) > 0 {
			t.Errorf("still running: %s", left)
		}
	}
	if took > may {
		t.Errorf("it took %v, want at most %v", took, may)
	}
}

// signal is a writer that tells when something was written.
type signal chan struct{}

func (s signal) Write(p []byte) (int, error) {
	select {
	case <-s:
	default:
		close(s)
	}
	return len(p), nil
}

func TestCloseEndsCommands(t *testing.T) {
	c := dialLocal(t, "sh")
	started := make(signal)
	ended := make(chan error, 1)
	go func() {
		_, err := c.Run(context.Background(), remote.Cmd{Line: "echo; exec sleep 8654321", Stdout: started})
		ended <- err
	}()
	<-started
	c.Close()
	if err := <-ended; !errors.Is(err, login.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
	if out, _ := exec.Command("pgrep", "-af", "sleep 865432[1]").Output(); len(out) > 0 {
		t.Errorf("still running: %s", out)
	}
	if _, err := c.Run(context.Background(), remote.Cmd{Line: "true"}); !errors.Is(err, login.ErrClosed) {
		t.Errorf("after Close: got %v, want ErrClosed", err)
	}
}

// TestLost has the terminal hang up in the middle of a command.
func TestLost(t *testing.T) {
	c := dialLocal(t, "sh")
	_, err := run(t, c, remote.Cmd{Line: "kill -KILL $(ps -o sid= -p $PPID)"}, 10*time.Second)
	if !errors.Is(err, login.ErrLost) {
		t.Errorf("got %v, want ErrLost", err)
	}
	select {
	case <-c.Done():
	case <-time.After(5 * time.Second):
		t.Error("the login does not say that it is lost")
	}
	if _, err := run(t, c, remote.Cmd{Line: "true"}, time.Second); !errors.Is(err, login.ErrLost) {
		t.Errorf("got %v, want ErrLost", err)
	}
}

// TestUnsure is on a host that stands still when the time is over, and lets
// nobody in to look.
func TestUnsure(t *testing.T) {
	o := options(expect.Program{Args: []string{"sh"}})
	open, opened := o.Open, false
	o.Open = func(ctx context.Context, how remote.TerminalOptions) (remote.Terminal, error) {
		if opened {
			return nil, errors.New("no more")
		}
		opened = true
		return open(ctx, how)
	}
	c, err := login.Dial(t.Context(), o)
	check(t, err)
	defer c.Close()
	r, err := run(t, c, remote.Cmd{Line: "echo $$; pkill -STOP -s $(ps -o sid= -p $PPID); exec sleep 100"}, 500*time.Millisecond)
	pid, _ := strconv.Atoi(strings.TrimSpace(string(r.Stdout)))
	if pid < 2 {
		t.Fatalf("got %q, %v", r.Stdout, err)
	}
	defer syscall.Kill(pid, syscall.SIGKILL)
	if !errors.Is(err, context.DeadlineExceeded) || luahost.HintOf(err) != "the command may still be running on the host" {
		t.Errorf("got %v, hint %q", err, luahost.HintOf(err))
	}
}
