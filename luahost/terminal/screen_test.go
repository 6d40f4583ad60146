package terminal_test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/term"

	"farmrun/luahost/deadline"
	"farmrun/luahost/terminal"
)

func take(t *testing.T, tty *terminal.Terminal) *terminal.Screen {
	t.Helper()
	s, err := tty.Take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// state returns how the terminal is set.
func state(t *testing.T, tty *terminal.Terminal) term.State {
	t.Helper()
	f, err := os.OpenFile(tty.Path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s, err := term.GetState(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	return *s
}

// TestUnread: what was typed for a program that did not read it is nobody's, and
// what is typed once the terminal is restored is for who reads it next.
func TestUnread(t *testing.T) {
	master, tty := screen(t)
	s := take(t, tty)
	master.WriteString("~.\r")
	if _, err := s.Read(make([]byte, 1)); err != nil { // it is there
		t.Fatal(err)
	}
	s.Restore()
	master.WriteString("next\r")
	s.Close()
	f, err := os.OpenFile(tty.Path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if line, err := bufio.NewReader(f).ReadString('\n'); line != "next\n" {
		t.Errorf("the next line is %q, %v", line, err)
	}
}

// TestTake: every key comes through as it is, and what is shown is not changed.
func TestTake(t *testing.T) {
	master, tty := screen(t)
	before := state(t, tty)
	s := take(t, tty)
	keys := "\x03\x1a\x04\x13~.\r"
	master.WriteString(keys)
	got := make([]byte, 64)
	n := 0
	for n < len(keys) {
		m, err := s.Read(got[n:])
		if err != nil {
			t.Fatal(err)
		}
		n += m
	}
	if string(got[:n]) != keys {
		t.Errorf("got %q", got[:n])
	}
	s.Write([]byte("a\nb"))
	n, _ = master.Read(got)
	if string(got[:n]) != "a\nb" {
		t.Errorf("shown: %q", got[:n])
	}
	s.Close()
	if state(t, tty) != before {
		t.Error("the terminal is not as it was")
	}
}

func TestTakeNone(t *testing.T) {
	file := t.TempDir() + "/file"
	os.WriteFile(file, nil, 0o666)
	for _, path := range []string{"/nonexistent", file} {
		tty := terminal.Terminal{Path: path}
		for range 2 { // what was begun is taken back
			if _, err := tty.Take(t.Context()); !errors.Is(err, terminal.ErrNone) {
				t.Errorf("%s: got %v", path, err)
			}
		}
	}
}

// TestTakeKeepsOthersOff: while it is taken nobody writes and nobody asks, and
// whoever wants to ask does not wait longer than he has time.
func TestTakeKeepsOthersOff(t *testing.T) {
	_, tty := screen(t)
	held := 0
	tty.Hold = func(context.Context) func() { held++; return func() { held-- } }
	s := take(t, tty)
	if held != 1 {
		t.Error("others may write")
	}
	why := errors.New("no time")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Millisecond, why)
	defer cancel()
	if _, err := tty.Ask(ctx, "name? "); !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
	s.Close()
	s.Close()
	if held != 0 {
		t.Error("others may not write")
	}
}

func TestTakeStopsTheClock(t *testing.T) {
	_, tty := screen(t)
	ctx, cancel := deadline.With(t.Context(), time.Hour, errors.New("late"))
	defer cancel()
	s, err := tty.Take(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if !deadline.Stopped(ctx) {
		t.Error("the clock runs")
	}
	s.Close()
	if deadline.Stopped(ctx) {
		t.Error("the clock stands still afterwards")
	}
}

func TestSize(t *testing.T) {
	master, tty := screen(t)
	pty.Setsize(master, &pty.Winsize{Rows: 50, Cols: 132})
	s := take(t, tty)
	if rows, columns := s.Size(); rows != 50 || columns != 132 {
		t.Errorf("got %d, %d", rows, columns)
	}
	syscall.Kill(syscall.Getpid(), syscall.SIGWINCH)
	<-s.Resized()
}

// TestModes: what a program has switched on is switched off when it is left.
func TestModes(t *testing.T) {
	for _, test := range []struct {
		name  string
		shown []string
		want  string
	}{
		{"nothing", []string{"plain text\r\n"}, ""},
		{"colours", []string{"\x1b[31mred"}, plain},
		{"an editor", []string{"\x1b[?1049h\x1b[?25l\x1b[?1h\x1b="}, "\x1b[?1l\x1b[?25h\x1b[?1049l" + plain},
		{"an editor that was left", []string{"\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"}, plain},
		{"several at once", []string{"\x1b[?1000;1006h"}, "\x1b[?1000l\x1b[?1006l" + plain},
		{"in pieces", []string{"\x1b", "[?2", "004", "h"}, "\x1b[?2004l" + plain},
		{"an escape in pieces that is another", []string{"\x1b", "[", "3", "1m", "\x1b[?25l"}, "\x1b[?25h" + plain},
		{"too long", []string{"\x1b[?", "11111111111111111111111111111111111111111111111111111111111111111111", "h"}, plain},
	} {
		t.Run(test.name, func(t *testing.T) {
			master, tty := screen(t)
			s := take(t, tty)
			shown := make(chan string)
			go func() {
				r := bufio.NewReader(master)
				readUntil(r, "END")
				got := readUntil(r, "OVER")
				shown <- got[:len(got)-len("OVER")]
			}()
			for _, text := range test.shown {
				s.Write([]byte(text))
			}
			s.Write([]byte("END"))
			s.Close()
			f, err := os.OpenFile(tty.Path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			f.WriteString("OVER")
			if got := <-shown; got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// plain is what ends colours, letters for lines, and codes from the keypad.
const plain = "\x1b[0m\x1b(B\x0f\x1b>"

// TestTakenStopped: nothing waits for a terminal that takes nothing once the
// context is done.
func TestTakenStopped(t *testing.T) {
	_, tty := screen(t)
	ctx, cancel := context.WithCancel(t.Context())
	s, err := tty.Take(ctx)
	if err != nil {
		t.Fatal(err)
	}
	written := make(chan error)
	go func() {
		_, err := s.Write(make([]byte, 1<<20)) // which nobody reads
		written <- err
	}()
	cancel()
	if err := <-written; err == nil {
		t.Error("no error")
	}
	s.Close()
}
