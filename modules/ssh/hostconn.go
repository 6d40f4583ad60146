package ssh

import (
	"errors"
	"io"
	"net"
	"time"
)

// hostConn is a connection through the host, with deadlines.
type hostConn struct {
	*timed
	conn net.Conn // x/crypto's
}

func newHostConn(c net.Conn) hostConn { return hostConn{newTimed(c, c), c} }

func (h hostConn) LocalAddr() net.Addr  { return h.conn.LocalAddr() }
func (h hostConn) RemoteAddr() net.Addr { return h.conn.RemoteAddr() }

// CloseWrite tells the other end that nothing more will come.
func (h hostConn) CloseWrite() error {
	if c, ok := h.conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return errors.ErrUnsupported
}

func (h hostConn) SetDeadline(t time.Time) error {
	h.readEnd.set(t)
	h.writeEnd.set(t)
	return nil
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
