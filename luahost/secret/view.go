package secret

import "slices"

// screen follows what a terminal is sent and sees it in several ways at once:
// in whichever the host has wrapped or redrawn an echo, one view shows it in
// one piece.
type screen struct {
	escape escape
	views  []view
	at     int64 // how many bytes there were
}

// newScreen returns a screen to which nothing was sent.
func newScreen() *screen {
	return &screen{views: []view{
		{literal: true},
		{},
		{unspaced: true},
		{erased: true},
		{unspaced: true, erased: true},
		{erased: true, undoubled: true},
		{unspaced: true, erased: true, undoubled: true},
	}}
}

// view is one way to read what was sent: the characters, without control
// characters and escape sequences, as they follow one another.
type view struct {
	literal  bool // what is in escape sequences counts as characters too
	unspaced bool // spaces beside controls do not count: readline wraps by " \r"
	erased   bool // a backspace takes back the character before it
	// undoubled: a character that is sent twice counts once, as where both the
	// host and a program on the way echo.
	undoubled bool

	cells []cell // the last of the characters
	bare  bool   // unspaced: since the last character came nothing but controls and spaces
}

// cell is a character, and the how manieth byte it was.
type cell struct {
	char byte
	at   int64
}

// A view keeps between deepest and twice as many characters: as far back a
// backspace is followed.
const deepest = 256

// put takes the byte that comes next. If a piece of a secret ends with it,
// mark is told which bytes the piece is: those from first to last.
func (s *screen) put(h *hidden, b byte, mark func(first, last int64)) {
	after, shown := s.escape.next(b)
	s.escape = after
	ends := h.ends[b]
	for i := range s.views {
		v := &s.views[i]
		if v.takes(b, shown) {
			v.push(b, s.at)
			if ends && v.ends(h) {
				v.mark(mark)
			}
		} else if !shown {
			v.control(b)
		}
	}
	s.at++
}

// completes reports whether b would complete a piece of a secret.
func (s *screen) completes(h *hidden, b byte) bool {
	if !h.ends[b] {
		return false
	}
	_, shown := s.escape.next(b)
	for i := range s.views {
		if v := &s.views[i]; v.takes(b, shown) && v.completes(h, b) {
			return true
		}
	}
	return false
}

// begun returns the first byte of what may become a piece of a secret; when
// there is none, the number of bytes that there were.
func (s *screen) begun(h *hidden) int64 {
	first := s.at
	for i := range s.views {
		first = min(first, s.views[i].begun(h, first))
	}
	return first
}

// takes reports whether b counts as a character.
func (v *view) takes(b byte, shown bool) bool {
	if v.literal {
		return !isControl(b)
	}
	if !shown || !v.undoubled {
		return shown
	}
	before := v.before(b)
	return len(before) == 0 || before[len(before)-1].char != b
}

// before returns the characters that b follows: a wrap's spaces are no longer
// among them.
func (v *view) before(b byte) []cell {
	if v.unspaced && v.bare && b != ' ' {
		return trimmed(v.cells)
	}
	return v.cells
}

func trimmed(cells []cell) []cell {
	for len(cells) > 0 && cells[len(cells)-1].char == ' ' {
		cells = cells[:len(cells)-1]
	}
	return cells
}

// mark marks the last characters. Where one may have been sent twice, that is
// all there is between them.
func (v *view) mark(mark func(first, last int64)) {
	last := v.cells[len(v.cells)-piece:]
	if v.undoubled {
		mark(last[0].at, last[piece-1].at)
		return
	}
	for _, c := range last {
		mark(c.at, c.at)
	}
}

// ends reports whether the last characters are a piece of a secret.
func (v *view) ends(h *hidden) bool {
	if len(v.cells) < piece {
		return false
	}
	var p [piece]byte
	for i, c := range v.cells[len(v.cells)-piece:] {
		p[i] = c.char
	}
	return h.has(p)
}

// completes reports whether the last characters and b are a piece of a secret.
func (v *view) completes(h *hidden, b byte) bool {
	cells := v.before(b)
	if len(cells) < piece-1 {
		return false
	}
	p := [piece]byte{piece - 1: b}
	for i, c := range cells[len(cells)-piece+1:] {
		p[i] = c.char
	}
	return h.has(p)
}

// begun returns where the last characters begin that may be the beginning of a
// piece, or none.
func (v *view) begun(h *hidden, none int64) int64 {
	cells := v.cells
	if v.unspaced {
		cells = trimmed(cells)
	}
	for n := min(piece-1, len(cells)); n > 0; n-- {
		last := cells[len(cells)-n:]
		if !slices.ContainsFunc(last, func(c cell) bool { return !h.within[c.char] }) {
			return last[0].at
		}
	}
	return none
}

func (v *view) push(b byte, at int64) {
	v.cells = v.before(b)
	if len(v.cells) == 2*deepest {
		v.cells = v.cells[:copy(v.cells, v.cells[deepest:])]
	}
	v.cells = append(v.cells, cell{b, at})
	v.bare = v.bare && b == ' '
}

// control takes a byte that is no character.
func (v *view) control(b byte) {
	v.bare = true
	if v.erased && b == '\b' && len(v.cells) > 0 {
		v.cells = v.cells[:len(v.cells)-1]
	}
}

func isControl(b byte) bool { return b < ' ' || b == 0x7f }

// escape is where in an escape sequence of ECMA-48 a stream is.
type escape uint8

const (
	outside    escape = iota
	begun             // after ESC
	designated        // after ESC and an intermediate byte, as of "ESC ( B"
	sequence          // after ESC [, until a byte from @ to ~
	str               // after ESC ] and its like, until BEL or ESC \
)

// next returns where the stream is after b, and whether b is part of a
// character that a terminal shows.
func (e escape) next(b byte) (after escape, shown bool) {
	switch {
	case b == 0x1b:
		return begun, false
	case b == 0x18, b == 0x1a: // CAN and SUB end what has begun
		return outside, false
	}
	switch e {
	case outside:
		return outside, !isControl(b)
	case begun:
		return afterESC(b), false
	case designated:
		if b >= 0x30 && b != 0x7f {
			return outside, false
		}
	case sequence:
		if b >= 0x40 && b != 0x7f {
			return outside, false
		}
	case str:
		if b == '\a' {
			return outside, false
		}
	}
	return e, false
}

func afterESC(b byte) escape {
	switch {
	case b == '[':
		return sequence
	case b == ']', b == 'P', b == 'X', b == '^', b == '_':
		return str
	case b >= ' ' && b <= '/':
		return designated
	case isControl(b):
		return begun
	}
	return outside
}
