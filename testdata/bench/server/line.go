package main

import (
	"net"
	"sync"
	"time"
)

// longLine is a listener at the end of a long line.
type longLine struct {
	net.Listener
	roundTrip time.Duration
}

func (l longLine) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &lineConn{Conn: conn, coming: make(chan piece, 1<<10), closed: make(chan struct{})}
	go c.travel(l.roundTrip)
	return c, nil
}

// lineConn is a connection on which all that comes is a round trip late; what
// goes is not, so that an answer takes a round trip in all.
type lineConn struct {
	net.Conn
	coming chan piece
	rest   []byte // of the piece that came last
	closed chan struct{}
	once   sync.Once
}

// piece is what came at once.
type piece struct {
	due  time.Time
	text []byte
	err  error
}

// travel reads what comes until there is no more.
func (c *lineConn) travel(roundTrip time.Duration) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := c.Conn.Read(buffer)
		p := piece{time.Now().Add(roundTrip), append([]byte(nil), buffer[:n]...), err}
		select {
		case c.coming <- p:
		case <-c.closed:
			return
		}
		if err != nil {
			return
		}
	}
}

func (c *lineConn) Read(to []byte) (int, error) {
	if len(c.rest) == 0 {
		select {
		case p := <-c.coming:
			time.Sleep(time.Until(p.due))
			if c.rest = p.text; p.err != nil {
				return copy(to, c.rest), p.err
			}
		case <-c.closed:
			return 0, net.ErrClosed
		}
	}
	n := copy(to, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

func (c *lineConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}
