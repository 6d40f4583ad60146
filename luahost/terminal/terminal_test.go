package terminal_test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"farmrun/luahost/deadline"
	"farmrun/luahost/terminal"
)

// screen opens a pseudo terminal and returns its far end and a Terminal on it.
func screen(t *testing.T) (*os.File, *terminal.Terminal) {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close(); slave.Close() })
	return master, &terminal.Terminal{Path: slave.Name()}
}

// answer types line once the question is there and returns what the screen
// showed up to then and after.
func answer(t *testing.T, master *os.File, question, line string) <-chan string {
	t.Helper()
	shown := make(chan string, 1)
	go func() {
		r := bufio.NewReader(master)
		var got strings.Builder
		for !strings.Contains(got.String(), question) {
			b, err := r.ReadByte()
			if err != nil {
				break
			}
			got.WriteByte(b)
		}
		master.WriteString(line + "\n")
		rest, _ := r.ReadString('\n')
		shown <- got.String() + rest
	}()
	return shown
}

func TestAsk(t *testing.T) {
	master, tty := screen(t)
	shown := answer(t, master, "name? ", "ken")
	got, err := tty.Ask(t.Context(), "name? ")
	if got != "ken" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if s := <-shown; !strings.Contains(s, "ken") {
		t.Errorf("no echo: %q", s)
	}
}

func TestSecret(t *testing.T) {
	master, tty := screen(t)
	shown := answer(t, master, "Password: ", "xyzzy")
	got, err := tty.Secret(t.Context(), "Password: ")
	if got.Reveal() != "xyzzy" || err != nil {
		t.Errorf("got %q, %v", got.Reveal(), err)
	}
	if s := <-shown; strings.Contains(s, "xyzzy") {
		t.Errorf("the password was echoed: %q", s)
	}
}

// TestQuestionsCannotDraw: the terminal obeys nothing in a question, of whatever kind.
func TestQuestionsCannotDraw(t *testing.T) {
	const draws, drawn = "a\x1b]52;c;eA==\a\x1b[2Jb\r\u202e\u009b\xff", `a\x1b]52;c;eA==\x07\x1b[2Jb\x0d\u{202e}\u{9b}\xff`
	for name, ask := range map[string]func(tty *terminal.Terminal) error{
		"ask":     func(tty *terminal.Terminal) error { _, err := tty.Ask(t.Context(), draws+"y? "); return err },
		"confirm": func(tty *terminal.Terminal) error { _, err := tty.Confirm(t.Context(), draws+"y? "); return err },
		"secret":  func(tty *terminal.Terminal) error { _, err := tty.Secret(t.Context(), draws+"y? "); return err },
		"choose": func(tty *terminal.Terminal) error {
			_, err := tty.Choose(t.Context(), draws, []terminal.Option{{Key: "y", Text: draws + "y? "}})
			return err
		},
	} {
		master, tty := screen(t)
		shown := answer(t, master, "y? ", "y")
		if err := ask(tty); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if s := <-shown; !strings.Contains(s, drawn) || strings.ContainsAny(s, "\x1b\a\u009b") {
			t.Errorf("%s: shown %q", name, s)
		}
	}
}

// TestHeldForAQuestion: nobody writes between a question and its answer.
func TestHeldForAQuestion(t *testing.T) {
	master, tty := screen(t)
	said := []string{}
	tty.Hold = func(context.Context) func() {
		said = append(said, "held")
		return func() { said = append(said, "released") }
	}
	shown := answer(t, master, "Password: ", "xyzzy")
	tty.Secret(t.Context(), "Password: ")
	if s := <-shown; !strings.HasSuffix(s, "\n") || !slices.Equal(said, []string{"held", "released"}) {
		t.Errorf("%q, shown %q", said, s)
	}
}

func TestCancelled(t *testing.T) {
	master, tty := screen(t)
	why := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		readUntil(bufio.NewReader(master), "Password: ")
		cancel(why)
	}()
	if _, err := tty.Secret(ctx, "Password: "); !errors.Is(err, why) {
		t.Errorf("got %v, want %v", err, why)
	}
}

func TestNone(t *testing.T) {
	tty := terminal.Terminal{Path: "/nonexistent"}
	if _, err := tty.Ask(t.Context(), "?"); !errors.Is(err, terminal.ErrNone) {
		t.Errorf("got %v", err)
	}
}

