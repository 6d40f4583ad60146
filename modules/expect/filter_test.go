package expect

import (
	"net"
	"strings"
	"testing"
	"time"
)

// long is a line that no narrow terminal has room for.
var long = strings.Repeat("interface ", 12) + "end"

func TestEcho(t *testing.T) {
	const told = -1 // EchoOn, by the script
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
		{"a shell that edits", "ls\n", EchoUnknown, []string{"l", "s", "\r\nfile"}, "file", ""},
		{"a shell that sets modes", "ls\n", EchoUnknown, []string{"ls\x1b[?2004l\r\r\nfile"}, "file", ""},
		{"a shell that sets modes, and prints at once", "ls\n", EchoUnknown, []string{"ls\x1b[?2004lfile"}, "\x1b[?2004lfile", ""},
		{"a line end of a VT100", "ls\n", EchoUnknown, []string{"ls\x1b", "E\x1b[24;1Hfile"}, "\x1b[24;1Hfile", ""},
		{"a shell that says something else", "ls\n", EchoUnknown, []string{"x ls\r\n"}, "x ls\r\n", ""},
		{"a key", "y", EchoUnknown, []string{"yes"}, "yes", ""},
		{"too late", "ls\n", EchoOn, []string{strings.Repeat("x", echoWithin+1), "ls\r\n"}, strings.Repeat("x", echoWithin+1) + "ls\r\n", ""},

		// Answers that begin as the question does.
		{"an answer", "reset\n", EchoUnknown, []string{"reset of line 3 done\r\n"}, "reset of line 3 done\r\n", ""},
		{"an answer in pieces", "reset\n", EchoUnknown, []string{"re", "set", " of line 3 done\r\n"}, "reset of line 3 done\r\n", ""},
		{"an answer that draws", "reset\n", EchoUnknown, []string{"\rerror: reset\r\n"}, "\rerror: reset\r\n", ""},
		{"an empty line, then the same", "reset\n", EchoUnknown, []string{"\r\nreset\r\n"}, "\r\nreset\r\n", ""},

		// Lines that are drawn in other ways, as a terminal does that is set so.
		{"a line that is cleared first", "\x15status\n", EchoOn, []string{"status\r\nok"}, "ok", ""},
		{"that of somebody else", "\x15status\n", EchoOn, []string{"\b \b\b \bstatus\r\nok"}, "ok", ""},
		{"behind a question", "\x15status\n", EchoOn, []string{"what? ", "status\r\nok"}, "what? ok", ""},
		{"what was erased with it", "x\x15ls\n", EchoOn, []string{"? x\b \bls\r\nok"}, "? ok", ""},
		{"corrected", "lx\x7fs\n", EchoOn, []string{"lx\b \bs\r\nfile"}, "file", ""},
		{"corrected, in pieces", "lx\x7fs\n", EchoOn, []string{"lx\b ", "\bs", "\r\nfile"}, "file", ""},
		{"a word less", "cd /tmp\x17/usr\n", EchoOn, []string{"cd /tmp\b \b\b \b\b \b\b \b/usr\r\n$ "}, "$ ", ""},
		{"tabs as blanks", "a\tb\n", EchoOn, []string{"a       b\r\nc"}, "c", ""},
		{"control characters as they are", "\x01ab\n", EchoOn, []string{"\x01ab\r\nc"}, "c", ""},

		// Lines that a program draws.
		{"each key draws the line", "print\r", EchoUnknown, []string{"\r> \x1b[Kp\r> \x1b[Kpr\r> pri\r> ", "prin\r> print\r\nok"}, "ok", ""},
		{"and the script has told", "print\r", told, []string{"\r> \x1b[Kp\r> \x1b[Kpr\r> pri\r> ", "prin\r> print\r\nok"}, "ok", ""},
		{"moved to the left", long + "\r", EchoUnknown, []string{long[:60] + strings.Repeat("\b", 60) + "$" + long[40:] + "   \b\b\b\r\nok"}, "ok", ""},
		{"moved to the left by readline", long + "\r", EchoUnknown, []string{"\r<" + long[80:] + "\r\nok"}, "ok", ""},
		{"an answer with its mark", long + "\r", EchoUnknown, []string{"\r<interface>\r\nok"}, "\r<interface>\r\nok", ""},
		{"wrapped by the terminal", long + "\r", EchoUnknown, []string{long[:78] + "\r\n" + long[78:] + "\r\nok"}, "ok", ""},
		{"wrapped by readline", long + "\r", EchoUnknown, []string{long[:80] + long[80:81] + "\r" + long[80:] + "\r\nok"}, "ok", ""},
		{"told, behind other text", "ls\r", told, []string{"mail\r\n", "ls\r\nfile"}, "mail\r\nfile", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, whole := range []bool{true, false} {
				var f filter
				told := test.echo == told
				if told {
					test.echo = EchoOn
				}
				f.sent(test.sent, test.echo, told, []byte("> "))
				var got []byte
				for _, piece := range test.said {
					if whole {
						got = f.pass(got, []byte(piece))
						continue
					}
					for i := range len(piece) {
						got = f.pass(got, []byte{piece[i]})
					}
				}
				if string(got) != test.want || string(f.held) != test.held {
					t.Errorf("in pieces %v: got %q, held %q; want %q, %q", !whole, got, f.held, test.want, test.held)
				}
				if told {
					test.echo = -1
				}
			}
		})
	}
}

func TestTwoEchoes(t *testing.T) {
	var f filter
	f.sent("a\n", EchoOn, false, nil)
	f.sent("b\n", EchoOn, false, nil)
	if got := f.pass(nil, []byte("a\r\n1\r\nb\r\n2\r\n")); string(got) != "1\r\n2\r\n" {
		t.Errorf("got %q", got)
	}
}

// TestEchoThatDoesNotCome: an echo that the terminal draws otherwise keeps no later one
// from being found, and is not looked for behind a match.
func TestEchoThatDoesNotCome(t *testing.T) {
	var f filter
	f.sent("\x03\x0cclear\n", EchoOn, false, nil)
	f.sent("reset\n", EchoOn, false, nil)
	if got := f.pass(nil, []byte("ready\r\nreset\r\nreset failed\r\n")); string(got) != "ready\r\nreset failed\r\n" {
		t.Errorf("got %q", got)
	}
	f = filter{}
	f.sent("\x03", EchoOn, false, nil)
	f.matched()
	f.sent("ls\n", EchoOn, false, nil)
	if got := f.pass(nil, []byte("ls\r\n^C is a key\r\n")); string(got) != "^C is a key\r\n" {
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
		"a\x1bEb\x1b[24;1Hc\x1bDd":                            "a\r\nb\r\nc\r\nd",
		"\x1b[2;1Ha\x1b[2;5Hb\x1b[3H \x1b[Ac\nd\x1b[2;1He":    "ab\r\n c\nd\r\ne",
		"a\x1bE\x1b[24;1Hsw# \x1b[24;1H\x1b[?25h\x1b[24;5H":   "a\r\nsw# ",
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
		one.sent(sent, echo, false, nil)
		many.sent(sent, echo, false, nil)
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
		left := whole
		for i := 0; i < len(said) && len(left) > 0; i++ {
			if said[i] == left[0] {
				left = left[1:]
			}
		}
		if len(left) > 0 || len(whole) < len(said) && len(sent) == 0 {
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
