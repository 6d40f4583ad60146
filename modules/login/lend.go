package login

import (
	"bytes"
	"io"
	"sync"
	"time"

	"farmrun/luahost/remote"
	"farmrun/luahost/render"
)

// lent is a terminal that somebody has for a while: their Close gives it back
// and does not end it.
type lent struct {
	remote.Terminal

	reading sync.Mutex // held while somebody reads
	line    []byte     // the output that was read since the end of a line
	mu      sync.Mutex
	back    bool
}

// longestPrompt is that of a line that is looked through for a prompt.
const longestPrompt = 1 << 10

func lend(t remote.Terminal) *lent { return &lent{Terminal: t} }

func (l *lent) Read(p []byte) (int, error) {
	l.reading.Lock()
	defer l.reading.Unlock()
	if l.isBack() {
		return 0, io.EOF
	}
	n, err := l.Terminal.Read(p)
	l.line = append(l.line, p[:n]...)
	for _, end := range []string{"\n", "\x1bE"} { // NEL
		if at := bytes.LastIndex(l.line, []byte(end)); at >= 0 {
			l.line = l.line[at+len(end):]
		}
	}
	l.line = l.line[max(0, len(l.line)-longestPrompt):]
	return n, err
}

// printed returns a prompt as the terminal has printed it, with the escape sequences that a
// dialogue may have taken out.
func (l *lent) printed(prompt string) string {
	l.reading.Lock()
	defer l.reading.Unlock()
	seen := render.Text([]byte(prompt))
	for i, c := range l.line {
		if (c == 0x1b || prompt != "" && c == prompt[0]) && render.Text(l.line[i:]) == seen {
			return string(l.line[i:])
		}
	}
	return prompt
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
