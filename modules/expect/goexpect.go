package expect

import (
	"io"
	"regexp"
	"slices"
	"time"

	expect "github.com/google/goexpect"
)

// matcher keeps what comes from an input and finds patterns in it. It belongs
// to one goroutine at a time.
type matcher interface {
	// find looks for the first of the patterns that matches in all that is stored. It
	// takes the match and the text before it out; if there is none all stays, but for
	// the oldest that is more than the input wants to keep.
	find(patterns []Pattern) (m Match, ok bool)
	// close returns when nothing reads from the input any more. Close that and
	// its stream first.
	close()
}

// goexpect is a matcher made of github.com/google/goexpect. It is all of this
// program that knows that library, whose traps it stays out of:
//
//   - Its wait can miss that something has come, and then sleeps until its next
//     poll; its timeout begins anew with every byte; the text read before a
//     timeout is lost; the end of the stream is no event. So it is never made to
//     wait: the last case of every search is the empty pattern, which always
//     matches, at once, and by PartialMatch puts all the text back. It is the
//     input that tells when there is something to search.
//   - A match empties its buffer, unless PartialMatch is set.
//   - The buffer has no bound: what is too old is read off by its Read.
//   - Its goroutine reads what comes. To wake that takes longer than the rest of
//     a turn, so it is given what is there for a search that needs it, by feed.
//   - Its Send can block for ever and writes to the global logger: Session.Send
//     goes past it.
type goexpect struct {
	e      *expect.GExpect
	in     *input
	feed   feed
	has    int // how much of what is stored it has
	closed chan struct{}
	ended  <-chan error
}

// searchTime only has to be longer than a search; see goexpect.
const searchTime = time.Hour

func newMatcher(in *input) matcher {
	g := &goexpect{in: in, feed: make(feed), closed: make(chan struct{})}
	var err error
	g.e, g.ended, err = expect.SpawnGeneric(&expect.GenOptions{
		In:    nowhere{},
		Out:   g.feed,
		Wait:  func() error { <-g.closed; return nil },
		Close: func() error { return nil },
		Check: func() bool { return true },
	}, searchTime, expect.PartialMatch(true), expect.BufferSize(readSize))
	if err != nil {
		panic(err) // an option is missing
	}
	return g
}

func (g *goexpect) find(patterns []Pattern) (Match, bool) {
	g.discard(g.in.forgotten())
	if g.in.empty() {
		return Match{}, false
	}
	m, ok := g.look(patterns)
	if !ok {
		g.in.shorten()
		return Match{}, false
	}
	m.Before, m.Cut = g.in.matched(m.Before, len(m.Text))
	return m, true
}

// look is find without the forgetting.
func (g *goexpect) look(patterns []Pattern) (Match, bool) {
	if !slices.ContainsFunc(patterns, func(p Pattern) bool { return !p.isText() && !p.lastLine }) {
		return g.findHere(patterns)
	}
	cases := make([]expect.Caser, 0, len(patterns)+1)
	for _, p := range patterns {
		cases = append(cases, &expect.Case{R: p.Regexp()})
	}
	cases = append(cases, &expect.Case{R: always})
	g.fill()
	said, groups, which, err := g.e.ExpectSwitchCase(cases, searchTime)
	if err != nil || which < 0 || which == len(patterns) {
		return Match{}, false
	}
	g.has -= len(said)
	g.in.took(len(said))
	before := said[:len(said)-len(groups[0])]
	return Match{
		Pattern: which,
		Before:  before,
		Text:    groups[0],
		Groups:  groups[1:],
	}, true
}

// findHere is find for patterns that need no search of all text by a regular expression,
// which is all that goexpect knows: to compile a prompt as one and to have goexpect copy
// its buffer takes longer than the rest of a turn.
func (g *goexpect) findHere(patterns []Pattern) (Match, bool) {
	for i, p := range patterns {
		if m, ok := g.in.find(p); ok {
			m.Pattern = i
			g.drop(len(m.Before) + len(m.Text))
			return m, true
		}
	}
	return Match{}, false
}

// always matches the empty text before everything.
var always = regexp.MustCompile(``)

// discard takes off goexpect what it has of the first n bytes, which are not stored any
// more.
func (g *goexpect) discard(n int) {
	has := min(n, g.has)
	io.CopyN(io.Discard, g.e, int64(has))
	g.has -= has
}

// fill gives goexpect what is stored and it does not have.
func (g *goexpect) fill() {
	if text := g.in.from(g.has); len(text) > 0 {
		g.feed.give(text)
		g.has += len(text)
	}
}

// drop takes the first n bytes of what is stored off.
func (g *goexpect) drop(n int) {
	g.discard(n)
	g.in.took(n)
}

func (g *goexpect) close() {
	close(g.feed)
	close(g.closed)
	<-g.ended
}

// feed is where goexpect reads from. It says by its next Read that it has what
// it got from the one before.
type feed chan []byte

// give returns when goexpect has text.
func (f feed) give(text []byte) {
	for piece := range slices.Chunk(text, readSize) {
		f <- piece
	}
	f <- nil // is taken by a Read
}

// Read returns a piece, which p has room for.
func (f feed) Read(p []byte) (int, error) {
	for piece := range f {
		if len(piece) > 0 {
			return copy(p, piece), nil
		}
	}
	return 0, io.EOF
}

// nowhere is where goexpect would write.
type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) Close() error                { return nil }
