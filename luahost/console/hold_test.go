package console_test

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"farmrun/luahost/console"
)

func TestHold(t *testing.T) {
	var screen, file bytes.Buffer
	c := &console.Console{Out: &file, Err: &screen, ErrTerminal: true, Plain: true}
	release, again := c.Hold(t.Context()), c.Hold(t.Context())
	c.Note("web1", "one")
	c.Print("web1", "result")
	release()
	c.Note("web2", "two")
	if screen.Len() > 0 || file.String() != "web1: result\n" {
		t.Errorf("held back: screen %q, file %q", &screen, &file)
	}
	again()
	if got := screen.String(); got != "web1: one\nweb2: two\n" {
		t.Errorf("released: %q", got)
	}
	c.Note("web3", "three")
	if !strings.HasSuffix(screen.String(), "web3: three\n") {
		t.Errorf("afterwards: %q", &screen)
	}
}

func TestHoldIsBounded(t *testing.T) {
	var screen bytes.Buffer
	c := &console.Console{Err: &screen, ErrTerminal: true, Plain: true}
	release := c.Hold(t.Context())
	for range 3000 {
		c.Note("", "%s", strings.Repeat("x", 1023))
	}
	c.Note("", "the last")
	release()
	first, _, _ := strings.Cut(screen.String(), "\n")
	if screen.Len() > 2<<20 || !strings.HasSuffix(screen.String(), "\nthe last\n") ||
		!strings.Contains(first, "bytes that were said meanwhile are not shown") {
		t.Errorf("%d bytes are shown, the first line is %q", screen.Len(), first)
	}
}

// TestFlush: a slow reader has all that was said when it returns.
func TestFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		there, here := io.Pipe()
		var read bytes.Buffer
		go func() {
			buf := make([]byte, 3)
			for n, err := there.Read(buf); err == nil; n, err = there.Read(buf) {
				read.Write(buf[:n])
				time.Sleep(time.Millisecond)
			}
		}()
		c := &console.Console{Err: here, Plain: true}
		c.Start()
		c.Note("web1", "one and two")
		c.Flush(t.Context())
		synctest.Wait()
		if got := read.String(); got != "web1: one and two\n" {
			t.Errorf("written: %q", got)
		}
		c.Close()
		here.Close()
		time.Sleep(time.Second)
	})
}
