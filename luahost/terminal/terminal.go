// Package terminal asks the operator: questions, confirmations, and passwords
// without echo; and it gives somebody else his keyboard and screen (Take). It
// speaks to the controlling terminal (/dev/tty), not to
// standard input, so that a script may be fed by a pipe and still ask.
package terminal

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"farmrun/luahost/console"
	"farmrun/luahost/secret"
)

// ErrNone is returned when there is no terminal to ask on.
var ErrNone = errors.New("there is no terminal to ask on")

// Terminal asks one question at a time, however many goroutines have one. The
// zero value is the controlling terminal of the process.
type Terminal struct {
	Path string // "" is /dev/tty
	// Hold keeps others from writing on the screen until release is called; see
	// console.Console.Hold. nil does nothing.
	Hold func(ctx context.Context) (release func())

	mu        sync.Mutex
	turn      chan struct{}                               // has one place: whoever holds it has the terminal
	questions map[context.Context]context.CancelCauseFunc // by what ends them
	asking    atomic.Bool
}

// Asking tells whether a question waits for its answer right now.
func (t *Terminal) Asking() bool { return t.asking.Load() }

// Decline ends all questions, those that have not come to the screen included:
// they fail with cause.
func (t *Terminal) Decline(cause error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, end := range t.questions {
		end(cause)
	}
}

// declinable returns the context of a question, which Decline ends.
func (t *Terminal) declinable(ctx context.Context) (_ context.Context, done func()) {
	ctx, end := context.WithCancelCause(ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.questions == nil {
		t.questions = map[context.Context]context.CancelCauseFunc{}
	}
	t.questions[ctx] = end
	return ctx, func() {
		end(nil)
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.questions, ctx)
	}
}

// Ask shows question and returns the line that was typed then, without its end.
// The terminal obeys nothing in question, and keys that were typed before are thrown away.
// It fails with ErrNone where nobody can be asked, and with context.Cause(ctx)
// when ctx is done first, or with what Decline is given.
func (t *Terminal) Ask(ctx context.Context, question string) (string, error) {
	line, err := t.dialogue(ctx, question, false)
	return string(line), err
}

// Confirm asks until the answer is yes or no; an empty line is no.
func (t *Terminal) Confirm(ctx context.Context, question string) (bool, error) {
	for {
		answer, err := t.Ask(ctx, question+" [y/N] ")
		if err != nil {
			return false, err
		}
		switch strings.ToLower(strings.TrimSpace(answer)) {
		case "y", "yes":
			return true, nil
		case "", "n", "no":
			return false, nil
		}
	}
}

// Secret asks without echo.
func (t *Terminal) Secret(ctx context.Context, question string) (secret.Secret, error) {
	line, err := t.dialogue(ctx, question, true)
	return secret.New(string(line)), err
}

// Keep waits until nobody else has the terminal, and then keeps it until release for
// those who come with the returned context: one after the other, and no question between
// them.
func (t *Terminal) Keep(ctx context.Context) (kept context.Context, release func(), err error) {
	if release, err = t.lock(ctx); err != nil {
		return nil, nil, err
	}
	return t.Kept(ctx), release, nil
}

// Kept returns a context for those for whom the terminal is kept.
func (t *Terminal) Kept(ctx context.Context) context.Context {
	return context.WithValue(ctx, keeper{}, t)
}

// keeper is the key of the Terminal that is kept in a context.
type keeper struct{}

// lock waits until nobody else has the terminal.
func (t *Terminal) lock(ctx context.Context) (release func(), err error) {
	t.mu.Lock()
	if t.turn == nil {
		t.turn = make(chan struct{}, 1)
	}
	turn := t.turn
	t.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case ctx.Value(keeper{}) == t:
		return func() {}, nil
	}
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// open opens the terminal.
func (t *Terminal) open() (*os.File, error) {
	tty, err := os.OpenFile(cmp.Or(t.Path, "/dev/tty"), os.O_RDWR, 0)
	if err != nil {
		return nil, ErrNone
	}
	return tty, nil
}

func (t *Terminal) dialogue(ctx context.Context, question string, hidden bool) ([]byte, error) {
	ctx, done := t.declinable(ctx)
	defer done()
	release, err := t.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	tty, err := t.open()
	if err != nil {
		return nil, err
	}
	defer tty.Close()
	t.asking.Store(true)
	defer t.asking.Store(false)
	if t.Hold != nil {
		defer t.Hold(ctx)()
	}
	stop := context.AfterFunc(ctx, func() { tty.SetDeadline(time.Now()) }) // it may be stopped by ^S
	defer stop()
	if hidden {
		restore, err := hide(tty)
		if err != nil {
			return nil, err
		}
		defer restore()
	}
	discard(tty)
	tty.Write(console.Printable([]byte(question))) // it may repeat words of a host's
	line, err := readLine(ctx, tty)
	if err != nil && !hidden {
		newline(tty) // what comes next does not stand beside the question
	}
	return line, err
}

// discard throws away the keys that were typed before the question was there.
// They are no answer to it.
func discard(tty *os.File) {
	if raw, err := tty.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) { discardInput(int(fd)) })
	}
}

// newline ends a line of the screen, unless that is stopped.
func newline(tty *os.File) {
	writeSoon(tty)
	fmt.Fprintln(tty)
}

// writeSoon bounds a write that a terminal which is stopped would not take.
func writeSoon(tty *os.File) { tty.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)) }

// hide turns echo off until the function it returns is called. It leaves the
// terminal in charge of lines and of ^C.
func hide(tty *os.File) (restore func(), err error) {
	// Not tty.Fd, which would make reads that no deadline ends.
	raw, err := tty.SyscallConn()
	if err != nil {
		return nil, err
	}
	var back func()
	control := raw.Control(func(fd uintptr) { back, err = setEcho(int(fd), false) })
	if err := errors.Join(control, err); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNone, err)
	}
	return func() {
		raw.Control(func(uintptr) { back() })
		newline(tty)
	}, nil
}

// longestLine is more than a terminal hands over at once (N_TTY: 4096).
const longestLine = 8 << 10

// readLine reads up to the end of a line, byte by byte so that what was typed
// after it stays for who reads the terminal next. Once ctx is done the deadline of
// tty has to be over.
func readLine(ctx context.Context, tty *os.File) ([]byte, error) {
	var line []byte
	one := make([]byte, 1)
	for len(line) < longestLine {
		_, err := tty.Read(one)
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case err != nil:
			return nil, fmt.Errorf("nothing was typed: %w", err)
		case one[0] == '\n':
			return bytes.TrimSuffix(line, []byte("\r")), nil
		}
		line = append(line, one[0])
	}
	return nil, errors.New("the line that was typed is too long")
}
