package expect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"time"
)

// Screen is an operator's terminal, which passes on every key as it is typed
// and shows what it is given as it is.
type Screen interface {
	Read(keys []byte) (int, error)
	SetReadDeadline(time.Time) error
	Write(text []byte) (int, error)
	Size() (rows, columns int) // 0, 0 where it is not known
	Resized() <-chan os.Signal // gets something when Size may have changed
	// Restore makes the terminal what it was before, for whom keys go to next.
	// Write still shows text.
	Restore()
}

// Takeover says how a session is given to the operator.
type Takeover struct {
	Name   string // what he is told that he has: "the session on web1"
	Escape Escape // ends it; the zero value never does
	// Rows and Columns are the size that the terminal at the other end has
	// without him, and has again afterwards; 0 leaves it as it became.
	Rows, Columns int
}

// Interact gives the operator the session: he sees what the other end says, as
// it is, and it gets his keys, until he types the escape. It returns nil then,
// ErrEnd when the other end is gone, or context.Cause(ctx). Waits and sends of
// others come after it.
//
// Nothing that was said up to the escape is left for the next wait: whoever
// goes on finds the session as after a match of all that was said.
func (s *Session) Interact(ctx context.Context, screen Screen, o Takeover) error {
	for _, place := range []chan struct{}{s.waiting, s.sending} {
		select {
		case place <- struct{}{}:
			defer func() { <-place }()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	switch {
	case isClosed(s.closed):
		return ErrClosed
	case s.stuck:
		return ErrStuck
	}
	t := &takeover{
		Session: s, Takeover: o, screen: screen,
		typed: make(chan []byte, typedAhead), helpless: make(chan struct{}, 1),
	}
	return t.run(ctx)
}

// everything is all that is stored.
var everything = []Pattern{{re: regexp.MustCompile(`(?s).+`)}}

const (
	// typedAhead is how many portions of keys wait for a host that does not
	// take them; more are dropped.
	typedAhead = 256
	// lastKeys is how long the host has to take those before the escape.
	lastKeys = 2 * time.Second
)

// takeover is one Interact.
type takeover struct {
	*Session
	Takeover
	screen   Screen
	skip     int           // how much of what the matcher gets was shown already
	inLine   bool          // the cursor is not at the beginning of a line
	typed    chan []byte   // keys on their way to the other end
	helpless chan struct{} // has one place; filled by who asks how to get out
}

func (t *takeover) run(ctx context.Context) error {
	t.begin()
	read, written := make(chan error, 1), make(chan struct{})
	go func() { read <- t.read(); close(read) }()
	go func() { t.write(); close(written) }()

	err := t.show(ctx, read)

	t.screen.SetReadDeadline(longAgo)
	<-read // once more, if that was the end: it is closed
	close(t.typed)
	if err != nil {
		t.stream.SetWriteDeadline(longAgo)
	} else {
		t.stream.SetWriteDeadline(time.Now().Add(lastKeys))
	}
	<-written
	t.stream.SetWriteDeadline(time.Time{})
	t.end()
	return err
}

// begin shows the operator where he is.
func (t *takeover) begin() {
	t.say("%s is yours%s", t.Name, t.Escape.hint())
	t.found.find(everything)
	var said []byte
	said, t.skip = t.in.openTap()
	t.display(said)
	t.resize(t.screen.Size())
}

// end leaves the session as the script shall find it. The terminal is what it
// was before the operator reads that, lest what he types then be lost.
func (t *takeover) end() {
	t.resize(t.Rows, t.Columns)
	t.shown()
	t.in.closeTap()
	t.screen.Restore()
	t.say("%s is given back", t.Name)
}

// say tells the operator something that the other end did not say.
func (t *takeover) say(format string, args ...any) {
	if t.inLine {
		t.display([]byte("\r\n"))
	}
	t.display(fmt.Appendf(nil, "farmrun: "+format+"\r\n", args...))
}

// display shows text.
func (t *takeover) display(text []byte) {
	if len(text) > 0 {
		t.inLine = text[len(text)-1] != '\n'
		t.screen.Write(text)
	}
}

func (t *takeover) resize(rows, columns int) {
	if r, ok := t.stream.(interface{ Resize(rows, columns int) error }); ok && rows > 0 && columns > 0 {
		r.Resize(rows, columns) // a host that cannot is not worth a word
	}
}

// show shows what the other end says until the session is given back. read
// gets the end of the keys.
func (t *takeover) show(ctx context.Context, read <-chan error) error {
	for {
		if t.shown() {
			return ErrEnd
		}
		select {
		case err := <-read:
			return err
		case <-t.in.more:
		case <-t.helpless:
			t.say("%s", t.Escape.help())
		case <-t.screen.Resized():
			t.resize(t.screen.Size())
		case <-t.closed:
			return ErrClosed
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// shown shows what has come, and tells whether that was the end. What was on
// its way to the matcher when the operator came is older than what goes past.
func (t *takeover) shown() (ended bool) {
	if m, ok := t.found.find(everything); ok {
		n := min(t.skip, len(m.Text))
		t.skip -= n
		t.display([]byte(m.Text[n:]))
	}
	text, ended := t.in.drawn()
	t.display(text)
	return ended
}

// read reads keys until the escape; an error is that of the screen.
func (t *takeover) read() error {
	keys := t.Escape.scanner()
	portion := make([]byte, 1024)
	for {
		n, err := t.screen.Read(portion)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err != nil {
			return err
		}
		pass, what := keys.scan(portion[:n])
		if len(pass) > 0 {
			t.press(pass)
		}
		switch what {
		case keysEnd:
			return nil
		case keysHelp:
			signal(t.helpless)
		}
	}
}

// press puts keys in the queue for the other end.
func (t *takeover) press(keys []byte) {
	select {
	case t.typed <- bytes.Clone(keys):
	default:
	}
}

// write sends the keys that are typed.
func (t *takeover) write() {
	for keys := range t.typed {
		if _, err := t.stream.Write(keys); errors.Is(err, os.ErrDeadlineExceeded) {
			t.stuck = true
			return
		}
	}
}
