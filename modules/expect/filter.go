package expect

import (
	"bytes"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"farmrun/luahost/remote"
	"farmrun/luahost/render"
)

// Echo is whether a terminal sends back what it is sent.
type Echo int

// EchoUnknown means that the program may do so itself, as a shell does that
// lets its line be edited: output that comes at once and is the text that was sent, to its end,
// is taken for an echo. EchoOn means that the terminal does so for certain, EchoOff that
// nobody does.
const (
	EchoUnknown Echo = iota
	EchoOn
	EchoOff
)

const (
	// holdEcho is for how long the beginning of an echo is held back when no more of it
	// comes: consoles may take their time over each key.
	holdEcho = 500 * time.Millisecond
	// echoWithin is how much a program may have said before the echo comes, and how
	// long an echo may be that is drawn again and again.
	echoWithin = 64 << 10
	// shortestEcho is the length below which an echo that is not certain is
	// not taken for one: the answer to "y" may begin with a y.
	shortestEcho = 2
	// mostLine is how long a line is that is looked through for an echo.
	mostLine = 1 << 10
	// narrowest is the least width at which terminals wrap a line.
	narrowest = 20
)

// filter takes out of what is said what is no part of it.
type filter struct {
	strip  bool
	escape escapes
	echoes []echo // that have yet to come
	held   []byte // the beginning of the first of them, perhaps
	came   []came // since storeDrawn
}

// came is an echo that was taken out of the output that pass has returned, and where.
type came struct {
	at   int
	text []byte
}

// echo is one that has yet to come.
type echo struct {
	text  []byte // as a terminal prints it
	typed []byte // the line that is there when Enter is pressed, where text may look otherwise
	first []byte // of the keys, those before one that edits
	line  []byte // where the cursor was
	begun []byte // the beginning of an escape sequence behind it
	sure  bool   // it comes for certain, be it behind other text; else at once or not at all
	enter bool   // it ends with the end of a line
	past  bool   // a match took output of after it was sent
	room  int    // how much may go by before it
}

// sent says that text is about to be sent, on a line that has begun with line. told is
// that the script has said that the other end echoes: how, nobody knows. An echo that
// should have come before the last match will not.
func (f *filter) sent(text string, e Echo, told bool, line []byte) {
	f.echoes = slices.DeleteFunc(f.echoes, func(old echo) bool { return old.sure && old.past })
	typed := strings.TrimRight(text, "\r\n")
	want := echo{sure: e == EchoOn, room: echoWithin, line: line, begun: begunSequence(line), enter: len(typed) < len(text)}
	switch e {
	case EchoOn:
		want.text = terminalEcho(text)
		if want.enter && (told || edits(typed)) {
			want.typed = edited([]byte(typed))
			want.first = []byte(typed[:max(0, strings.IndexFunc(typed, isEdit))])
		}
	case EchoUnknown:
		if len(typed) < shortestEcho {
			return
		}
		want.text, want.typed = []byte(typed), []byte(typed)
	}
	if len(want.text) > 0 {
		f.echoes = append(f.echoes, want)
	}
}

// matched says that a match took output that came after all that was sent.
func (f *filter) matched() {
	for i := range f.echoes {
		f.echoes[i].past = true
	}
}

// terminalEcho is what a terminal sends back of text: see termios(3), ECHO,
// ECHOCTL, ICRNL and ONLCR.
func terminalEcho(text string) []byte {
	const endOfFile = 4
	var b bytes.Buffer
	for i := range len(text) {
		switch c := text[i]; {
		case c == '\n' || c == '\r':
			b.WriteString("\r\n")
		case c == endOfFile:
		case c < ' ' && c != '\t' || c == erase:
			b.Write([]byte{'^', c ^ 0x40})
		default:
			b.WriteByte(c)
		}
	}
	return b.Bytes()
}

const (
	erase     = 0x7f
	eraseWord = 0x17
	killLine  = 0x15
)

// edits tells whether a terminal may print a line in other ways than terminalEcho has.
func edits(typed string) bool {
	return strings.ContainsFunc(typed, isEdit)
}

