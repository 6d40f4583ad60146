// Package telnet is the client's end of a telnet connection (RFC 854): the
// bytes that a terminal on the host says and is told, with what the two ends
// tell each other in between taken out and answered. It holds no dialogue; what
// the host asks, "login: " for example, is for the caller to read and answer.
//
//	conn, err := telnet.Dial(ctx, "tcp", "webserv1:23", remote.TerminalOptions{})
//	defer conn.Close()
//
// A [Conn] agrees to what makes the host's terminal behave like one that ssh
// gives: that the host echoes (RFC 857), that nobody waits for a go-ahead
// (RFC 858), that the host is told the terminal's type (RFC 1091) and size
// (RFC 1073) and that bytes are eight bits wide (RFC 856). All else it refuses.
// It asks for nothing by itself, so that a service that does not know telnet is
// not confused; AskBinary does.
//
// options.go agrees and refuses, decode.go takes apart what the host sends,
// write.go sends.
package telnet

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"farmrun/luahost/remote"
)

// ErrProtocol is wrapped where the host sends options without end, or a
// subnegotiation: no data came in between for so long that none will.
var ErrProtocol = errors.New("the host does not keep to telnet's protocol")

// Conn is a telnet connection: a remote.Terminal. One goroutine may read while
// others do the rest. What the host asks for is answered within Read, so
// somebody has to read. Whoever got it closes it.
type Conn struct {
	conn net.Conn

	reading sync.Mutex
	input   io.Reader // conn, with the data mark (RFC 854, "synch") in its place: an IAC is before it
	decoder decoder
	failed  error // ends all reading

	writing sync.Mutex // whoever holds it may write to conn; taken before mu

	mu       sync.Mutex
	options  options
	replies  []byte // what is to be sent before all else
	writeEnd time.Time
	replying bool // conn has the deadline of a reply, not writeEnd
}

// Dial connects to the telnet server at addr, host:port. ctx bounds the
// connecting, not the connection. The error is a *remote.Unreachable, which
// wraps context.Cause(ctx) if that is why.
func Dial(ctx context.Context, network, addr string, o remote.TerminalOptions) (*Conn, error) {
	conn, err := remote.NewDialer().DialContext(ctx, network, addr)
	if err != nil {
		return nil, remote.NewUnreachable(ctx, "telnet", addr, err)
	}
	return New(conn, o), nil
}

// New returns the client's end of conn, which then belongs to the Conn.
func New(conn net.Conn, o remote.TerminalOptions) *Conn {
	c := &Conn{conn: conn, input: remote.ReadUrgent(conn), options: options{terminal: o.WithDefaults()}}
	c.decoder.handler = c
	return c
}

// RemoteAddr returns the address of the host.
func (c *Conn) RemoteAddr() net.Addr { return c.conn.RemoteAddr() }

// Close ends the connection, and a Read and a Write that are under way.
func (c *Conn) Close() error { return c.conn.Close() }

// CloseWrite tells the host that nothing more will come, where the connection
// below can.
func (c *Conn) CloseWrite() error {
	if half, ok := c.conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// SetReadDeadline bounds Read, which may be tried again after it.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.conn.SetReadDeadline(t) }

// SetWriteDeadline bounds Write, Resize and the commands. A Write that it ends
// returns how much was sent, and may be tried again with the rest.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writeEnd = t
	if c.replying {
		return nil // which sets it when it is done
	}
	return c.conn.SetWriteDeadline(t)
}

// RemoteEcho tells whether the host has said that it echoes what is typed. Its
// terminal may be set otherwise at the moment, for a password. false is
// reliable: nothing that is sent comes back.
func (c *Conn) RemoteEcho() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.options.him[optEcho] == yes
}

// Binary tells whether the two ends have agreed on binary data in both
// directions. Without that, bytes are eight bits wide with most hosts too, but
// of CR and NUL some may be lost on the way.
func (c *Conn) Binary() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.options.him[optBinary] == yes && c.options.us[optBinary] == yes
}

// Read reads what the terminal says. In what is not binary a CR NUL is a CR.
// It fails as net.Conn does, or with an error that wraps ErrProtocol.
func (c *Conn) Read(p []byte) (int, error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	for {
		if c.failed != nil {
			return 0, c.failed
		}
		n, err := c.input.Read(p)
		remote.AckAtOnce(c.conn)
		c.mu.Lock()
		n, c.failed = c.decoder.decode(p[:n])
		c.mu.Unlock()
		if c.failed == nil && err == nil {
			c.failed = c.reply()
		}
		if n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
	}
}
