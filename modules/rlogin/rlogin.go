// Package rlogin is the client's end of an rlogin connection (RFC 1282): the
// bytes that a terminal on the host says and is told. It holds no dialogue;
// that a host asks for a password, for example, is for the caller to read and
// answer.
//
//	conn, err := rlogin.Dial(ctx, "tcp", "webserv1:513", rlogin.Options{User: "web"})
//	defer conn.Close()
//
// Hosts believe only clients on a reserved port, 512 to 1023, which root may
// use, or whoever has CAP_NET_BIND_SERVICE; Dial finds a free one. Others get
// ErrPort, and can run the system's rlogin in a terminal instead: it may. A host
// that does not like a client says nothing and closes the connection, and one
// that rejects a password does the same after a line of text.
//
// dial.go connects, window.go tells the host the size of the terminal, and
// urgent_linux.go reads what the host says out of band.
package rlogin

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"farmrun/luahost/remote"
)

// Options are what the host is told.
type Options struct {
	User string // whom to log in there; "" is LocalUser
	// LocalUser is who asks for it here, whom the host may trust without a
	// password (its .rhosts); "" is the user of this process.
	LocalUser string
	Terminal  remote.TerminalOptions
	Speed     int // of the terminal, in bits a second; 0 is 38400
}

// Errors for decisions, which those of this package wrap.
var (
	// ErrPort: this process may not use a reserved port, or none is free.
	ErrPort = errors.New("no reserved port")
	// ErrRefused: the host closed the connection before any dialogue.
	ErrRefused = errors.New("refused by the host")
	// ErrUnsendable: the bytes FF FF 73 73 cannot be sent, for by rlogin they
	// begin the message of a new window size.
	ErrUnsendable = errors.New("rlogin cannot send the bytes ff ff 73 73")
)

// Conn is an rlogin connection: a remote.Terminal. It may be used by several
// goroutines, of which one reads. Whoever got it closes it.
type Conn struct {
	conn   net.Conn
	urgent *urgentConn // conn; nil where what is out of band cannot be told apart

	writing sync.Mutex
	half    []byte // what could not be sent yet of a window size

	mu    sync.Mutex
	size  remote.TerminalOptions
	asked bool // the host wants to know the window's size, and its changes
	owed  bool // and has not been told the newest
}

// New returns the client's end of conn, over which the host's NUL has not come
// yet: it sends who logs in, and reads that. The host's answer is waited for
// until conn's read deadline. On failure conn is left to the caller.
func New(conn net.Conn, o Options) (*Conn, error) {
	c := &Conn{conn: conn, size: o.Terminal.WithDefaults(), urgent: newUrgentConn(conn)}
	hello, err := o.hello()
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write(hello); isCut(err) {
		return nil, ErrRefused
	} else if err != nil {
		return nil, err
	}
	return c, c.confirm()
}

// confirm reads the host's NUL. What comes in its stead is an error's text.
func (c *Conn) confirm() error {
	first := make([]byte, 1)
	n, err := c.Read(first)
	switch {
	case n == 1 && first[0] == 0:
		return nil
	case n == 0 && (errors.Is(err, io.EOF) || isCut(err)):
		return ErrRefused
	case n == 0:
		return err
	}
	text := make([]byte, 200)
	n, _ = c.Read(text)
	text = append(first, text[:n]...)
	return &refusal{string(bytes.TrimSpace(bytes.Trim(text, "\x01")))}
}

// isCut tells whether the host has closed the connection in the middle.
func isCut(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// RemoteAddr returns the address of the host.
func (c *Conn) RemoteAddr() net.Addr { return c.conn.RemoteAddr() }

// Close ends the connection, and a Read and a Write that are under way.
func (c *Conn) Close() error { return c.conn.Close() }

// SetReadDeadline bounds Read, which may be tried again after it.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.conn.SetReadDeadline(t) }

// SetWriteDeadline bounds Write and Resize. A Write that it ends returns how
// much was sent, and may be tried again with the rest.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.conn.SetWriteDeadline(t) }

// Read reads what the terminal says.
func (c *Conn) Read(p []byte) (int, error) {
	if c.urgent == nil || len(p) == 0 {
		return c.conn.Read(p)
	}
	for {
		n, control, err := c.urgent.read(p)
		remote.AckAtOnce(c.conn)
		if !control {
			return n, err
		}
		if p[0] == askSize {
			c.sizeAsked()
		}
	}
}

// Write types p.
func (c *Conn) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(sizeMark)) {
		return 0, ErrUnsendable
	}
	n, err := c.write(p)
	c.answer()
	return n, err
}

func (c *Conn) write(p []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.settle(c.conn.Write); err != nil {
		return 0, err
	}
	return c.conn.Write(p)
}
