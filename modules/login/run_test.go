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
	"farmrun/testdata/need"
)

// shells are what users log in with.
var shells = [][]string{{"sh"}, {"bash", "--norc"}, {"csh", "-f"}, {"tcsh", "-f"}, {"busybox", "ash"}}

// dialLocal returns a login whose terminals are of this machine.
func dialLocal(t testing.TB, shell ...string) *login.Client {
	t.Helper()
	need.Program(t, shell[0])
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
		Host: "here", User: "web", Converse: converse, Calm: login.DefaultQuiet,
		Open: func(_ context.Context, o remote.TerminalOptions) (remote.Terminal, error) {
			program := p
			program.Terminal = o
			return expect.Start(program)
		},
	}
}

func converse(t remote.Terminal) login.Session {
	return expect.New(t, expect.Options{Strip: expect.StripEscapes, Keep: 8 << 10})
}

// run runs a command that ends by itself, in its time on a busy machine too.
func run(t *testing.T, c *login.Client, cmd remote.Cmd) (remote.Result, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	return c.Run(ctx, cmd)
}

// expired is a context with a deadline, of which the host is told, that passes
// when the test says so: an early one would find that nothing has begun.
type expired struct {
	context.Context
	at time.Time
}

func (e expired) Deadline() (time.Time, bool) { return e.at, true }

// runUntil runs a command that has so much time, which is over when the command
// has begun to print and then has returned.
func runUntil(c *login.Client, cmd remote.Cmd, has time.Duration, then func()) error {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	begun := make(remotetest.Signal, 1)
	cmd.Stdout = begun
	go func() {
		select {
		case <-begun:
			then()
			cancel(context.DeadlineExceeded)
		case <-ctx.Done():
		}
	}()
	_, err := c.Run(expired{ctx, time.Now().Add(has)}, cmd)
	return err
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

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
			never := make(remotetest.NoInput)
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
					got, err := run(t, c, x.cmd)
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
		_, err := run(t, c, remote.Cmd{Line: "while read -r x; do echo \"you said $x\"; done", Stdin: in, Stdout: out})
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
	r, err := run(t, c, remote.Cmd{Line: "cat", Stdin: bytes.NewReader(data), Keep: 2 * len(data)})
	check(t, err)
	if !bytes.Equal(r.Stdout, data) {
		t.Errorf("%d bytes became %d others", len(data), len(r.Stdout))
	}
}

