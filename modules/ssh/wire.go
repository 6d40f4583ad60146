package ssh

import (
	"net"
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
	once  sync.Once
	done  chan struct{}
}

func newWire(c net.Conn) *wire {
	return &wire{Conn: c, born: time.Now(), done: make(chan struct{})}
}

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if n > 0 {
		w.heard.Store(int64(time.Since(w.born)) | 1)
	}
	if err != nil {
		why := err // of its own, or each read would have to allocate err
		w.broke.CompareAndSwap(nil, &why)
	}
	return n, err
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