func TestConfirm(t *testing.T) {
	for _, test := range []struct {
		typed []string
		want  bool
	}{
		{[]string{"y"}, true},
		{[]string{"YES"}, true},
		{[]string{" yes "}, true},
		{[]string{"n"}, false},
		{[]string{""}, false},
		{[]string{"what", "perhaps", "y"}, true},
	} {
		master, tty := screen(t)
		done := make(chan bool)
		go func() {
			r := bufio.NewReader(master)
			for _, line := range test.typed {
				readUntil(r, "[y/N] ")
				master.WriteString(line + "\n")
			}
			close(done)
		}()
		got, err := tty.Confirm(t.Context(), "Really?")
		if got != test.want || err != nil {
			t.Errorf("%q: got %v, %v", test.typed, got, err)
		}
		<-done
	}
}

// readUntil reads up to and with the text.
func readUntil(r *bufio.Reader, text string) string {
	var got strings.Builder
	for !strings.Contains(got.String(), text) {
		b, err := r.ReadByte()
		if err != nil {
			return got.String()
		}
		got.WriteByte(b)
	}
	return got.String()
}

// TestOneAtATime: two goroutines that ask do not mix their questions.
func TestOneAtATime(t *testing.T) {
	master, tty := screen(t)
	answers := make(chan string, 2)
	for range 2 {
		go func() {
			got, _ := tty.Ask(t.Context(), "name? ")
			answers <- got
		}()
	}
	r := bufio.NewReader(master)
	for _, name := range []string{"ken", "rob"} {
		shown := readUntil(r, "name? ")
		if n := strings.Count(shown, "name? "); n != 1 {
			t.Errorf("%d questions at once: %q", n, shown)
		}
		master.WriteString(name + "\n")
		if got := <-answers; got != name {
			t.Errorf("got %q, want %q", got, name)
		}
	}
}

// TestEchoIsRestored: after a secret, and after one that was called off, what
// is typed can be seen again.
func TestEchoIsRestored(t *testing.T) {
	master, tty := screen(t)
	ctx, cancel := context.WithCancel(t.Context())
	r := bufio.NewReader(master)
	asked := make(chan error)
	go func() { _, err := tty.Secret(ctx, "Password: "); asked <- err }()
	readUntil(r, "Password: ")
	cancel()
	if err := <-asked; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	go func() { _, err := tty.Ask(t.Context(), "name? "); asked <- err }()
	readUntil(r, "name? ")
	master.WriteString("visible\n")
	if shown := readUntil(r, "visible"); !strings.Contains(shown, "visible") {
		t.Errorf("no echo: %q", shown)
	}
	if err := <-asked; err != nil {
		t.Error(err)
	}
}

// TestClosed: a terminal that goes away is an error, not a wait.
func TestClosed(t *testing.T) {
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	tty := &terminal.Terminal{Path: slave.Name()}
	r := bufio.NewReader(master)
	asked := make(chan error)
	go func() { _, err := tty.Ask(t.Context(), "name? "); asked <- err }()
	readUntil(r, "name? ")
	slave.Close()
	master.Close()
	if err := <-asked; err == nil {
		t.Error("no error")
	}
}

