package expect

import (
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// Of several sessions in which a pattern matches at the same time one wins, and the
// others lose nothing.
func TestFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n, rounds = 5, 50
		var sessions []*Session
		var there [n]net.Conn
		for i := range n {
			here, other := net.Pipe()
			t.Cleanup(func() { other.Close() })
			sessions, there[i] = append(sessions, begin(t, here, Options{})), other
		}
		waits := make([]Wait, n)
		for i := range waits {
			waits[i] = Wait{Patterns: []Pattern{Text("up\n")}, Timeout: time.Minute}
		}
		var matched [n]int
		for range rounds {
			for i := range n {
				go there[i].Write([]byte("up\n"))
			}
			for range n {
				which, m, err := First(t.Context(), sessions, waits)
				if err != nil || m.Before != "" {
					t.Fatalf("session %d: %+v, %v", which, m, err)
				}
				matched[which]++
			}
		}
		for i, got := range matched {
			if got != rounds {
				t.Errorf("session %d has matched %d times, want %d", i, got, rounds)
			}
		}
		if _, _, err := First(t.Context(), sessions, waits); !errors.Is(err, ErrTimeout) {
			t.Errorf("got %v", err)
		}
		there[3].Close()
		if which, _, err := First(t.Context(), sessions, waits); which != 3 || !errors.Is(err, ErrEnd) {
			t.Errorf("session %d: %v", which, err)
		}
	})
}
