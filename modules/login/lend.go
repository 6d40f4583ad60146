package login

import (
	"io"
	"sync"
	"time"

	"farmrun/luahost/remote"
)

// lent is a terminal that somebody has for a while: their Close gives it back
// and does not end it.
type lent struct {
	remote.Terminal

	reading sync.Mutex // held while somebody reads
	mu      sync.Mutex
	back    bool
}

func lend(t remote.Terminal) *lent { return &lent{Terminal: t} }

func (l *lent) Read(p []byte) (int, error) {
	l.reading.Lock()
	defer l.reading.Unlock()
	if l.isBack() {
		return 0, io.EOF
	}
	return l.Terminal.Read(p)
}

func (l *lent) isBack() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.back
}

// SetReadDeadline is of no effect when the terminal was given back.
func (l *lent) SetReadDeadline(d time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.back {
		return nil
	}
	return l.Terminal.SetReadDeadline(d)
}

// Close returns when nobody reads from the terminal any more.
func (l *lent) Close() error {
	l.mu.Lock()
	l.back = true
	l.Terminal.SetReadDeadline(time.Unix(1, 0))
	l.mu.Unlock()
	l.reading.Lock()
	defer l.reading.Unlock()
	return l.Terminal.SetReadDeadline(time.Time{})
}
