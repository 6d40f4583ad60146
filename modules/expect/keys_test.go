package expect

import (
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
)

// TestPress: keys are as a terminal sends them, those of the cursor as the program has
// asked for them, however its output is cut.
func TestPress(t *testing.T) {
	for _, c := range []struct {
		said []string
		key  string
		want string
	}{
		{nil, "enter", "\r"},
		{nil, "esc", "\x1b"},
		{nil, "f1", "\x1bOP"},
		{nil, "f12", "\x1b[24~"},
		{nil, "up", "\x1b[A"},
		{[]string{"menu\x1b[?1h\x1b=\r\n"}, "up", "\x1bOA"},
		{[]string{"menu\x1b[", "?", "1h", "x"}, "home", "\x1bOH"},
		{[]string{"menu\x1b[", "?", "1h", "x"}, "delete", "\x1b[3~"},
		{[]string{"\x1b[?1h", "\x1b[?1l"}, "up", "\x1b[A"},
		{nil, "break", "break"},
	} {
		synctest.Test(t, func(t *testing.T) {
			here, there := net.Pipe()
			defer there.Close()
			w := &wire{Conn: here}
			s := begin(t, w, Options{})
			for _, piece := range c.said {
				io.WriteString(there, piece)
			}
			synctest.Wait()
			go func() {
				keys := make([]byte, 10)
				for n, err := there.Read(keys); err == nil; n, err = there.Read(keys) {
					w.note(string(keys[:n]))
				}
			}()
			if err := s.Press(t.Context(), c.key); err != nil {
				t.Error(err)
			}
			synctest.Wait()
			if got := w.gets(); len(got) != 1 || got[0] != c.want {
				t.Errorf("%s after %q: %q, want %q", c.key, c.said, got, c.want)
			}
			if s.Press(t.Context(), "entr") == nil {
				t.Error("there is a key that nobody knows")
			}
		})
	}
}

// TestBreakOfNoLine: a terminal without a break key says so.
func TestBreakOfNoLine(t *testing.T) {
	s := shellIn(t, "cat")
	if err := s.Press(t.Context(), breakKey); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
}

// TestKeyName: whatever a key sends has its name again.
func TestKeyName(t *testing.T) {
	for name, keys := range keyNames() {
		if got := KeyName(keys); got != name {
			t.Errorf("%q is %q, not %q", keys, got, name)
		}
	}
	if got := KeyName("\x1bOA"); got != "up" {
		t.Errorf("got %q", got)
	}
}
