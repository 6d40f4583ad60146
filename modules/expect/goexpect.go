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
	// find looks for the first of the patterns that matches. It takes the
	// match and what came before it out; if there is none all stays, but for
	// what is more than the input wants to keep, of which the oldest goes.
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
//   - The buffer has no bound: what is too old is read off by its Read, and the
//     input reads no further while too much is there.
//   - Its Send can block for ever and writes to the global logger: Session.Send
//     goes past it.
type goexpect struct {
	e      *expect.GExpect
	in     *input
	closed chan struct{}
	ended  <-chan error
}

const (
	// searchTime only has to be longer than a search; see goexpect.
	searchTime = time.Hour
	readSize   = 4 << 10
)

func newMatcher(in *input) matcher {
	g := &goexpect{in: in, closed: make(chan struct{})}
	var err error
	g.e, g.ended, err = expect.SpawnGeneric(&expect.GenOptions{
		In:    nowhere{},
		Out:   in,
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
	if g.forget(); g.in.empty() {
		return Match{}, false
	}
	if !slices.ContainsFunc(patterns, func(p Pattern) bool { return !p.isText() }) {
		return g.findText(patterns)
	}
	cases := make([]expect.Caser, 0, len(patterns)+1)
	for _, p := range patterns {
		cases = append(cases, &expect.Case{R: p.regexp()})
	}
	cases = append(cases, &expect.Case{R: always})
	said, groups, which, err := g.e.ExpectSwitchCase(cases, searchTime)
	if err != nil || which < 0 || which == len(patterns) {
		return Match{}, false
	}
	g.in.took(len(said))
	before := said[:len(said)-len(groups[0])]
	return Match{
		Pattern: which,
		Before:  before[max(0, len(before)-g.in.keep):], // more may have come since forget
		Text:    groups[0],
		Groups:  groups[1:],
	}, true
}

// findText is find for patterns none of which is a regular expression, the
// only ones that goexpect knows: to compile a prompt as one and to have
// goexpect copy its buffer takes longer than the rest of a turn. What is found
// is read off.
func (g *goexpect) findText(patterns []Pattern) (Match, bool) {
	for i, p := range patterns {
		if before, ok := g.in.before(p.text); ok {
			g.drop(len(before) + len(p.text))
			return Match{Pattern: i, Before: before[max(0, len(before)-g.in.keep):], Text: p.text}, true
		}
	}
	return Match{}, false
}

// always matches the empty text before everything.
var always = regexp.MustCompile(``)

// forget drops the oldest of what is too much.
func (g *goexpect) forget() {
	if n := g.in.tooMuch(); n > 0 {
		g.drop(n)
	}
}

// drop takes the first n bytes of what is stored off.
func (g *goexpect) drop(n int) {
	io.CopyN(io.Discard, g.e, int64(n))
	g.in.took(n)
}

func (g *goexpect) close() {
	close(g.closed)
	<-g.ended
}

// nowhere is where goexpect would write.
type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) Close() error                { return nil }
