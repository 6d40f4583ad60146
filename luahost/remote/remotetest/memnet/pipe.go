package memnet

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Pipe returns the two ends of a connection whose addresses are a and b. Each end
// has CloseWrite, as those of TCP have, and may be used by many goroutines.
func Pipe(a, b net.Addr) (net.Conn, net.Conn) {
	there, back := newHalf(), newHalf()
	return &conn{in: back, out: there, local: a, remote: b}, &conn{in: there, out: back, local: b, remote: a}
}

// conn is one end of a connection.
type conn struct {
	in, out       *half
	local, remote net.Addr
}

func (c *conn) Read(p []byte) (int, error)  { return c.in.read(p) }
func (c *conn) Write(p []byte) (int, error) { return c.out.write(p) }

// CloseWrite closes the direction in which this end writes.
func (c *conn) CloseWrite() error { return c.out.end() }

// Close closes both directions. The other end can still read earlier writes.
func (c *conn) Close() error {
	c.in.abandon()
	return c.out.end()
}

func (c *conn) LocalAddr() net.Addr  { return c.local }
func (c *conn) RemoteAddr() net.Addr { return c.remote }

func (c *conn) SetDeadline(t time.Time) error {
	c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.in.setDeadline(&c.in.reader, t)
	return nil
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	c.out.setDeadline(&c.out.writer, t)
	return nil
}

// room is how much may be written that nobody has read.
const room = 64 << 10

// half is one direction of a connection.
type half struct {
	mu             sync.Mutex
	changed        *sync.Cond
	data           []byte // written and not yet read
	ended          bool   // nothing more will be written
	abandoned      bool   // nothing more will be read
	reader, writer deadline
}

// deadline is when a Read or a Write gives up; the zero value is never.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

func newHalf() *half {
	h := &half{}
	h.changed = sync.NewCond(&h.mu)
	return h
}

func (h *half) read(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.abandoned:
			return 0, net.ErrClosed
		case h.reader.passed():
			return 0, os.ErrDeadlineExceeded
		case len(h.data) > 0:
			n := copy(p, h.data)
			h.data = h.data[n:]
			h.changed.Broadcast()
			return n, nil
		case h.ended:
			return 0, io.EOF
		}
		h.changed.Wait()
	}
}

func (h *half) write(p []byte) (n int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.ended:
			return n, net.ErrClosed
		case h.abandoned:
			return n, syscall.EPIPE
		case h.writer.passed():
			return n, os.ErrDeadlineExceeded
		}
		part := p[n:min(len(p), n+room-len(h.data))]
		h.data = append(h.data, part...)
		h.changed.Broadcast()
		if n += len(part); n == len(p) {
			return n, nil
		}
		h.changed.Wait()
	}
}

func (h *half) end() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended {
		return net.ErrClosed
	}
	h.ended = true
	h.writer.stop()
	h.changed.Broadcast()
	return nil
}

func (h *half) abandon() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.abandoned = true
	h.reader.stop()
	h.changed.Broadcast()
}

// setDeadline moves d, which is one of h's.
func (h *half) setDeadline(d *deadline, t time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	d.stop()
	if d.at = t; !t.IsZero() {
		d.timer = time.AfterFunc(time.Until(t), h.wake)
	}
	h.changed.Broadcast()
}

func (h *half) wake() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.changed.Broadcast()
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
	}
}
