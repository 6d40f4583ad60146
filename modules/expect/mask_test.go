package expect

import (
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"farmrun/luahost/secret"
)

// masked are options that hide hunter.
func masked(t *testing.T) Options {
	var ring secret.Keyring
	ring.Hide(hunter)
	return Options{Mask: func(to io.Writer) Masker { return ring.Masker(to) }}
}

// TestScriptSeesAll: a script matches and gets the other end's output as it is,
// whatever it has in common with a secret.
func TestScriptSeesAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		t.Cleanup(func() { there.Close() })
		s := begin(t, here, masked(t))
		go io.Copy(io.Discard, there)
		if err := s.SendSecret(t.Context(), hunter.Reveal()); err != nil {
			t.Fatal(err)
		}
		go io.WriteString(there, "\r\nthe hunter2! and hunt releases/2000-09-19 prompt $ ")
		if m := want(t, s, "prompt $ "); m.Before != "\r\nthe hunter2! and hunt releases/2000-09-19 " {
			t.Errorf("got %q", m.Before)
		}
	})
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
		if strings.Contains(g.sees(), hunter.Reveal()) || !strings.Contains(g.sees(), "********") || !strings.Contains(g.sees(), "hun*****") {
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
