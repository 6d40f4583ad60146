package console_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"farmrun/luahost/console"
)

// reader is somebody who reads only once allowed to.
type reader struct {
	bytes.Buffer
	reads chan struct{} // closed when it begins to read
}

func newReader() *reader { return &reader{reads: make(chan struct{})} }

func (r *reader) Write(text []byte) (int, error) {
	<-r.reads
	return r.Buffer.Write(text)
}

// kib is text of 1024 bytes, which begins with n.
func kib(n int) string { return fmt.Sprintf("%-1023d\n", n) }

// TestUnread: of whoever has more to say than fits, each waits alone, until the
// output is read or the context is done. Farmrun's lines wait for nobody.
func TestUnread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, err := newReader(), newReader()
		c := &console.Console{Out: out, Err: err}
		c.Start()
		late, cancel := context.WithCancel(t.Context())
		chatty, patient := make(chan bool, 1), make(chan bool, 1)
		go func() {
			for i := 0; late.Err() == nil; i++ {
				c.PrintUntil(late, "", kib(i))
			}
			chatty <- true
		}()
		synctest.Wait()
		go func() {
			fmt.Fprint(c.Host("web1", console.Stdout).Until(t.Context()), "waited\n")
			patient <- true
		}()
		for range 100 {
			c.Note("", "%s", kib(0))
		}
		synctest.Wait()
		if len(chatty)+len(patient) > 0 {
			t.Fatal("somebody did not wait for the reader")
		}
		cancel()
		<-chatty
		synctest.Wait()
		if len(patient) > 0 {
			t.Fatal("it is over for others as well")
		}
		close(out.reads)
		<-patient
		close(err.reads)
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if !strings.HasSuffix(out.String(), "\nweb1: waited\n") || out.Len() > 2<<20 {
			t.Errorf("%d bytes came, and they end with %q", out.Len(), out.String()[out.Len()-20:])
		}
		if !strings.HasSuffix(err.String(), "farmrun: 1024 bytes of standard output were dropped: nobody read those before them\n") {
			t.Errorf("it says %q", err.String()[err.Len()-100:])
		}
	})
}

// TestOneFile: the order of the lines of both streams stays where they are one.
func TestOneFile(t *testing.T) {
	var both bytes.Buffer
	c := &console.Console{Out: &both, Err: &both}
	c.Start()
	var want strings.Builder
	for i := range 1000 {
		c.Note("", "%d", i)
		c.Print("", fmt.Sprintln(i))
		fmt.Fprintf(&want, "%d\n%[1]d\n", i)
	}
	c.Close()
	if both.String() != want.String() {
		t.Errorf("got %q", both.String())
	}
}

// TestStoppedTerminal: nobody waits for a terminal that was stopped, and the
// operator is told how much he has not seen, in its place.
func TestStoppedTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		screen := newReader()
		c := &console.Console{Out: screen, Err: screen, OutTerminal: true, ErrTerminal: true, Plain: true, Size: func() (int, int) { return 24, 80 }}
		c.Start()
		drawn := 0
		l := c.Live(func(int, int) []string { drawn++; return []string{fmt.Sprint(drawn)} })
		for i := range 3 << 10 {
			c.Print("web1", kib(i))
		}
		time.Sleep(time.Minute)
		if drawn > 10 {
			t.Errorf("it was drawn %d times, and nobody saw it", drawn)
		}
		c.Hold(t.Context())() // does not wait for ever
		close(screen.reads)
		synctest.Wait()
		c.Note("", "the last")
		l.Close()
		c.Close()
		shown := screen.String()
		if n := strings.Count(shown, "web1: "); n < 900 || n > 2000 {
			t.Errorf("%d lines are shown", n)
		}
		if at := strings.Index(shown, " bytes were dropped: nobody read"); at < 0 || strings.Contains(shown[at:], "web1: ") || !strings.Contains(shown[at:], "the last") {
			t.Errorf("it ends with %q", shown[len(shown)-200:])
		}
	})
}

// TestClose waits for a slow reader as long as it takes, and for one who does not
// read until the console is abandoned.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		c := &console.Console{Out: w}
		c.Start()
		for i := range 500 {
			c.Print("", kib(i))
		}
		closed := make(chan error, 1)
		go func() { closed <- c.Close() }()
		buf := make([]byte, 1024)
		for range 400 {
			time.Sleep(time.Second)
			io.ReadFull(r, buf)
		}
		time.Sleep(time.Hour)
		if len(closed) > 0 {
			t.Fatal("it did not wait for its reader")
		}
		c.Abandon()
		<-closed
		r.Close()
	})
}

// TestReaderGone: nobody waits for a reader that has gone, nor is that a failure.
// A full disk is one, and that is said.
func TestReaderGone(t *testing.T) {
	for why, fails := range map[error]bool{syscall.EPIPE: false, syscall.ENOSPC: true} {
		r, w := io.Pipe()
		r.CloseWithError(fmt.Errorf("write: %w", why))
		var said bytes.Buffer
		c := &console.Console{Out: w, Err: &said}
		heard := 0
		c.Listen(func(context.Context, console.Saying) { heard++ })
		c.Start()
		for i := range 3 << 10 {
			c.Print("", kib(i))
		}
		err := c.Close()
		if errors.Is(err, why) != fails || strings.Contains(said.String(), "farmrun: error: standard output: ") != fails {
			t.Errorf("%v: Close returns %v, and it says %q", why, err, &said)
		}
		if heard != 3<<10 {
			t.Errorf("%d lines were heard", heard)
		}
	}
}

// TestSilent: a listener writes instead.
func TestSilent(t *testing.T) {
	var out bytes.Buffer
	c := &console.Console{Out: &out, Silent: true}
	c.Listen(func(ctx context.Context, s console.Saying) { c.Emit(ctx, append([]byte("heard "), s.Text...)) })
	c.Print("", "one\n")
	if out.String() != "heard one\n" {
		t.Errorf("got %q", &out)
	}
}