func isEdit(r rune) bool { return r < ' ' && r != '\n' && r != '\r' || r == erase }

// edited returns the last line that keys make on a terminal that lets it be corrected.
func edited(keys []byte) (line []byte) {
	for _, c := range keys {
		switch c {
		case '\b', erase:
			_, n := utf8.DecodeLastRune(line)
			line = line[:len(line)-n]
		case eraseWord:
			line = bytes.TrimRight(line, " ")
			line = line[:bytes.LastIndexByte(line, ' ')+1]
		case killLine, '\r', '\n':
			line = nil
		default:
			line = append(line, c)
		}
	}
	return line
}

// pass appends raw to out, without echoes and, with strip, escape sequences.
func (f *filter) pass(out, raw []byte) []byte {
	if f.strip {
		raw = f.escape.remove(raw)
	}
	if len(f.echoes) == 0 {
		return append(out, raw...)
	}
	text := append(f.held, raw...)
	f.held = nil
	for len(f.echoes) > 0 && len(text) > 0 {
		f.skip(text)
		e := &f.echoes[0]
		said, rest, state := e.cut(text)
		out = append(out, said...)
		if state == echoCame {
			f.came = append(f.came, came{len(out), bytes.Clone(text[len(said) : len(text)-len(rest)])})
		}
		text = rest
		switch state {
		case echoPending:
			f.held = bytes.Clone(rest)
			return out
		case echoMissing:
			f.echoes = nil
		default:
			f.echoes = f.echoes[1:]
		}
	}
	return append(out, text...)
}

// skip drops the echoes that may not come as they should, once one has come that was
// sent later.
func (f *filter) skip(text []byte) {
	for i := 1; i < len(f.echoes) && f.echoes[i-1].sure && f.echoes[i-1].typed != nil; i++ {
		if e := &f.echoes[i]; e.sure && bytes.Contains(text, e.text) {
			f.echoes = f.echoes[i:]
			return
		}
	}
}

type echoState int

const (
	echoCame echoState = iota
	echoPending
	echoMissing
)

// cut splits text into what is said before the echo and what is left. While
// the echo is pending, what is left may be its beginning.
func (e *echo) cut(text []byte) (said, rest []byte, state echoState) {
	if !e.sure {
		n, state := e.atOnce(text)
		return nil, text[n:], state
	}
	if e.typed != nil {
		if n, state := e.atOnce(text); state != echoMissing {
			return nil, text[n:], state
		}
	}
	if i := bytes.Index(text, e.text); i >= 0 {
		return text[:i], text[i+len(e.text):], echoCame
	}
	if e.typed != nil {
		if said, rest, came := e.drawn(text); came {
			return said, rest, echoCame
		}
	}
	end := len(text) - remote.Overlap(text, e.text)
	if e.typed != nil {
		end = bytes.LastIndexByte(text, '\n') + 1
	}
	said, rest = text[:end], text[end:]
	if e.room -= len(said); e.room < 0 {
		return nil, text, echoMissing
	}
	return said, rest, echoPending
}

// drawn is cut for an echo that a terminal has drawn in its own way, somewhere in a
// line.
func (e *echo) drawn(text []byte) (said, rest []byte, came bool) {
	for at := 0; len(e.typed) >= shortestEcho; {
		n := bytes.IndexByte(text[at:], '\n')
		if n < 0 {
			break
		}
		if line := text[at : at+n]; isEcho(render.Text(line), string(e.typed)) {
			return text[:at+e.begins(line)], text[at+n+1:], true
		}
		at += n + 1
	}
	return nil, nil, false
}

// begins is where the echo begins in a line that ends with it; 0 where it was drawn on
// other text.
func (e *echo) begins(line []byte) int {
	for i := range min(len(line), mostLine) {
		if line[i] == e.typed[0] && render.Text(bytes.TrimRight(line[i:], "\r")) == string(e.typed) {
			if at := bytes.LastIndex(line[:i], e.first); at >= 0 && len(e.first) > 0 {
				return at // the keys that were erased are there as well
			}
			return i
		}
	}
	return 0
}

