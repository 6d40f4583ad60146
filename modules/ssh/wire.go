package ssh

import (
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// wire is the connection below ssh. It notes when the host was last heard, for
// the keepalives, and tells when it is closed, by whichever side: x/crypto
// closes it when its loop ends. So no goroutine has to wait for either.
type wire struct {
	net.Conn
	born  time.Time
	heard atomic.Int64          // nanoseconds after born; 0 is never
	broke atomic.Pointer[error] // what reading failed with
	greet greeting
	once  sync.Once
	done  chan struct{}
}

func newWire(c net.Conn) *wire {
	return &wire{Conn: c, born: time.Now(), done: make(chan struct{})}
}

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.read(p)
	if err != nil {
		why := err // of its own, or each read would have to allocate err
		w.broke.CompareAndSwap(nil, &why)
	}
	return n, err
}

func (w *wire) read(p []byte) (n int, err error) {
	g := &w.greet
	for !g.over && err == nil {
		if n, err = w.receive(p); n > 0 && g.take(p[:n]) != nil {
			return 0, errNoSSH
		}
	}
	if len(g.left) > 0 {
		n = copy(p, g.left)
		g.left = g.left[n:]
		return n, nil
	}
	if err != nil {
		return 0, err
	}
	return w.receive(p)
}

func (w *wire) receive(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if n > 0 {
		w.heard.Store(int64(time.Since(w.born)) | 1)
	}
	return n, err
}

// greeting is what a server may say before its version (RFC 4253, 4.2), in as many
// and as long lines as ssh takes: x/crypto takes shorter ones only. Until it is
// over only one goroutine reads.
type greeting struct {
	over  bool
	lines int
	line  []byte // the last, as far as it is there
	said  string // the last line that ended
	left  []byte // what was read beyond the greeting
}

// The limits are ssh's.
const (
	mostGreeting     = 1024
	mostGreetingLine = 8192
)

var errNoSSH = errors.New("what answers does not speak ssh")

// take reads on. It fails with more than ssh takes.
func (g *greeting) take(p []byte) error {
	for i, c := range p {
		g.line = append(g.line, c)
		switch {
		case string(g.line) == "SSH-":
			g.over, g.left = true, append(g.line, p[i+1:]...)
			return nil
		case c == '\n':
			g.said = strings.TrimSpace(string(g.line))
			g.line = g.line[:0]
			g.lines++
		}
		if len(g.line) > mostGreetingLine || g.lines > mostGreeting {
			return errNoSSH
		}
	}
	return nil
}

// failed returns what reading failed with, nil as long as it has not.
func (w *wire) failed() error {
	if err := w.broke.Load(); err != nil {
		return *err
	}
	return nil
}

// silence returns for how long the host has said nothing.
func (w *wire) silence() time.Duration {
	return time.Since(w.born) - time.Duration(w.heard.Load())
}

func (w *wire) Close() error {
	err := w.Conn.Close()
	w.once.Do(func() { close(w.done) })
	return err
}
