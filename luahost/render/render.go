// Package render turns the output of a terminal into the lines that a person sees: it
// obeys CR, BS, tabs and the escape sequences that move the cursor or erase, as far as
// they have to do with one line, and takes out all others. See ECMA-48 and
// console_codes(4).
//
//	var l render.Lines
//	done := l.Show([]byte("10%\r20%\r\n--More--\b\b\b\b\b\b\b\b        \b\b\b\b\b\b\b\bnext"))
//	// done is "20%\n", and l.Line() is "next"
//
// A line that has ended is never drawn again: where the cursor goes to another row, a
// line begins. A line has no end, but for Lines.Width. Blanks behind the cursor are no text, and
// neither are those in the end that were written over text, such as those by which a pager
// erases its question.
package render

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Text returns all that is seen of output, whose lines end with "\n".
func Text(output []byte) string {
	var l Lines
	return string(l.Show(output)) + l.Line()
}

// Lines renders output that comes in pieces. The zero value begins with an empty line.
// It belongs to one goroutine.
type Lines struct {
	// Width is that of the terminal, on which a longer line goes on in further rows: CR then
	// goes to the beginning of its row. 0 is a line of one row.
	Width int

	line []rune // a byte that is no UTF-8 is notUTF8 and the byte
	at   int    // the cursor
	end  int    // where it was before the last CR
	row  Row
	rest []byte // the beginning of a sequence or a character

	written int  // since Settle: the first column where it was, and 1; 0 is nowhere
	ended   bool // since Settle
}

const (
	notUTF8 = utf8.MaxRune + 1
	tabbed  = -1 // skipped by a tab
	erased  = -2 // a blank that was written over text, or behind such
	// widest is how wide a line is after all, and longest where a sequence that does
	// not end is given up: hosts send nonsense, too.
	widest  = 1 << 12
	longest = 4 << 10
	// bottom is the row below which terminals of the usual size have none.
	bottom = 24
)

// Begin is a line that has begun with text.
func Begin(text string) *Lines {
	l := &Lines{line: []rune(text)}
	l.at = len(l.line)
	return l
}

// Line returns the line that has not ended.
func (l *Lines) Line() string { return encode(l.shown(l.at)) }

// Settle begins anew for Written.
func (l *Lines) Settle() { l.written, l.ended = 0, false }

// Written returns the first column of the line of that time where something was written
// since Settle; ok is false if nothing was.
func (l *Lines) Written() (column int, ok bool) { return l.written - 1, l.written > 0 }

// shown is the line without the blanks behind a column, and without erased text in the
// end.
func (l *Lines) shown(column int) []rune {
	end := len(l.line)
	for end > 0 && (l.line[end-1] == erased || end > column && (l.line[end-1] == ' ' || isTab(l.line[end-1]))) {
		end--
	}
	return l.line[:end]
}