// atOnce returns how much of text is the echo that it begins with. A line that was
// drawn again, or wrapped, counts as a person sees it in the end. An answer that begins
// as the question does goes on otherwise.
func (e *echo) atOnce(text []byte) (n int, state echoState) {
	if begun := e.begun; len(begun) > 0 {
		of := *e
		of.begun = nil
		n, state = of.atOnce(append(bytes.Clone(begun), text...))
		return max(0, n-len(begun)), state
	}
	same := samePrefix(text, e.typed)
	switch {
	case same == len(text):
		if same == len(e.typed) && !e.enter {
			return same, echoCame
		}
		return 0, echoPending
	case same == len(e.typed) && !e.enter:
		return same, echoCame
	case same == len(e.typed):
		switch n, state := lineEnd(text[same:]); state {
		case echoPending:
			return 0, state
		case echoCame:
			return same + n, state
		}
	}
	return e.again(text, same)
}

// lineEnd returns how long the end of a line is that text begins with; programs set
// modes of the terminal before it, and devices add a blank.
func lineEnd(text []byte) (n int, state echoState) {
	returns := 0
	for n < len(text) {
		switch text[n] {
		case '\n':
			return n + 1, echoCame
		case '\r':
			if n == returns {
				returns++
			}
			n++
			continue
		case ' ':
			n++
			continue
		case esc:
			size := sequenceLen(text[n:])
			if size == 0 {
				return 0, echoPending
			}
			n += size
			if text[n-1] == nextLine && size == 2 {
				return n, echoCame
			}
			continue
		}
		if n == 0 || text[0] == ' ' {
			return 0, echoMissing
		}
		return returns, echoCame
	}
	return 0, echoPending
}

// nextLine behind ESC ends a line, and so does index (ECMA-48, NEL and IND).
const (
	nextLine = 'E'
	index    = 'D'
)

// indexLineEnd returns where the first line of text ends, and how long that end is; -1 if
// it does not.
func indexLineEnd(text []byte) (at, size int) {
	for at, c := range text {
		switch {
		case c == '\n':
			return at, 1
		case c == esc && at+1 < len(text) && text[at+1] == nextLine:
			return at, 2
		}
	}
	return -1, 0
}

// again is atOnce for a line that is drawn again or wrapped behind so many bytes.
func (e *echo) again(text []byte, same int) (n int, state echoState) {
	if !e.enter || len(text) > echoWithin || !movesCursor(text[same:], same) {
		return 0, echoMissing
	}
	typed, prompt := squeeze(string(e.typed)), render.Text(e.line)
	prompt = prompt[strings.LastIndexByte(prompt, '\n')+1:]
	for at := 0; ; {
		end, size := indexLineEnd(text[at:])
		if end < 0 {
			return 0, echoPending
		}
		l := render.Begin(prompt)
		shown := string(l.Show(text[:at+end])) + l.Line()
		line := strings.TrimPrefix(shown, prompt)
		if same > 0 || len(line) < len(shown) || shown == string(e.typed) || strings.HasPrefix(shown, "<") { // readline's mark
			if isEcho(line, string(e.typed)) || squeeze(line) == typed || squeeze(unwrapped(text[:at+end])) == typed {
				return at + end + size, echoCame
			}
		}
		if at += end + size; end < narrowest || !strings.HasPrefix(typed, squeeze(line)) {
			return 0, echoMissing
		}
	}
}

// unwrapped returns a line without the traces of a program that wraps it by itself: at
// the margin it prints a blank, or the character that comes next, and CR.
func unwrapped(text []byte) string {
	var b []byte
	for i, c := range text {
		if c == '\r' && len(b) > 0 && i+1 < len(text) && (text[i-1] == ' ' || text[i-1] == text[i+1]) {
			b = b[:len(b)-1]
			continue
		}
		b = append(b, c)
	}
	return string(b)
}

