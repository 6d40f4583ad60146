package expect

import (
	"bytes"
	"strings"
	"time"

	"farmrun/luahost/remote"
)

// Echo is whether a terminal sends back what it is sent.
type Echo int

// EchoUnknown means that the program may do so itself, as a shell does that
// lets its line be edited: what begins like an echo is taken for one. EchoOn
// means that the terminal does so for certain, EchoOff that nobody does.
const (
	EchoUnknown Echo = iota
	EchoOn
	EchoOff
)

const (
	// holdEcho is for how long the beginning of an echo is held back.
	holdEcho = 200 * time.Millisecond
	// echoWithin is how much a program may have said before the echo comes.
	echoWithin = 64 << 10
	// shortestEcho is the length below which an echo that is not certain is
	// not taken for one: the answer to "y" may begin with a y.
	shortestEcho = 2
)

// filter takes out of what is said what is no part of it.
type filter struct {
	strip  bool
	escape escapes
	echoes []echo // that have yet to come
	held   []byte // the beginning of the first of them, perhaps
}

// echo is one that has yet to come.
type echo struct {
	text []byte
	sure bool // it comes for certain, be it behind other text; else at once or not at all
	room int  // how much may go by before it
}

// sent says that text is about to be sent.
func (f *filter) sent(text string, e Echo) {
	want := echo{sure: e == EchoOn, room: echoWithin}
	switch e {
	case EchoOn:
		want.text = terminalEcho(text)
	case EchoUnknown:
		want.text = []byte(strings.TrimRight(text, "\r\n"))
		if len(want.text) < shortestEcho {
			return
		}
	}
	if len(want.text) > 0 {
		f.echoes = append(f.echoes, want)
	}
}

// terminalEcho is what a terminal sends back of text: see termios(3), ECHO,
// ECHOCTL, ICRNL and ONLCR.
func terminalEcho(text string) []byte {
	const endOfFile, erase = 4, 0x7f
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
		e := &f.echoes[0]
		said, rest, state := e.cut(text)
		out = append(out, said...)
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
		switch {
		case bytes.HasPrefix(text, e.text):
			return nil, text[len(e.text):], echoCame
		case bytes.HasPrefix(e.text, text):
			return nil, text, echoPending
		}
		return nil, text, echoMissing
	}
	if i := bytes.Index(text, e.text); i >= 0 {
		return text[:i], text[i+len(e.text):], echoCame
	}
	end := len(text) - remote.Overlap(text, e.text)
	said, rest = text[:end], text[end:]
	if e.room -= len(said); e.room < 0 {
		return nil, text, echoMissing
	}
	return said, rest, echoPending
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
// (ECMA-48, 5.3 to 5.6), and the bells and shifts.
type escapes struct {
	state escapeState
	size  int // of the sequence so far
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
			x.next(c)
			continue
		}
		switch c {
		case esc:
			x.state, x.size = afterEsc, 0
		case bell, shiftOut, shiftIn:
		default:
			out = append(out, c)
		}
	}
	return out
}

// next takes one more byte of a sequence.
func (x *escapes) next(c byte) {
	if x.size++; x.size > longestEscape {
		x.state = inText
		return
	}
	switch x.state {
	case afterEsc:
		x.state = afterIntroducer(c)
	case inControl:
		if c >= 0x40 && c <= 0x7e {
			x.state = inText
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