// TestAtOnce has more commands run than there are terminals.
func TestAtOnce(t *testing.T) {
	c := dialLocal(t, "sh")
	done := make(chan error)
	for i := range 8 {
		go func() {
			r, err := run(t, c, remote.Cmd{Line: fmt.Sprintf("sleep 0.05; echo %d", i)})
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

// ender tries whether c ends commands.
func ender(c *login.Client) remotetest.Ender {
	return remotetest.Ender{Run: c.Run, Behind: true}
}

func TestEndless(t *testing.T) { ender(dialLocal(t, "sh")).TryAll(t) }

func TestLeavesDaemons(t *testing.T) { ender(dialLocal(t, "sh")).TryDaemon(t) }

// TestEndlessWithInput has commands ended that do not read their input: the
// terminal is full of it.
func TestEndlessWithInput(t *testing.T) {
	e := ender(dialLocal(t, "sh"))
	for _, name := range []string{"sleep", "deaf", "new session"} {
		t.Run(name, func(t *testing.T) { e.Try(t, name, strings.Repeat("all work and no play\n", 50000)) })
	}
}

// TestEndlessWithoutSetsid is on a host that can give a command no session of
// its own.
func TestEndlessWithoutSetsid(t *testing.T) {
	c, err := login.Dial(t.Context(), options(expect.Program{Args: []string{"sh"}, Env: map[string]string{"PATH": pathOf(t, "yes")}}))
	check(t, err)
	defer c.Close()
	for _, name := range []string{"sleep", "deaf", "child", "pipeline", "chatty"} {
		t.Run(name, func(t *testing.T) { ender(c).Try(t, name, "") })
	}
}

func TestCloseEndsCommands(t *testing.T) {
	c := dialLocal(t, "sh")
	started := make(remotetest.Signal, 1)
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
	_, err := run(t, c, remote.Cmd{Line: "kill -KILL $(ps -o sid= -p $PPID); exec sleep 1000"})
	if !errors.Is(err, login.ErrLost) {
		t.Errorf("got %v, want ErrLost", err)
	}
	<-c.Done()
	if _, err := run(t, c, remote.Cmd{Line: "true"}); !errors.Is(err, login.ErrLost) {
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
	ctx, expire := context.WithCancelCause(t.Context())
	var pid, session int
	said, says := io.Pipe()
	defer says.Close()
	go func() {
		fmt.Fscanln(said, &pid, &session)
		stop(session)
		expire(context.DeadlineExceeded)
	}()
	_, err = c.Run(ctx, remote.Cmd{Line: "echo $$ $(ps -o sid= -p $PPID); exec sleep 100", Stdout: says})
	if pid < 2 {
		t.Fatalf("it is process %d: %v", pid, err)
	}
	defer syscall.Kill(pid, syscall.SIGKILL)
	if !errors.Is(err, context.DeadlineExceeded) || luahost.HintOf(err) != "the command may still be running on the host" {
		t.Errorf("got %v, hint %q", err, luahost.HintOf(err))
	}
}

// stop has all processes of a session stand still.
func stop(session int) {
	exec.Command("pkill", "-STOP", "-s", strconv.Itoa(session)).Run()
}

// TestHungUp has the terminal hang up on a command, which ends with it.
func TestHungUp(t *testing.T) {
	c := dialLocal(t, "sh")
	mark := marked(1)
	line := "setsid sleep 1" + mark + " & trap '' HUP; s=$(ps -o sid= -p $PPID); " +
		"until pgrep -s $s -x sleep >/dev/null; do :; done; " + // that of who looks after it
		"kill -KILL $s; sleep 2" + mark
	if _, err := run(t, c, remote.Cmd{Line: line}); !errors.Is(err, login.ErrLost) {
		t.Errorf("got %v, want ErrLost", err)
	}
	awaitNone(t, mark)
}

// TestCutOff has the line die before the time of a command is over: the host
// keeps that by itself.
func TestCutOff(t *testing.T) {
	o := options(expect.Program{Args: []string{"sh"}})
	open, line := o.Open, &deadLine{dead: make(chan struct{})}
	o.Open = func(ctx context.Context, how remote.TerminalOptions) (_ remote.Terminal, err error) {
		if line.Terminal != nil {
			return nil, errors.New("no more")
		}
		line.Terminal, err = open(ctx, how)
		return line, err
	}
	c, err := login.Dial(t.Context(), o)
	check(t, err)
	defer line.Terminal.Close()
	defer c.Close()
	mark := marked(2)
	cmd := remote.Cmd{Line: "trap '' TERM HUP; echo; sleep 1" + mark + "; sleep 2" + mark}
	err = runUntil(c, cmd, 3*time.Second, func() { close(line.dead) })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if left, _ := exec.Command("pgrep", "-f", "sleep 1"+mark).Output(); len(left) == 0 {
		t.Error("it has ended without the host's doing")
	}
	awaitNone(t, mark)
}

// deadLine is a terminal that nothing comes through any more once it is dead,
// not even that it was closed.
type deadLine struct {
	remote.Terminal
	dead chan struct{}
}

func (l *deadLine) Write(p []byte) (int, error) {
	select {
	case <-l.dead:
		return len(p), nil
	default:
		return l.Terminal.Write(p)
	}
}

func (l *deadLine) Close() error { return nil }

// TestNoWatchLeft looks for what watches over a command, when that is over.
func TestNoWatchLeft(t *testing.T) {
	c := dialLocal(t, "sh")
	within := 1000*time.Hour + time.Duration(os.Getpid())*time.Second
	watch := fmt.Sprint(os.Getpid() + 3600*1000 + 3)
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	r, err := c.Run(ctx, remote.Cmd{Line: "until pgrep -f 'sleep [" + watch[:1] + "]" + watch[1:] + "'; do :; done"})
	check(t, err)
	if r.Code != 0 {
		t.Errorf("there is no watch: %q", r.Stderr)
	}
	awaitNone(t, watch)
}

// marked returns a number by which the sleeps of a test are found.
func marked(test int) string { // and no other tests on this machine
	return fmt.Sprint(os.Getpid()*1000 + 900 + test)
}

// awaitNone waits until no sleep has the mark among its words.
func awaitNone(t *testing.T, mark string) {
	t.Helper()
	left := []byte("?")
	for end := time.Now().Add(time.Minute); len(left) > 0 && time.Now().Before(end); {
		left, _ = exec.Command("pgrep", "-af", "sleep [12]?"+mark).Output()
	}
	if len(left) > 0 {
		t.Errorf("still running: %s", left)
	}
}

// BenchmarkRun is what a command costs that does nothing.
func BenchmarkRun(b *testing.B) {
	c := dialLocal(b, "sh")
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
	defer cancel()
	for b.Loop() {
		if _, err := c.Run(ctx, remote.Cmd{Line: "true"}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDial is what a login costs after its dialogue.
func BenchmarkDial(b *testing.B) {
	for b.Loop() {
		dialLocal(b, "sh").Close()
	}
}
