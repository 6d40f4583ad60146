package expect

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
)

// breakKey is no character: the line has a signal for it.
const breakKey = "break"

// keyNames are the keys that have no character of their own, by the names that scripts
// have for them, and how xterm and the terminals like it send them: see ctlseqs of
// xterm, "PC-Style Function Keys". Enter is CR: telnet's Conn sends CR NUL for it
// (RFC 854), and ssh, rlogin and consoles have it as it is.
var keyNames = sync.OnceValue(func() map[string]string {
	names := map[string]string{
		"enter": "\r", "tab": "\t", "esc": "\x1b", "space": " ", "backspace": "\x7f",
		"up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D", "end": "\x1b[F", "home": "\x1b[H",
		"insert": "\x1b[2~", "delete": "\x1b[3~", "pageup": "\x1b[5~", "pagedown": "\x1b[6~",
		"f1": "\x1bOP", "f2": "\x1bOQ", "f3": "\x1bOR", "f4": "\x1bOS",
	}
	for i, code := range []int{15, 17, 18, 19, 20, 21, 23, 24} {
		names[fmt.Sprintf("f%d", 5+i)] = fmt.Sprintf("\x1b[%d~", code)
	}
	return names
})

// KeyName returns the name of the key that sends keys; "" if there is none.
func KeyName(keys string) string {
	for name, sent := range keyNames() {
		if keys == sent || len(sent) == 3 && keys == applied(sent) {
			return name
		}
	}
	return ""
}

// applied is how an arrow key, home or end is sent in the mode of application cursor
// keys.
func applied(key string) string { return strings.Replace(key, "\x1b[", "\x1bO", 1) }

// Press presses a key by its name: enter, tab, esc, space, backspace, up, down, left,
// right, home, end, insert, delete, pageup, pagedown, f1 to f12 or break. The cursor's
// keys are such as the program at the other end has asked for (DECCKM). It fails as Send
// does; break fails with errors.ErrUnsupported where the line has none.
func (s *Session) Press(ctx context.Context, name string) error {
	if name == breakKey {
		return s.sendBreak(ctx)
	}
	key, ok := keyNames()[name]
	if !ok {
		return fmt.Errorf("there is no key %q", name)
	}
	if len(key) == 3 && s.in.cursorKeys() {
		key = applied(key)
	}
	return s.Send(ctx, key)
}

// cursorMode follows whether the program at the other end has the cursor's keys in
// application mode (DECCKM, ESC [ ? 1 h). Its use is the input's.
type cursorMode struct {
	on   bool
	rest []byte // the beginning of a sequence, perhaps
}

var cursorOn, cursorOff = []byte("\x1b[?1h"), []byte("\x1b[?1l")

func (m *cursorMode) see(raw []byte) {
	if len(m.rest) == 0 && bytes.IndexByte(raw, esc) < 0 {
		return
	}
	text := append(m.rest, raw...)
	if on, off := bytes.LastIndex(text, cursorOn), bytes.LastIndex(text, cursorOff); on != off {
		m.on = on > off
	}
	m.rest = bytes.Clone(text[max(0, len(text)-len(cursorOn)+1):])
}
