package login_test

import (
	"testing"
	"time"

	"farmrun/luahost/remote"
	"farmrun/modules/expect"
	"farmrun/modules/login"
)

// TestPromptInPieces: of a prompt whose last character is slow, nothing is lost.
func TestPromptInPieces(t *testing.T) {
	for _, pause := range []string{"0s", "1ms", "49ms", "51ms", "150ms", "400ms", "1m"} {
		hosted(t, host{"login: ", "< web", "web1$", "... " + pause, " ", "silence"}, func(t *testing.T, o login.Options) {
			c, err := login.Dial(t.Context(), o)
			check(t, err)
			defer c.Close()
			terminal, err := c.Terminal(t.Context(), remote.TerminalOptions{})
			check(t, err)
			s := expect.New(terminal, expect.Options{})
			defer s.Close()
			w := expect.Wait{Patterns: []expect.Pattern{expect.Text("web1$ ")}, Timeout: time.Hour}
			if _, err := s.Expect(t.Context(), w); err != nil {
				t.Errorf("after %s: %v", pause, err)
			}
		})
	}
}

// TestPromptAsPrinted: a terminal's first prompt has the escape sequences that the login has
// taken out, as all further ones will.
func TestPromptAsPrinted(t *testing.T) {
	for _, prompt := range []string{"\x1b[24;1Hsw# \x1b[24;1H\x1b[?25h\x1b[24;5H", "\x1b[1msw#\x1b[0m ", "sw# ", "\x1b]0;sw\asw> "} {
		hosted(t, host{"login: ", "< web", "Password: ", "* s3cret pw", "hello\x1bE" + prompt, "silence"}, func(t *testing.T, o login.Options) {
			o.Converse = func(t remote.Terminal) login.Session {
				return expect.New(t, expect.Options{Strip: expect.StripEscapes, Echo: expect.EchoOff})
			}
			o.Passwords = &passwords{word: "s3cret pw"}
			c, err := login.Dial(t.Context(), o)
			check(t, err)
			defer c.Close()
			terminal, err := c.Terminal(t.Context(), remote.TerminalOptions{})
			check(t, err)
			s := expect.New(terminal, expect.Options{})
			defer s.Close()
			m, _ := s.Expect(t.Context(), expect.Wait{Patterns: []expect.Pattern{expect.Text("never")}, Timeout: time.Minute})
			if m.Before != prompt {
				t.Errorf("got %q, want %q", m.Before, prompt)
			}
		})
	}
}
