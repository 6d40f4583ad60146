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
		hosted(t, host{"web1$", "... " + pause, " ", "silence"}, func(t *testing.T, o login.Options) {
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
