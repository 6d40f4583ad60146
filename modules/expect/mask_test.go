package expect

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"farmrun/luahost/secret"
)

// masked are options that hide hunter.
func masked(t *testing.T) Options {
	var ring secret.Keyring
	ring.Hide(hunter)
	return Options{Mask: func(to io.Writer) Masker { return ring.Masker(to) }}
}

// TestSecretIsNotSeen: however a host says a secret again, nobody gets to see
// four characters of it, and what comes behind it is not lost.
func TestSecretIsNotSeen(t *testing.T) {
	for name, said := range map[string][]string{
		"an echo":          {"hunter2!\r\n"},
		"twice":            {"hunter2!\r\nhunter2!"},
		"byte by byte":     strings.Split("hunter2!", ""),
		"behind a prompt":  {"> hun", "ter2!"},
		"wrapped":          {"hunt \r", "er2!"},
		"redrawn":          {"hu\b\bhunt\x1b[Ker2!"},
		"only a beginning": {"hun"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				here, there := net.Pipe()
				t.Cleanup(func() { there.Close() })
				s := begin(t, here, masked(t))
				typed := make([]byte, 64)
				go there.Read(typed)
				if err := s.SendSecret(t.Context(), hunter.Reveal()); err != nil {
					t.Fatal(err)
				}
				for _, piece := range said {
					there.Write([]byte(piece))
				}
				_, err := s.Expect(t.Context(), Wait{Patterns: []Pattern{Text("$ ")}, Timeout: time.Second})
				sees := err.(*Error).Said
				there.Write([]byte("\r\nprompt $ "))
				m := want(t, s, "prompt $ ")
				for _, text := range []string{sees, m.Before} {
					if seesPiece(text) {
						t.Errorf("seen: %q", text)
					}
				}
			})
		})
	}
}

// seesPiece tells whether four characters of the secret are in text.
func seesPiece(text string) bool {
	word := hunter.Reveal()
	for i := range len(word) - 3 {
		if strings.Contains(text, word[i:i+4]) {
			return true
		}
	}
	return false
}

// TestSecretIsNotSeenByTheOperator: nor on his screen, although he sees every
// key at once.
func TestSecretIsNotSeenByTheOperator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := give(t, t.Context(), masked(t), "$ ")
		g.says("hun")
		if !strings.Contains(g.sees(), "hun") {
			t.Error("what is typed is held back")
		}
		g.says("ter2!\r\nhunter2!\r\n$ ")
		g.types("~.")
		<-g.over
		if seesPiece(g.sees()) || !strings.Contains(g.sees(), "********") {
			t.Errorf("seen: %q", g.sees())
		}
	})
}

func TestSecretThatATerminalWouldObey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		t.Cleanup(func() { there.Close() })
		if err := begin(t, here, Options{}).SendSecret(t.Context(), "a\x03b"); err == nil {
			t.Error("it was sent")
		}
	})
}

// What is held back, since it may become a secret, was said in time all the same.
func TestHeldIsThereAtTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		t.Cleanup(func() { there.Close() })
		s := begin(t, here, masked(t))
		go there.Read(make([]byte, 64))
		if err := s.SendSecret(t.Context(), hunter.Reveal()); err != nil {
			t.Fatal(err)
		}
		there.Write([]byte("what is hu"))
		synctest.Wait()
		m, err := s.Expect(t.Context(), Wait{Timeout: 50 * time.Millisecond})
		if !errors.Is(err, ErrTimeout) || m.Before != "what is hu" {
			t.Errorf("got %q, %v", m.Before, err)
		}
		there.Write([]byte("nt hu"))
		if _, err := s.Expect(t.Context(), Wait{Patterns: []Pattern{Text("* hu")}, Timeout: time.Millisecond}); err != nil {
			t.Error(err)
		}
	})
}