// movesCursor tells whether text, behind so many bytes of an echo, is how a line is drawn
// again or wrapped.
func movesCursor(text []byte, same int) bool {
	wrapped := same >= narrowest/2
	switch c := text[0]; c {
	case '\b', esc, '\a':
		return true
	case '\r':
		return len(text) == 1 || text[1] != '\n' || wrapped
	case ' ':
		return wrapped && (len(text) == 1 || text[1] == '\r')
	}
	return false
}

func samePrefix(a, b []byte) (n int) {
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// holds tells whether something is held back.
func (f *filter) holds() bool { return len(f.held) > 0 }

// release appends what was held back to out, and waits for no echo any more.
func (f *filter) release(out []byte) []byte {
	held := f.held
	f.held, f.echoes = nil, nil
	return append(out, held...)
}

// escapes takes the escape sequences out of a text that comes in pieces
// (ECMA-48, 5.3 to 5.6), and the bells and shifts. Where they end a line, or go to
// another, there is an end of a line in their place.
type escapes struct {
	state      escapeState
	size       int // of the sequence so far
	parameters []byte
	row        render.Row
	begun      bool // the line has text
}

type escapeState int

const (
	inText     escapeState = iota
	afterEsc               // ESC and what stands between it and a final byte
	inControl              // ESC [
	inString               // ESC ] or another that goes on until BEL or ESC \
	endsString             // ESC in such a string
)

// longestEscape is where a sequence that does not end is given up.
const longestEscape = 4 << 10

const (
	bell     = 0x07
	shiftOut = 0x0e
	shiftIn  = 0x0f
	esc      = 0x1b
)

func (x *escapes) remove(raw []byte) []byte {
	out := make([]byte, 0, len(raw))
	for _, c := range raw {
		if x.state != inText {
			if x.next(c) {
				out = append(out, "\r\n"...)
			}
			continue
		}
		switch c {
		case esc:
			x.state, x.size, x.parameters = afterEsc, 0, x.parameters[:0]
		case bell, shiftOut, shiftIn:
		case '\n':
			x.endLine()
			out = append(out, c)
		default:
			x.begun = x.begun || c > ' '
			out = append(out, c)
		}
	}
	return out
}

func (x *escapes) endLine() {
	x.begun = false
	x.row.Next()
}

// sequenceLen is how long the escape sequence is that text begins with; 0 if it goes on.
func sequenceLen(text []byte) int {
	x := escapes{state: afterEsc}
	for n, c := range text[1:] {
		if x.next(c); x.state == inText {
			return n + 2
		}
	}
	return 0
}

// begunSequence is the escape sequence that text ends in the middle of; nil if none.
func begunSequence(text []byte) []byte {
	if at := bytes.LastIndexByte(text, esc); at >= 0 && sequenceLen(text[at:]) == 0 {
		return text[at:]
	}
	return nil
}

// next takes one more byte of a sequence, and tells whether that ends a line.
func (x *escapes) next(c byte) (ends bool) {
	if x.size++; x.size > longestEscape {
		x.state = inText
		return false
	}
	switch x.state {
	case afterEsc:
		x.state = afterIntroducer(c)
		if ends = x.size == 1 && (c == nextLine || c == index); ends {
			x.endLine()
		}
	case inControl:
		if c < 0x40 || c > 0x7e {
			x.parameters = append(x.parameters, c)
			break
		}
		x.state = inText
		if x.row.Moves(c, string(x.parameters)) {
			ends, x.begun = x.begun, false
		}
	case inString:
		switch c {
		case bell:
			x.state = inText
		case esc:
			x.state = endsString
		}
	case endsString:
		x.state = inString
		if c == '\\' {
			x.state = inText
		}
	}
	return ends
}

// afterIntroducer is the state after ESC and c.
func afterIntroducer(c byte) escapeState {
	switch {
	case c == '[':
		return inControl
	case strings.IndexByte("]PX^_", c) >= 0:
		return inString
	case c >= 0x20 && c <= 0x2f || c == esc:
		return afterEsc
	}
	return inText
}
