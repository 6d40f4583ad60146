package expect

import (
	"context"
	"errors"
	"os"
	ossignal "os/signal"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

func start(t *testing.T, script string) *Terminal {
	t.Helper()
	terminal, err := Start(Program{Args: []string{"sh", "-c", script}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close() })
	return terminal
}

// TestTerminalErrors: what a terminal says when there is nothing to read.
func TestTerminalErrors(t *testing.T) {
	terminal := start(t, "read x")
	terminal.SetReadDeadline(time.Unix(1, 0))
	if n, err := terminal.Read(make([]byte, 10)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after the deadline: got %d, %v", n, err)
	}
	terminal.SetReadDeadline(time.Time{})
	if _, err := terminal.Write([]byte("\n")); err != nil {
		t.Error(err)
	}
	var err error
	for err == nil {
		_, err = terminal.Read(make([]byte, 10))
	}
	if !saysGone(err) {
		t.Errorf("when the program has ended: got %v", err)
	}
	terminal.Close()
	if _, err := terminal.Read(make([]byte, 10)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a read after Close: got %v", err)
	}
	if _, err := terminal.Write([]byte("x")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a write after Close: got %v", err)
	}
}

// TestTerminalCloseEndsRead: a read that waits ends with Close.
func TestTerminalCloseEndsRead(t *testing.T) {
	terminal := start(t, "stty -echo; echo ready; exec sleep 1000")
	ended := make(chan error)
	go func() {
		var err error
		for err == nil {
			_, err = terminal.Read(make([]byte, 10))
		}
		ended <- err
	}()
	terminal.Close()
	if err := <-ended; !errors.Is(err, os.ErrClosed) && !saysGone(err) {
		t.Errorf("got %v", err)
	}
}

// TestTerminalFull: a program that does not read lets a send wait, and then
// read on; what it gets is whole.
func TestTerminalFull(t *testing.T) {
	const lines = 50000
	s := New(start(t, `stty -echo; echo ready; read x; wc -l -c`), Options{})
	defer s.Close()
	want(t, s, "ready")
	if err := s.Send(t.Context(), "go\n"+strings.Repeat("line\n", lines)+"\x04"); err != nil {
		t.Fatal(err)
	}
	want(t, s, "50000")
	want(t, s, "250000")
}

// TestTerminalStuck: a send to a program that never reads ends with its context.
func TestTerminalStuck(t *testing.T) {
	s := New(start(t, `stty -echo; echo ready; exec sleep 1000`), Options{})
	defer s.Close()
	want(t, s, "ready")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		for len(s.sending) == 0 {
			runtime.Gosched()
		}
		cancel(context.DeadlineExceeded)
	}()
	if err := s.Send(ctx, strings.Repeat("line\n", 100000)); !errors.Is(err, ErrStuck) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want that it is stuck", err)
	}
}

// TestTerminalNohup: a program hears that its terminal is closed, though nohup(1)
// has farmrun ignore it.
func TestTerminalNohup(t *testing.T) {
	ossignal.Ignore(syscall.SIGHUP)
	defer ossignal.Reset(syscall.SIGHUP)
	mark := t.TempDir() + "/heard"
	terminal := start(t, `trap ": >'`+mark+`'; exit" HUP; stty -echo; echo ready; read x`)
	for said := ""; !strings.Contains(said, "ready"); {
		buf := make([]byte, 100)
		n, err := terminal.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		said += string(buf[:n])
	}
	terminal.Close()
	if _, err := os.Stat(mark); err != nil {
		t.Errorf("it did not hear of it: %v", err)
	}
	if !ossignal.Ignored(syscall.SIGHUP) {
		t.Error("farmrun does not ignore it any more")
	}
}
