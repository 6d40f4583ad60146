package remotetest

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"farmrun/luahost/remote"
)

// Typist is a person at a terminal, for tests of packages that give terminals: it
// types and reads by hand, without expect. An error, or a wait of a minute, ends
// the test. It belongs to the test's goroutine.
type Typist struct {
	t    testing.TB
	term remote.Terminal
	seen []byte // and not yet waited for
}

const typistWaits = time.Minute

// NewTypist returns a Typist at term, which is closed when the test ends.
func NewTypist(t testing.TB, term remote.Terminal) *Typist {
	t.Cleanup(func() { term.Close() })
	return &Typist{t: t, term: term}
}

// Type types text.
func (p *Typist) Type(text string) {
	p.t.Helper()
	p.term.SetWriteDeadline(time.Now().Add(typistWaits))
	defer p.term.SetWriteDeadline(time.Time{})
	if n, err := io.WriteString(p.term, text); err != nil {
		p.t.Fatalf("typing %q: %v after %d bytes", text, err, n)
	}
}

// Await reads until text has come, and returns what came before it. What comes
// after is for the next call.
func (p *Typist) Await(text string) string {
	p.t.Helper()
	p.term.SetReadDeadline(time.Now().Add(typistWaits))
	defer p.term.SetReadDeadline(time.Time{})
	for {
		if before, after, found := bytes.Cut(p.seen, []byte(text)); found {
			p.seen = bytes.Clone(after)
			return string(before)
		}
		if err := p.read(); err != nil {
			p.t.Fatalf("%q did not come: %v; what came: %q", text, err, tail(p.seen))
		}
	}
}

// AwaitEnd reads until the end, and returns what came before it.
func (p *Typist) AwaitEnd() string {
	p.t.Helper()
	p.term.SetReadDeadline(time.Now().Add(typistWaits))
	defer p.term.SetReadDeadline(time.Time{})
	for {
		switch err := p.read(); {
		case errors.Is(err, io.EOF):
			return string(p.seen)
		case err != nil:
			p.t.Fatalf("the end did not come: %v; what came: %q", err, tail(p.seen))
		}
	}
}

func (p *Typist) read() error {
	piece := make([]byte, 32<<10)
	n, err := p.term.Read(piece)
	p.seen = append(p.seen, piece[:n]...)
	if n > 0 {
		err = nil
	}
	return err
}

// tail is as much of b as a message can show.
func tail(b []byte) []byte { return b[max(0, len(b)-1000):] }
