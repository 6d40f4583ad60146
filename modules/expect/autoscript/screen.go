package autoscript

import (
	"strconv"
	"unicode/utf8"
)

// display shows text as a terminal without end of width does, on a line that
// has begun already; it returns the lines that were ended and the last.
func display(text []byte, begun string) (lines []string, last string) {
	s := screen{line: []rune(begun)}
	s.at = len(s.line)
	for len(text) > 0 {
		n := s.put(text)
		text = text[n:]
	}
	return s.lines, string(s.line)
}

// screen is the line on which a terminal's cursor is, and those before it.
type screen struct {
	lines []string
	line  []rune
	at    int // the cursor
}

// put shows what text begins with, and returns how long that is.
func (s *screen) put(text []byte) int {
	switch c := text[0]; {
	case c == '\n':
		s.lines = append(s.lines, string(s.line))
		s.line, s.at = nil, 0
	case c == '\r':
		s.at = 0
	case c == '\b':
		s.at = max(0, s.at-1)
	case c == '\t':
		for s.write(' '); s.at%8 != 0; {
			s.write(' ')
		}
	case c == 0x1b:
		return s.escape(text)
	case c < ' ', c == 0x7f:
	default:
		r, n := utf8.DecodeRune(text)
		s.write(r)
		return n
	}
	return 1
}

// write shows a character where the cursor is.
func (s *screen) write(r rune) {
	for len(s.line) <= s.at {
		s.line = append(s.line, ' ')
	}
	s.line[s.at] = r
	s.at++
}

// escape obeys the escape sequence that text begins with, as far as it has to do
// with one line: see ECMA-48, and console_codes(4).
func (s *screen) escape(text []byte) int {
	if len(text) < 2 {
		return len(text)
	}
	switch text[1] {
	case '[':
	case ']', 'P', 'X', '^', '_':
		return stringLen(text)
	default:
		return 2
	}
	n := 2
	for n < len(text) && (text[n] < '@' || text[n] > '~') {
		n++
	}
	if n == len(text) {
		return n
	}
	count, err := strconv.Atoi(string(text[2:n]))
	if err != nil {
		count = 0
	}
	s.obey(text[n], count)
	return n + 1
}

// stringLen is how long a string is such as sets a window's title.
func stringLen(text []byte) int {
	for n := 2; n < len(text); n++ {
		switch {
		case text[n] == '\a':
			return n + 1
		case text[n] == '\\' && text[n-1] == 0x1b:
			return n + 1
		}
	}
	return len(text)
}

// widest is how wide the screen is after all: hosts send nonsense, too.
const widest = 1 << 12

func (s *screen) obey(what byte, count int) {
	most := max(1, min(count, widest))
	switch what {
	case 'C':
		s.at = min(s.at+most, widest)
	case 'D':
		s.at = max(0, s.at-most)
	case 'G':
		s.at = most - 1
	case 'K':
		s.erase(count)
	case 'P':
		if s.at < len(s.line) {
			s.line = append(s.line[:s.at], s.line[min(len(s.line), s.at+most):]...)
		}
	case '@':
		if s.at < len(s.line) {
			rest := append([]rune(nil), s.line[s.at:]...)
			s.line = s.line[:s.at]
			for range most {
				s.line = append(s.line, ' ')
			}
			s.line = append(s.line, rest[:min(len(rest), widest)]...)
		}
	}
}

// erase is EL: to the end of the line, from its beginning, or all of it.
func (s *screen) erase(what int) {
	switch what {
	case 0:
		s.line = s.line[:min(s.at, len(s.line))]
	case 1:
		for i := range min(s.at+1, len(s.line)) {
			s.line[i] = ' '
		}
	case 2:
		s.line = nil
	}
}
