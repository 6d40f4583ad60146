package expect

import (
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestStripScreen: patterns and the text before them are of the lines that a person
// sees, however the output is cut.
func TestStripScreen(t *testing.T) {
	const pager = "--More-- "
	prompt, err := Regexp(`(?m)^core9#$`)
	if err != nil {
		t.Fatal(err)
	}
	more, err := Regexp(`(?m)^ ?--More-- $`)
	if err != nil {
		t.Fatal(err)
	}
	for name, erase := range map[string]string{
		"BS":    "\b\b\b\b\b\b\b\b\b        \b\b\b\b\b\b\b\b",
		"CR":    "\r         \r",
		"EL":    "\r\x1b[K",
		"CUB":   "\x1b[9D         \x1b[9D",
		"moves": "\x1b[9D\x1b[K",
	} {
		for _, size := range []int{1, 3, 1000} {
			synctest.Test(t, func(t *testing.T) {
				here, there := net.Pipe()
				defer there.Close()
				s := begin(t, here, Options{Strip: StripScreen})
				say := func(text string) {
					for ; text != ""; text = text[min(size, len(text)):] {
						io.WriteString(there, text[:min(size, len(text))])
					}
				}
				wants := func(p Pattern, before string) {
					t.Helper()
					m, err := s.Expect(t.Context(), Wait{Patterns: []Pattern{p}, Timeout: time.Minute})
					if err != nil || m.Before != before {
						t.Errorf("%s, by %d: before %q, want %q: %v", name, size, m.Before, before, err)
					}
				}
				go say("core9#")
				wants(prompt, "")
				go say("show run\r\n--a line that is long enough\r\n" + pager)
				wants(more, "show run\n--a line that is long enough\n")
				go say(erase + "!\r\n  b  \r\n" + pager)
				wants(more, "!\n  b  \n")
				go say(erase + "core9#")
				wants(prompt, "")
				go say("\rcore9#\x1b[K")
				time.Sleep(time.Minute)
				if m, _ := s.Expect(t.Context(), Wait{}); m.Before != "" {
					t.Errorf("%s, by %d: a prompt drawn again is %q", name, size, m.Before)
				}
			})
		}
	}
}

// TestStripScreenForgets: of too much output the beginning goes, of a line, too.
func TestStripScreenForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		defer there.Close()
		s := begin(t, here, Options{Strip: StripScreen, Keep: 100})
		go io.WriteString(there, strings.Repeat("0123456789\r\n", 100)+strings.Repeat("x", 200)+"\r\nend")
		m := want(t, s, "end")
		if m.Before != "" && strings.Trim(m.Before, "0123456789\nx") != "" || m.Cut == 0 {
			t.Errorf("%+v", m)
		}
	})
}

// TestStripScreenEcho: an echo is no text, but it is on the screen, where it may be drawn
// over.
func TestStripScreenEcho(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		defer there.Close()
		go io.Copy(io.Discard, there)
		s := begin(t, here, Options{Strip: StripScreen})
		for _, c := range []struct{ send, said, want string }{
			{"copy\r", "core9#copy\r\n\r10%\r20%\r\ncore9#", "20%\n"},
			{"\x1b[A", "show\b\bip\r\ncore9#", "ship\n"},
			{"abc", "abc\b\bxbc\r\ncore9#", "xbc\n"},
		} {
			if c.said[0] == 'c' {
				go io.WriteString(there, "core9#")
				want(t, s, "core9#")
			}
			if err := s.Send(t.Context(), c.send); err != nil {
				t.Fatal(err)
			}
			go io.WriteString(there, strings.TrimPrefix(c.said, "core9#"))
			if m := want(t, s, "core9#"); m.Before != c.want {
				t.Errorf("%q: %q, want %q", c.send, m.Before, c.want)
			}
		}
	})
}
