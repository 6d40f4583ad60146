package expect

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// TestLeave: only a program that is not at a prompt, or was sent something, has half a second.
func TestLeave(t *testing.T) {
	for _, c := range []struct {
		name, sent, more string
		want             time.Duration
	}{
		{"at a prompt", "", "$ ", 0},
		{"a prompt comes", "", "$ ", promptQuiet},
		{"a farewell", "", "", hangupWithin},
		{"sent", "q", "$ ", hangupWithin},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				here, there := net.Pipe()
				defer there.Close()
				s := begin(t, here, Options{})
				go io.Copy(io.Discard, there)
				said := "bye\r\n"
				if c.want == 0 || c.sent != "" {
					said += c.more
				}
				go io.WriteString(there, said)
				want(t, s, said)
				if c.want == promptQuiet {
					go io.WriteString(there, c.more)
				}
				if err := s.Send(t.Context(), c.sent); err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				if s.Leave(t.Context()); time.Since(began).Truncate(10*time.Millisecond) != c.want {
					t.Errorf("it took %v, want %v", time.Since(began), c.want)
				}
			})
		})
	}
}
