package ssh

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// hostConn is a connection through the host. It gives x/crypto's, which have
// none, deadlines, and a Close that ends a blocked Read at once rather than
// when the host agrees. As long as no write deadline is set, writes go straight
// through.
type hostConn struct {
	net.Conn // x/crypto's

	closed chan struct{}
	close  sync.Once
	pump   sync.Once
	data   chan []byte   // what the pump has read; closed after err is set
	used   chan struct{} // the pump may read on
	err    error

	reading sync.Mutex
	rest    []byte

	writing sync.Mutex
	stuck   bool // a write ran past its deadline: what the host got is unknown

	readEnd, writeEnd deadline
}

func newHostConn(c net.Conn) *hostConn {
	h := &hostConn{
		Conn:   c,
		closed: make(chan struct{}),
		data:   make(chan []byte),
		used:   make(chan struct{}, 1),
	}
	h.readEnd.init()
	h.writeEnd.init()
	return h
}

func (h *hostConn) Read(p []byte) (int, error) {
	h.pump.Do(func() { go h.pumpAll() })
	h.reading.Lock()
	defer h.reading.Unlock()
	if isDone(h.readEnd.wait()) {
		return 0, os.ErrDeadlineExceeded
	}
	if len(h.rest) == 0 {
		var open bool
		select {
		case h.rest, open = <-h.data:
			if !open {
				return 0, h.err
			}
		case <-h.readEnd.wait():
			return 0, os.ErrDeadlineExceeded
		case <-h.closed:
			return 0, net.ErrClosed
		}
	}
	n := copy(p, h.rest)
	if h.rest = h.rest[n:]; len(h.rest) == 0 {
		h.used <- struct{}{}
	}
	return n, nil
}

// pumpAll reads, a piece at a time, until the end.
func (h *hostConn) pumpAll() {
	defer close(h.data)
	buf := make([]byte, 32<<10)
	for {
		n, err := h.Conn.Read(buf)
		if n > 0 {
			select {
			case h.data <- buf[:n]:
				<-h.used
			case <-h.closed:
				h.err = net.ErrClosed
				return
			}
		}
		if err != nil {
			h.err = err
			return
		}
	}
}

func (h *hostConn) Write(p []byte) (int, error) {
	h.writing.Lock()
	defer h.writing.Unlock()
	switch {
	case isDone(h.closed):
		return 0, net.ErrClosed
	case h.stuck || isDone(h.writeEnd.wait()):
		return 0, os.ErrDeadlineExceeded
	case !h.writeEnd.isSet():
		return h.Conn.Write(p)
	}
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	mine := append([]byte(nil), p...)
	go func() {
		n, err := h.Conn.Write(mine)
		done <- result{n, err}
	}()
	select {
	case r := <-done:
		return r.n, r.err
	case <-h.writeEnd.wait():
		h.stuck = true
		return 0, os.ErrDeadlineExceeded
	case <-h.closed:
		h.stuck = true
		return 0, net.ErrClosed
	}
}

// CloseWrite tells the other end that nothing more will come.
func (h *hostConn) CloseWrite() error {
	if c, ok := h.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return errors.ErrUnsupported
}

func (h *hostConn) Close() error {
	err := net.ErrClosed
	h.close.Do(func() {
		close(h.closed)
		if err = h.Conn.Close(); err == io.EOF { // the host was first
			err = nil
		}
	})
	return err
}

func (h *hostConn) SetDeadline(t time.Time) error {
	h.readEnd.set(t)
	h.writeEnd.set(t)
	return nil
}

func (h *hostConn) SetReadDeadline(t time.Time) error {
	h.readEnd.set(t)
	return nil
}

func (h *hostConn) SetWriteDeadline(t time.Time) error {
	h.writeEnd.set(t)
	return nil
}

// deadline is a moment that can be waited for and moved while somebody waits.
type deadline struct {
	mu    sync.Mutex
	timer *time.Timer
	over  chan struct{} // closed when it has passed
}

func (d *deadline) init() { d.over = make(chan struct{}) }

// wait returns a channel that is closed when the deadline passes.
func (d *deadline) wait() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.over
}

func (d *deadline) isSet() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.timer != nil
}

// set moves the deadline; the zero time takes it away.
func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil && !d.timer.Stop() {
		<-d.over // it has fired and is about to close the channel, or has
	}
	d.timer = nil
	if isDone(d.over) {
		d.over = make(chan struct{})
	}
	if t.IsZero() {
		return
	}
	over := d.over
	d.timer = time.AfterFunc(time.Until(t), func() { close(over) })
}

func isDone(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// hostListener is a listener on the host, whose connections have deadlines.
type hostListener struct{ net.Listener }

func (l hostListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = net.ErrClosed
		}
		return nil, err
	}
	return newHostConn(c), nil
}
