package terminal

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// modes are what a program has switched on a terminal by escape sequences, so
// that it can be switched back when the program is left in the middle: an
// editor's second screen, a hidden cursor, the mouse, bracketed paste. The zero
// value is a terminal that nobody has touched.
type modes struct {
	private map[int]bool // private modes of DEC (ECMA-48 CSI ? n h and l): on or off, if not as usual
	escaped bool         // there was an escape sequence, so there may be colours
	rest    []byte       // the beginning of a sequence whose end is to come
}

const (
	cursorShown = 25
	autoWrap    = 7
	longestSet  = 64 // of a sequence that sets modes
)

// watch notes the modes that text sets.
func (m *modes) watch(text []byte) {
	text = append(m.rest, text...)
	m.rest = nil
	for {
		start := bytes.IndexByte(text, 0x1b)
		if start < 0 {
			return
		}
		m.escaped = true
		text = text[start:]
		n, whole := m.sequence(text)
		if !whole {
			m.rest = bytes.Clone(text[:min(len(text), longestSet)])
			return
		}
		text = text[n:]
	}
}

// sequence reads the escape sequence at the beginning of text if it sets
// modes. It returns how much of text to pass over, and false if the end of the
// sequence is to come.
func (m *modes) sequence(text []byte) (n int, whole bool) {
	const begin = "\x1b[?"
	if len(text) < len(begin) {
		return 1, !bytes.HasPrefix([]byte(begin), text)
	}
	if !bytes.HasPrefix(text, []byte(begin)) {
		return 1, true
	}
	end := len(begin)
	for end < len(text) && (text[end] >= '0' && text[end] <= '9' || text[end] == ';') {
		end++
	}
	switch {
	case end == len(text):
		return 1, end >= longestSet
	case text[end] == 'h' || text[end] == 'l':
		m.set(text[len(begin):end], text[end] == 'h')
	}
	return end, true
}

// set notes that the modes of a list such as "1049;25" are on or off now.
func (m *modes) set(list []byte, on bool) {
	for word := range bytes.SplitSeq(list, []byte(";")) {
		mode, err := strconv.Atoi(string(word))
		if err != nil {
			continue
		}
		usual := mode == cursorShown || mode == autoWrap
		if on == usual {
			delete(m.private, mode)
			continue
		}
		if m.private == nil {
			m.private = map[int]bool{}
		}
		m.private[mode] = on
	}
}

// reset returns what puts the terminal back.
func (m *modes) reset() string {
	if !m.escaped {
		return ""
	}
	var b bytes.Buffer
	for _, mode := range slices.Sorted(maps.Keys(m.private)) {
		if m.private[mode] {
			fmt.Fprintf(&b, "\x1b[?%dl", mode)
		} else {
			fmt.Fprintf(&b, "\x1b[?%dh", mode)
		}
	}
	b.WriteString("\x1b[0m\x1b(B\x0f\x1b>") // no colours, letters for lines, or keypad codes
	return b.String()
}
