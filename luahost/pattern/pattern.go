// Package pattern matches the string patterns of Lua 5.1 (reference manual,
// section 5.4.1) under a budget, so that no pattern, however unlucky, keeps
// the runtime from its deadlines. The string library of gopher-lua can run for
// minutes inside one call, and no context ends it; Library has replacements
// for those of its functions that match patterns or repeat strings.
//
//	p, err := pattern.Compile("^(%w+)%s*=%s*(.-)%s*$")
//	m, ok, err := p.Match(pattern.NewBudget(ctx, 0), line, 0)
//	key := m.Captures[0].Text(line)
//
// What is said here is what Lua 5.1 does, with these differences:
//
//   - A pattern that is wrong is an error at once, not only when the matcher
//     comes to the wrong place, and a replacement that ends with "%" is one.
//   - A NUL byte is a character like any other, as from Lua 5.2 on; %z still
//     matches it.
//   - Letters and the other classes are those of ASCII, whatever the locale.
//   - A pattern with more than 200 repetitions is too complex.
//
// gopher-lua's own library differs from Lua 5.1 in more: %f is the letter,
// "^" anchors gmatch, classes beside a "-" in a set are ranges, a %1 that is a
// position crashes, "%x" in a replacement is kept as it is, an empty match is
// not found past the end and an empty pattern always at the front, and a match
// that fails returns nothing. Scripts get what the manual says.
package pattern

import (
	"context"
	"errors"
	"strings"
)

// ErrBudget is what a match fails with that needed more steps than it had.
var ErrBudget = errors.New("pattern took too long")

// SyntaxError is a pattern that is wrong. Its text is Lua's own.
type SyntaxError string

func (e SyntaxError) Error() string { return string(e) }

// Pattern is a pattern ready to match. It does not change and may be shared
// between goroutines.
type Pattern struct {
	items    []item
	captures int
	anchored bool   // begins with "^"
	literal  string // what the pattern stands for if it is plain text; else ""
	first    *set   // what a match must begin with; nil if it may be empty or that is not known
}

// Compile returns the pattern that p describes. A "^" at its front is an
// anchor. The error is a SyntaxError.
func Compile(p string) (*Pattern, error) {
	rest, anchored := strings.CutPrefix(p, "^")
	return compile(rest, anchored)
}

func compile(p string, anchored bool) (*Pattern, error) {
	ps := parser{rest: p}
	if err := ps.parse(); err != nil {
		return nil, err
	}
	compiled := &Pattern{items: ps.items, captures: ps.captures, anchored: anchored}
	if !anchored && !strings.ContainsAny(p, special+")") {
		compiled.literal = p
	}
	if len(ps.items) > 0 && ps.items[0].kind == one && (ps.items[0].repeat == 0 || ps.items[0].repeat == '+') {
		compiled.first = ps.items[0].set
	}
	return compiled, nil
}

// special has the characters that mean something in a pattern.
const special = "^$*+?.([%-"

// Match is a place where a pattern matches: subject[Start:End].
type Match struct {
	Start, End int
	Captures   []Capture // in the order of their opening parentheses
}

// Capture is what one pair of parentheses caught: subject[Start:End], or, for
// "()", the position before subject[Start].
type Capture struct {
	Start, End int
	Position   bool
}

// Text returns what was caught of subject; "" for a position.
func (c Capture) Text(subject string) string { return subject[c.Start:c.End] }

// Match returns the first match in subject that begins at offset init or
// later; at init exactly if the pattern is anchored. An init out of range is
// moved to the nearer end. A nil b stands for one of DefaultSteps
// without a context. The error is ErrBudget or the cause of the budget's
// context.
func (p *Pattern) Match(b *Budget, subject string, init int) (m Match, ok bool, err error) {
	if b == nil {
		b = NewBudget(context.Background(), 0)
	}
	init = min(max(init, 0), len(subject))
	if p.literal != "" {
		return p.matchLiteral(b, subject, init)
	}
	st := &state{p: p, s: subject, b: b}
	for at := init; at <= len(subject); at++ {
		if end := st.matchAt(at); end >= 0 {
			m = Match{Start: at, End: end, Captures: append([]Capture(nil), st.captures[:p.captures]...)}
			return m, true, nil
		}
		if p.anchored || b.err != nil {
			break
		}
	}
	return Match{}, false, b.err
}

func (p *Pattern) matchLiteral(b *Budget, subject string, init int) (Match, bool, error) {
	at := strings.Index(subject[init:], p.literal)
	past := init + at + len(p.literal)
	if at < 0 {
		past = len(subject)
	}
	if !b.spend(past - init) {
		return Match{}, false, b.err
	}
	return Match{Start: init + at, End: past}, at >= 0, nil
}

// DefaultSteps is how many steps a budget has that does not say: about a
// second's worth.
const DefaultSteps = 1 << 28

// checkEvery is how many steps go between two looks at the context.
const checkEvery = 4096

// Budget bounds the work of one or several matches, one after the other. A
// step is a character looked at. It must not be shared between goroutines.
type Budget struct {
	ctx  context.Context
	tick int   // steps until the next look at the context
	left int64 // steps after those
	err  error // once it is used up
}

// NewBudget returns a budget of that many steps, DefaultSteps if it is 0, that
// ends early when ctx does.
func NewBudget(ctx context.Context, steps int64) *Budget {
	if steps == 0 {
		steps = DefaultSteps
	}
	return &Budget{ctx: ctx, left: steps}
}

// spend takes n steps and tells whether there were as many.
func (b *Budget) spend(n int) bool {
	b.tick -= n
	return b.tick >= 0 || b.refill()
}

func (b *Budget) refill() bool {
	if b.err != nil {
		return false
	}
	b.left += int64(b.tick) // what was taken beyond the last look
	b.tick = 0
	switch {
	case b.ctx.Err() != nil:
		b.err = context.Cause(b.ctx)
	case b.left < 0:
		b.err = ErrBudget
	default:
		b.tick = int(min(b.left, checkEvery))
		b.left -= int64(b.tick)
		return true
	}
	return false
}
