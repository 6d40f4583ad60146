package expect

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"time"

	"farmrun/luahost/console"
	"farmrun/luahost/render"
)

// Why a wait or a send failed.
var (
	ErrTimeout = errors.New("the time for the whole wait is over")
	ErrSilence = errors.New("nothing more was said")
	ErrEnd     = errors.New("the other end is gone")
	ErrClosed  = errors.New("the session is closed")
	ErrStuck   = errors.New("the other end did not take what was sent")
)

// Error is a wait that ended without a match, or a send to nobody.
type Error struct {
	Send     bool          // it was a send; Err is ErrEnd
	Patterns []Pattern     // what was waited for
	After    time.Duration // Wait.Timeout, or Wait.Silence for ErrSilence
	Said     string        // the last lines that the other end said, made printable
	Line     string        // the last of them, as a person sees it
	Err      error         // ErrTimeout, ErrSilence, the context's cause, or what wraps ErrEnd
}

func (e *Error) Error() string {
	if e.Send {
		return e.Err.Error()
	}
	what := e.patterns()
	switch e.Err {
	case ErrTimeout:
		return fmt.Sprintf("waited %v for %s", e.After, what)
	case ErrSilence:
		return fmt.Sprintf("nothing was said for %v while waiting for %s", e.After, what)
	}
	return fmt.Sprintf("%v while waiting for %s", e.Err, what)
}

func (e *Error) patterns() string {
	if len(e.Patterns) == 0 {
		return "the end"
	}
	words := make([]string, len(e.Patterns))
	for i, p := range e.Patterns {
		words[i] = p.String()
	}
	return strings.Join(words, " or ")
}

// Unwrap returns why the wait ended.
func (e *Error) Unwrap() error { return e.Err }

// Kind is for scripts: "expect" if the other end is the reason.
func (e *Error) Kind() string {
	if e.Err == ErrTimeout || e.Err == ErrSilence || errors.Is(e.Err, ErrEnd) {
		return "expect"
	}
	return "failed"
}

// Output returns the last lines that the other end said. Where it was to be one that was
// recorded, that and the one which is there now stand below, side by side.
func (e *Error) Output() string {
	if len(e.Patterns) == 0 || e.Patterns[len(e.Patterns)-1].line == "" {
		return e.Said
	}
	return fmt.Sprintf("%s\nrecorded: %s\nnow:      %s", e.Said, e.Patterns[len(e.Patterns)-1].line, e.Line)
}

func (s *Session) fail(w Wait, err error) error {
	e := &Error{Patterns: w.Patterns, After: w.Timeout, Said: s.in.lastLines(), Line: s.in.lastLine(), Err: err}
	if err == ErrSilence {
		e.After = w.Silence
	}
	return e
}

// nobody is the error of a send.
func (s *Session) nobody() error { return &Error{Send: true, Said: s.in.lastLines(), Err: ErrEnd} }

// saysGone tells whether an error of a stream is no more than that there is nobody
// any more; a terminal whose programs are gone says EIO.
func saysGone(err error) bool {
	for _, gone := range []error{syscall.EIO, syscall.EPIPE, syscall.ECONNRESET, io.ErrClosedPipe, io.EOF} {
		if errors.Is(err, gone) {
			return true
		}
	}
	return false
}

// tail keeps the end of what was said.
type tail struct{ text []byte }

const (
	tailSize  = 2 << 10
	tailLines = 10
)

func (t *tail) add(text []byte) {
	if len(text) > tailSize {
		text = text[len(text)-tailSize:]
	}
	t.text = append(t.text, text...)
	if over := len(t.text) - tailSize; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
}

// last returns the last lines as they are.
func (t *tail) last() []byte {
	lines := bytes.SplitAfter(t.text, []byte("\n"))
	first := max(0, len(lines)-tailLines)
	if len(t.text) == tailSize && len(lines) > 1 {
		first = max(1, first) // the first is cut
	}
	return bytes.Join(lines[first:], nil)
}

// rest returns the line that has not ended, as it is.
func (t *tail) rest() []byte { return bytes.Clone(t.text[bytes.LastIndexByte(t.text, '\n')+1:]) }

// screen returns the line that has not ended as a person sees it.
func (t *tail) screen() (l render.Lines) {
	l.Show(t.last())
	return l
}

// lines returns the last lines, made printable.
func (t *tail) lines() string {
	text := bytes.ReplaceAll(t.text, []byte("\r\n"), []byte("\n"))
	lines := strings.Split(strings.TrimSpace(string(console.Printable(text))), "\n")
	return strings.Join(lines[max(0, len(lines)-tailLines):], "\n")
}
