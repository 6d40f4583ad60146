package expect

import (
	"net"
	"strings"
	"testing"
	"time"
)

func TestEcho(t *testing.T) {
	for _, test := range []struct {
		name, sent string
		echo       Echo
		said       []string
		want, held string
	}{
		{"at once", "ls\n", EchoOn, []string{"ls\r\nfile\r\n"}, "file\r\n", ""},
		{"behind other text", "ls\n", EchoOn, []string{"$ ls\r\nfile"}, "$ file", ""},
		{"in pieces", "ls\n", EchoOn, []string{"$ l", "s", "\r", "\nfile"}, "$ file", ""},
		{"only what was sent", "ls\n", EchoOn, []string{"lls\r\nls\r\n"}, "lls\r\n", ""},
		{"a beginning that is none", "ls\n", EchoOn, []string{"l", "x"}, "lx", ""},
		{"a beginning", "ls\n", EchoOn, []string{"xl"}, "x", "l"},
		{"control characters", "\x03a\x04\r", EchoOn, []string{"^Ca\r\nb"}, "b", ""},
		{"no echo", "secret\n", EchoOff, []string{"secret\r\n"}, "secret\r\n", ""},
		{"a shell that edits", "ls\n", EchoUnknown, []string{"l", "s", "\r\nfile"}, "\r\nfile", ""},
		{"a shell that says something else", "ls\n", EchoUnknown, []string{"x ls\r\n"}, "x ls\r\n", ""},
		{"a key", "y", EchoUnknown, []string{"yes"}, "yes", ""},
		{"too late", "ls\n", EchoOn, []string{strings.Repeat("x", echoWithin+1), "ls\r\n"}, strings.Repeat("x", echoWithin+1) + "ls\r\n", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var f filter
			f.sent(test.sent, test.echo)
			var got []byte
			for _, piece := range test.said {
				got = f.pass(got, []byte(piece))
			}
			if string(got) != test.want || string(f.held) != test.held {
				t.Errorf("got %q, held %q; want %q, %q", got, f.held, test.want, test.held)
			}
		})
	}
}

func TestTwoEchoes(t *testing.T) {
	var f filter
	f.sent("a\n", EchoOn)
	f.sent("b\n", EchoOn)
	if got := f.pass(nil, []byte("a\r\n1\r\nb\r\n2\r\n")); string(got) != "1\r\n2\r\n" {
		t.Errorf("got %q", got)
	}
}

func TestStrip(t *testing.T) {
	for said, want := range map[string]string{
		"\x1b[1;32mgreen\x1b[0m":                              "green",
		"\x1b]0;title\x07text":                                "text",
		"\x1b]0;title\x1b\\text":                              "text",
		"\x1bP1$r0m\x1b\\text":                                "text",
		"\x1b(Btext\x1b=\x1b>":                                "text",
		"a\x07b\x0ec\x0fd":                                    "abcd",
		"\x1b[?2004ltext\r\n":                                 "text\r\n",
		"\x1b[" + strings.Repeat("1", longestEscape) + "text": "text",
	} {
		whole := filter{strip: true}
		if got := whole.pass(nil, []byte(said)); string(got) != want {
			t.Errorf("%q: got %q, want %q", said, got, want)
		}
		pieces, got := filter{strip: true}, []byte(nil)
		for i := range len(said) {
			got = pieces.pass(got, []byte{said[i]})
		}
		if string(got) != want {
			t.Errorf("%q, in pieces: got %q, want %q", said, got, want)
		}
	}
}

// FuzzFilter: what comes in pieces is the same as in one, and nothing is lost
// but the echo.
func FuzzFilter(f *testing.F) {
	f.Add("ls\n", "$ ls\r\nfile", 3, true)
	f.Add("aab\n", "aaab\r\n", 1, true)
	f.Add("aab\n", "aab\r\n", 1, false)
	f.Fuzz(func(t *testing.T, sent, said string, size int, sure bool) {
		if size < 1 || size > 64 {
			size = 1
		}
		echo := EchoUnknown
		if sure {
			echo = EchoOn
		}
		one, many := filter{}, filter{}
		one.sent(sent, echo)
		many.sent(sent, echo)
		whole := one.release(one.pass(nil, []byte(said)))
		var pieces []byte
		for rest := said; rest != ""; {
			n := min(size, len(rest))
			pieces = many.pass(pieces, []byte(rest[:n]))
			rest = rest[n:]
		}
		pieces = many.release(pieces)
		if string(whole) != string(pieces) {
			t.Errorf("in one %q, in pieces %q", whole, pieces)
		}
		if lost := len(said) - len(whole); lost != 0 && lost != len(terminalEcho(sent)) && lost != len(strings.TrimRight(sent, "\r\n")) {
			t.Errorf("of %q is left %q", said, whole)
		}
	})
}

// FuzzMatcher: what is said comes out as it went in, in the order of the
// matches, however it is cut.
func FuzzMatcher(f *testing.F) {
	f.Add([]byte("one two three"), "o", 3)
	f.Fuzz(func(t *testing.T, said []byte, pattern string, size int) {
		if size < 1 || size > 1000 || len(said) > 10_000 {
			return
		}
		p, err := Regexp(pattern)
		if err != nil {
			return
		}
		here, there := net.Pipe()
		s := New(here, Options{Keep: len(said) + 1})
		defer s.Close()
		go func() {
			defer there.Close()
			for rest := said; len(rest) > 0; {
				n := min(size, len(rest))
				there.Write(rest[:n])
				rest = rest[n:]
			}
		}()
		var out strings.Builder
		for {
			m, err := s.Expect(t.Context(), Wait{Patterns: []Pattern{p}, Timeout: time.Minute})
			out.WriteString(m.Before + m.Text)
			if err != nil {
				break
			}
			if m.Before+m.Text == "" { // and so for ever
				m, _ = s.Expect(t.Context(), Wait{Timeout: time.Minute})
				out.WriteString(m.Before)
				break
			}
		}
		if out.String() != string(said) {
			t.Errorf("got %q, want %q", out.String(), said)
		}
	})
}
