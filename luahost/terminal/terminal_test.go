package terminal_test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

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

func TestCancelled(t *testing.T) {
	_, tty := screen(t)
	why := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(20*time.Millisecond, func() { cancel(why) })
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