func encode(line []rune) string {
	var b strings.Builder
	b.Grow(len(line))
	for _, r := range line {
		switch {
		case r >= notUTF8:
			b.WriteByte(byte(r - notUTF8))
		case r == erased:
			b.WriteByte(' ')
		case r != tabbed:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func isTab(r rune) bool { return r == '\t' || r == tabbed }

// Show shows output, and returns the lines that it has ended, each with "\n".
func (l *Lines) Show(output []byte) (done []byte) {
	if len(l.rest) > 0 {
		output = append(l.rest, output...)
		l.rest = nil
	}
	for len(output) > 0 {
		n := l.put(output, &done)
		if n == 0 {
			if len(output) <= longest {
				l.rest = bytes.Clone(output)
			}
			return done
		}
		output = output[n:]
	}
	return done
}

// put shows the beginning of output, and returns how long that is; 0 if it goes on.
func (l *Lines) put(output []byte, done *[]byte) int {
	switch c := output[0]; {
	case c == '\n':
		l.next(done)
	case c == '\r':
		if l.at > 0 {
			l.end = l.at
		}
		l.at = l.rowStart()
	case c == '\b':
		l.at = max(0, l.at-1)
	case c == '\t':
		l.tab()
	case c == 0x1b:
		return l.escape(output, done)
	case c < ' ', c == 0x7f:
	case c < utf8.RuneSelf:
		l.write(rune(c))
	case !utf8.FullRune(output):
		return 0
	default:
		r, n := utf8.DecodeRune(output)
		if r == utf8.RuneError && n == 1 {
			r = notUTF8 + rune(c)
		}
		l.write(r)
		return n
	}
	return 1
}

// next ends the line.
func (l *Lines) next(done *[]byte) {
	*done = append(append(*done, encode(l.shown(max(l.at, l.end)))...), '\n')
	l.line, l.at, l.end, l.ended = l.line[:0], 0, 0, true
	l.row.Next()
}

// write shows a character where the cursor is.
func (l *Lines) write(r rune) {
	over := l.at < len(l.line)
	for len(l.line) <= l.at {
		l.line = append(l.line, ' ')
	}
	if isTab(l.line[l.at]) && r != tabbed {
		l.split()
	}
	if r == ' ' && (over || l.at > 0 && l.line[l.at-1] == erased) {
		r = erased
	}
	l.line[l.at] = r
	l.at, l.end = l.at+1, 0
	if !l.ended && (l.written == 0 || l.at < l.written) {
		l.written = l.at
	}
}

// rowStart is the column where the row of the cursor begins. A cursor behind a full row is
// still in that.
func (l *Lines) rowStart() int {
	if l.Width == 0 || l.at == 0 {
		return 0
	}
	return (l.at - 1) / l.Width * l.Width
}

// tab moves the cursor to the next stop. Before text that is there it only moves.
func (l *Lines) tab() {
	if slices.ContainsFunc(l.line[min(l.at, len(l.line)):], func(r rune) bool { return r != ' ' && r != erased }) {
		l.at += 8 - l.at%8
		return
	}
	for l.write('\t'); l.at%8 != 0; {
		l.write(tabbed)
	}
}

// split makes blanks of the tab where the cursor is, since it is not skipped any more.
func (l *Lines) split() {
	first := l.at
	for l.line[first] != '\t' && first > 0 {
		first--
	}
	for i := first; i < len(l.line) && (i == first || l.line[i] == tabbed); i++ {
		l.line[i] = ' '
	}
}

// escape obeys the escape sequence that output begins with.
func (l *Lines) escape(output []byte, done *[]byte) int {
	if len(output) < 2 {
		return 0
	}
	switch c := output[1]; {
	case c == '[':
	case strings.IndexByte("]PX^_", c) >= 0:
		return stringLen(output)
	case c == 'E', c == 'D': // NEL, IND
		l.end = l.at
		l.next(done)
		return 2
	case c >= ' ' && c <= '/': // such as a character set, which is named behind
		if len(output) < 3 {
			return 0
		}
		return 3
	default:
		return 2
	}
	n := 2
	for n < len(output) && (output[n] < '@' || output[n] > '~') {
		n++
	}
	if n == len(output) {
		return 0
	}
	l.obey(output[n], string(output[2:n]), done)
	return n + 1
}

// stringLen is how long a string is such as sets a window's title; 0 if it goes on.
func stringLen(output []byte) int {
	for n := 2; n < len(output); n++ {
		if output[n] == '\a' || output[n] == '\\' && output[n-1] == 0x1b {
			return n + 1
		}
	}
	return 0
}

// obey obeys a control sequence.
func (l *Lines) obey(what byte, parameters string, done *[]byte) {
	first, second, _ := strings.Cut(parameters, ";")
	count, _ := strconv.Atoi(first)
	most := max(1, min(count, widest))
	if strings.IndexByte("KJPX@", what) >= 0 {
		for i, r := range l.line {
			if isTab(r) {
				l.line[i] = ' '
			}
		}
	}
	switch what {
	case 'A', 'B', 'E', 'F':
		l.move(what, first, done)
	case 'C':
		l.at = min(l.at+most, widest)
	case 'D':
		l.at = max(0, l.at-most)
	case 'G', '`':
		l.at = most - 1
	case 'H', 'f':
		column, _ := strconv.Atoi(second)
		l.move(what, first, done)
		l.at = max(1, min(column, widest)) - 1
	case 'J', 'K':
		l.erase(count)
	case 'P':
		if l.at < len(l.line) {
			l.line = append(l.line[:l.at], l.line[min(len(l.line), l.at+most):]...)
		}
	case 'X':
		for i := l.at; i < min(len(l.line), l.at+most); i++ {
			l.line[i] = ' '
		}
	case '@':
		l.insert(most)
	}
}

// move ends the line if the cursor goes to another row.
func (l *Lines) move(what byte, parameters string, done *[]byte) {
	if !l.row.Moves(what, parameters) {
		return
	}
	to, at := l.row, l.at
	if len(l.shown(0)) > 0 {
		l.next(done)
	}
	l.row, l.at = to, at
}

// Row is where the cursor was put by control sequences; the zero value is not known.
type Row struct{ at int }

// Moves obeys a control sequence, and tells whether the cursor goes to another row by it:
// there a line ends.
func (r *Row) Moves(what byte, parameters string) bool {
	before := r.at
	switch what {
	case 'A', 'B', 'E', 'F':
		r.at = 0
		return true
	case 'H', 'f':
		row, _, _ := strings.Cut(parameters, ";")
		r.at, _ = strconv.Atoi(row)
		r.at = max(1, min(r.at, widest))
	}
	return r.at != before
}

// Next is that a line has ended.
func (r *Row) Next() {
	if r.at > 0 {
		r.at = min(bottom, r.at+1)
	}
}

// insert is ICH.
func (l *Lines) insert(blanks int) {
	if l.at >= len(l.line) {
		return
	}
	rest := append([]rune(nil), l.line[l.at:]...)
	l.line = l.line[:l.at]
	for range blanks {
		l.line = append(l.line, ' ')
	}
	l.line = append(l.line, rest[:min(len(rest), widest)]...)
}

// erase is EL, and ED as far as the line goes: to the end of the line, from its
// beginning, or all of it.
func (l *Lines) erase(what int) {
	switch what {
	case 0:
		l.line = l.line[:min(l.at, len(l.line))]
	case 1:
		for i := range min(l.at+1, len(l.line)) {
			l.line[i] = ' '
		}
	case 2:
		l.line = l.line[:0]
	}
}
