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
	c, err := login.Dial(t.Context(), options(expect.Program{Args: []string{"sh", "-c", `printf 'web1$'; sleep 0.15; printf ' '; exec env PS1= sh`}}))
	check(t, err)
	defer c.Close()
	terminal, err := c.Terminal(t.Context(), remote.TerminalOptions{})
	check(t, err)
	s := expect.New(terminal, expect.Options{})
	defer s.Close()
	w := expect.Wait{Patterns: []expect.Pattern{expect.Text("web1$ ")}, Timeout: 5 * time.Second}
	if _, err := s.Expect(t.Context(), w); err != nil {
		t.Error(err)
	}
}
