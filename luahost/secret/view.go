package secret

import "slices"

// screen follows what a terminal is sent and sees it in several ways at once.
// However the host has wrapped or redrawn an echo, one of the views shows it in
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

// cell is a character, and how many bytes were sent before it.
type cell struct {
	char byte
	at   int64
}

// A view keeps between deepest and twice as many characters: as far back a
// backspace is followed.
const deepest = 64

// put takes the byte that comes next. If a piece of a secret ends with it,
// mark, which may be nil, is told which bytes the piece is: those from first to
// last.
func (s *screen) put(h *hidden, b byte, mark func(first, last int64)) {
	after, shown := s.escape.next(b)
	s.escape = after
	ends := mark != nil && h.ends[b]
	for i := range s.views {
		v := &s.views[i]
		if v.takes(b, shown) {
			v.push(b, s.at)
			if !ends {
				continue
			}
			if p, is := v.ended(h); is {
				v.mark(p, mark)
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
	return shown
}

// before returns the characters that b follows: a wrap's spaces are no longer
// among them.
func (v *view) before(b byte) []cell {
	if v.unspaced && v.bare && b != ' ' {
		return trimmed(v.cells, ' ')
	}
	return v.cells
}

// trimmed returns cells without those at the end that have char.
func trimmed(cells []cell, char byte) []cell {
	for len(cells) > 0 && cells[len(cells)-1].char == char {
		cells = cells[:len(cells)-1]
	}
	return cells
}

// last returns as many of the last characters of cells as there is room for, or
// as there are. Of several that count once it is the first.
func (v *view) last(cells []cell, room []cell) []cell {
	n := len(room)
	for i := len(cells) - 1; i >= 0; i-- {
		again := v.undoubled && n < len(room) && cells[i].char == room[n].char
		if !again && n == 0 {
			break
		}
		if !again {
			n--
		}
		room[n] = cells[i]
	}
	return room[n:]
}

// completes reports whether the last characters and b are a piece of a secret.
func (v *view) completes(h *hidden, b byte) bool {
	cells := v.before(b)
	if v.undoubled {
		cells = trimmed(cells, b)
	}
	var room [piece]cell
	room[piece-1].char = b
	return len(v.last(cells, room[:piece-1])) == piece-1 && h.has(room)
}

// ended returns the last characters if they are a piece of a secret.
func (v *view) ended(h *hidden) (p [piece]cell, is bool) {
	is = len(v.last(v.cells, p[:])) == piece && h.has(p)
	return p, is
}

// mark marks the piece p. Where a character may have been sent twice, that is
// all there is from its beginning to the last character.
func (v *view) mark(p [piece]cell, mark func(first, last int64)) {
	if v.undoubled {
		mark(p[0].at, v.cells[len(v.cells)-1].at)
		return
	}
	for _, c := range p {
		mark(c.at, c.at)
	}
}

// begun returns where the last characters begin that may be the beginning of a
// piece, or none.
func (v *view) begun(h *hidden, none int64) int64 {
	cells := v.cells
	if v.unspaced {
		cells = trimmed(cells, ' ')
	}
	var room [piece - 1]cell
	last := v.last(cells, room[:])
	for len(last) > 0 && slices.ContainsFunc(last, func(c cell) bool { return !h.within[c.char] }) {
		last = last[1:]
	}
	if len(last) == 0 {
		return none
	}
	return last[0].at
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
	switch {
	case b != '\b' && v.unspaced:
		v.cells = trimmed(v.cells, ' ')
	case b == '\b' && v.erased && len(v.cells) > 0:
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
