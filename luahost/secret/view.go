package secret

// screen follows what a terminal is sent and sees it in several ways at once.
// However the host has wrapped or redrawn a secret, one of the views shows it in
// one piece.
type screen struct {
	hidden *hidden
	escape escape
	views  []view
	at     int64 // how many bytes there were
}

// newScreen returns a screen to which nothing was sent.
func newScreen(h *hidden) *screen {
	return &screen{hidden: h, views: []view{
		{raw: true},
		{},
		{unspaced: true},
		{erased: true},
		{unspaced: true, erased: true},
		{raw: true, unescaped: true},
		{unescaped: true},
	}}
}

// view is one way to read what was sent: the characters, without control
// characters and escape sequences, as they follow one another.
type view struct {
	raw      bool // all that was sent counts as characters
	unspaced bool // spaces beside controls do not count: readline wraps by " \r"
	erased   bool // a backspace takes back the character before it
	// unescaped: a backslash before punctuation or a space does not count, as shells
	// and JSON have them.
	unescaped bool

	cells []cell // the last of the characters
	bare  bool   // unspaced: since the last character came nothing but controls and spaces
}

// cell is a character, how many bytes were sent before it, and the state of
// hidden after it.
type cell struct {
	at    int64
	from  int64 // where the backslash is that escapes it, or at
	state int32
	char  byte
}

const (
	// deepest is as far back as a backspace is followed.
	deepest = 64
	// slack is how many characters may be typed and erased again within a secret
	// without its beginning being seen.
	slack = 8
)

// put takes the byte that comes next. If a secret ends with it, found gets the
// secret's cells.
func (s *screen) put(b byte, found func(secret []cell)) {
	after, shown := s.escape.next(b)
	s.escape = after
	for i := range s.views {
		v := &s.views[i]
		switch {
		case v.raw || shown:
			if n := v.push(s.hidden, b, s.at); n > 0 {
				found(v.cells[max(0, len(v.cells)-n):])
			}
		default:
			v.control(b)
		}
	}
	s.at++
}

// learn has the screen look for more secrets, of which a part may have come.
func (s *screen) learn(h *hidden) {
	s.hidden = h
	for i := range s.views {
		state := int32(0)
		for j := range s.views[i].cells {
			c := &s.views[i].cells[j]
			state = *h.to(state, c.char)
			c.state = state
		}
	}
}

// begun returns the first byte of a possible secret; when there is none, the number
// of bytes that there were.
func (s *screen) begun() int64 {
	first := s.at
	for i := range s.views {
		first = s.views[i].begun(s.hidden, first)
	}
	return first
}

// begun returns where the last characters begin that may be the beginning of a
// secret, or none. Some of the last may yet be erased.
func (v *view) begun(h *hidden, none int64) int64 {
	back := 1
	if v.erased {
		back = slack
	}
	for i := len(v.cells) - 1; i >= 0 && back > 0; i, back = i-1, back-1 {
		if n := int(h.depth[v.cells[i].state]); n > 0 {
			none = min(none, v.cells[max(0, i+1-n)].from)
		}
		if v.unspaced && v.cells[i].char == ' ' { // which may be no character after all
			back++
		}
		if v.unescaped && v.cells[i].char == '\\' && i == len(v.cells)-1 { // nor this
			none = min(none, v.cells[i].from)
			back++
		}
	}
	return none
}

// trimmed returns cells without the spaces at the end.
func trimmed(cells []cell) []cell {
	for len(cells) > 0 && cells[len(cells)-1].char == ' ' {
		cells = cells[:len(cells)-1]
	}
	return cells
}

// push takes a character, and returns how long the longest secret is that ends
// with it, or 0.
func (v *view) push(h *hidden, b byte, at int64) int {
	if v.unspaced && v.bare && b != ' ' {
		v.cells = trimmed(v.cells) // a wrap's
	}
	v.bare = v.bare && b == ' '
	from := at
	if v.unescaped && len(v.cells) > 0 && isPunct(b) {
		if last := v.cells[len(v.cells)-1]; last.char == '\\' && last.from == last.at {
			from, v.cells = last.at, v.cells[:len(v.cells)-1]
		}
	}
	if keep := max(deepest, h.longest); len(v.cells) >= 2*keep {
		v.cells = v.cells[:copy(v.cells, v.cells[len(v.cells)-keep:])]
	}
	state := int32(0)
	if len(v.cells) > 0 {
		state = v.cells[len(v.cells)-1].state
	}
	state = *h.to(state, b)
	v.cells = append(v.cells, cell{at, from, state, b})
	return int(h.ends[state])
}

// control takes a byte that is no character.
func (v *view) control(b byte) {
	v.bare = true
	switch {
	case b != '\b' && v.unspaced:
		v.cells = trimmed(v.cells)
	case b == '\b' && v.erased && len(v.cells) > 0:
		v.cells = v.cells[:len(v.cells)-1]
	}
}

// isPunct tells whether b is a space or punctuation of ASCII.
func isPunct(b byte) bool {
	return b >= ' ' && b < 0x7f && (b < '0' || b > '9') && (b|0x20 < 'a' || b|0x20 > 'z')
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