// TestNotATerminal: a password is not asked for where it would be seen.
func TestNotATerminal(t *testing.T) {
	path := t.TempDir() + "/file"
	if err := os.WriteFile(path, []byte("hunter2\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	tty := terminal.Terminal{Path: path}
	if s, err := tty.Secret(t.Context(), "Password: "); !errors.Is(err, terminal.ErrNone) || s.Reveal() != "" {
		t.Errorf("got %q, %v", s.Reveal(), err)
	}
}

func TestChoose(t *testing.T) {
	options := []terminal.Option{{"r", "retry", "do the step again"}, {"s", "stop", "halt"}}
	for _, test := range []struct {
		typed []string
		want  int
	}{
		{[]string{"r"}, 0},
		{[]string{" STOP "}, 1},
		{[]string{"", "x", "s"}, 1},
	} {
		master, tty := screen(t)
		held := 0
		tty.Hold = func(context.Context) func() { held++; return func() { held-- } }
		done := make(chan string)
		go func() {
			r := bufio.NewReader(master)
			shown := readUntil(r, "? ")
			for i, line := range test.typed {
				if i > 0 {
					shown += readUntil(r, "please: ")
				}
				master.WriteString(line + "\n")
			}
			done <- shown
		}()
		got, err := tty.Choose(t.Context(), "restart failed", options)
		if got != test.want || err != nil || held != 0 {
			t.Errorf("%q: got %v, %v; held %d", test.typed, got, err, held)
		}
		const question = "restart failed\r\n  r  do the step again\r\n  s  halt\r\n"
		want := question + "? "
		for _, line := range test.typed[:len(test.typed)-1] { // it is asked again in full
			want += line + "\r\n" + question + "one of the letters, please: "
		}
		if shown := <-done; shown != want {
			t.Errorf("shown: %q, want %q", shown, want)
		}
	}
}

// TestKeep: another's question, although it waits already, comes after those for which the
// terminal is kept.
func TestKeep(t *testing.T) {
	master, tty := screen(t)
	kept, release, err := tty.Keep(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	other := make(chan string, 1)
	go func() {
		line, _ := tty.Ask(t.Context(), "other? ")
		other <- line
	}()
	shown := answer(t, master, "ours? ", "mine")
	if line, err := tty.Ask(kept, "ours? "); line != "mine" || err != nil {
		t.Errorf("got %q, %v", line, err)
	}
	if s, err := tty.Take(kept); err != nil {
		t.Error(err)
	} else {
		s.Close()
	}
	if got := <-shown; strings.Contains(got, "other") {
		t.Errorf("shown: %q", got)
	}
	shown = answer(t, master, "other? ", "his")
	release()
	if line := <-other; line != "his" {
		t.Errorf("the other question got %q", line)
	}
	<-shown
}

// TestChooseStopsTheClock: an operator who takes his time costs the turn none.
func TestChooseStopsTheClock(t *testing.T) {
	master, tty := screen(t)
	ctx, cancel := deadline.With(t.Context(), time.Hour, errors.New("late"))
	defer cancel()
	stopped := make(chan bool, 1)
	go func() {
		readUntil(bufio.NewReader(master), "? ")
		stopped <- deadline.Stopped(ctx)
		master.WriteString("s\n")
	}()
	if got, err := tty.Choose(ctx, "failed", []terminal.Option{{"s", "stop", "halt"}}); got != 0 || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
	if !<-stopped {
		t.Error("the clock ran while it asked")
	}
	if deadline.Stopped(ctx) {
		t.Error("the clock stands still afterwards")
	}
}

// TestDecline ends the question on the screen and the one behind it, and not
// one that comes later.
func TestDecline(t *testing.T) {
	master, tty := screen(t)
	why := errors.New("nobody answers")
	failed := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := tty.Ask(t.Context(), "name? ")
			failed <- err
		}()
	}
	r := bufio.NewReader(master)
	if _, err := r.ReadString('?'); err != nil {
		t.Fatal(err)
	}
	if !tty.Asking() {
		t.Error("it is not asking")
	}
	for ended := 0; ended < 2; {
		select {
		case err := <-failed:
			if ended++; !errors.Is(err, why) {
				t.Errorf("got %v, want %v", err, why)
			}
		case <-t.Context().Done():
			t.Fatal("a question still waits")
		default:
			tty.Decline(why) // the second may not have been asked yet
			runtime.Gosched()
		}
	}
	shown := answer(t, master, "again? ", "ken")
	if got, err := tty.Ask(t.Context(), "again? "); got != "ken" || err != nil {
		t.Errorf("afterwards: %q, %v", got, err)
	}
	<-shown
}

// TestTypedAhead: keys that were typed before there was a question are no answer
// to it.
func TestTypedAhead(t *testing.T) {
	master, tty := screen(t)
	r := bufio.NewReader(master)
	master.WriteString("y\n")
	readUntil(r, "y") // its echo: it is there
	done := make(chan bool)
	go func() {
		yes, _ := tty.Confirm(t.Context(), "Remove it?")
		done <- yes
	}()
	readUntil(r, "[y/N] ")
	master.WriteString("n\n")
	if <-done {
		t.Error("it took for yes what was typed before")
	}
}

// TestStoppedTerminal: a question ends with its context, though the operator has
// stopped the screen.
func TestStoppedTerminal(t *testing.T) {
	_, tty := screen(t)
	why := errors.New("late")
	ctx, cancel := context.WithCancelCause(t.Context())
	asked := make(chan error)
	go func() {
		_, err := tty.Ask(ctx, strings.Repeat("long question ", 10000)) // which nobody reads
		asked <- err
	}()
	for !tty.Asking() {
		runtime.Gosched()
	}
	cancel(why)
	if err := <-asked; !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
}
