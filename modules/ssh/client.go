package ssh

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// Client is a login on one host. Its methods may be called by many goroutines.
// Whoever got it from Dial closes it.
type Client struct {
	host     string
	settings *Settings
	bare     bool
	// lendsAgent is that the host may use the operator's agent (ForwardAgent).
	lendsAgent bool
	banner     string
	hostKey    string
	waits      waits
	conn       *mux
	wire       *wire
	release    func() // gives up the connection to the jump host; may be nil

	alive  *keepalive
	spares spares
	proven atomic.Bool  // a command was seen to run
	fed    atomic.Bool  // and one with input
	stderr atomic.Int32 // untried, apart or astray

	mu      sync.Mutex
	why     error         // why the connection ended
	closing chan struct{} // closed by Close: running commands end
	closed  bool
	active  int           // commands and sweeps under way
	idle    chan struct{} // closed when there are none, if Close waits for that
	ended   chan struct{} // closed when the next run ends; nil if nobody waits for that
}

// Settings returns what the configuration says of the host.
func (c *Client) Settings() Settings { return *c.settings }

// Host returns the name under which the host was dialled.
func (c *Client) Host() string { return c.host }

// User returns the name of the user that is logged in.
func (c *Client) User() string { return c.settings.User }

// Banner returns what the host has said during the login (RFC 4252, 5.4), the last
// 4 KiB of it, as it is. By it sshd tells that the password has expired.
func (c *Client) Banner() string { return c.banner }

// HostKey returns the fingerprint of the host's key, which is the same with and
// without a certificate.
func (c *Client) HostKey() string { return c.hostKey }

func plainKey(blob []byte) string {
	key, err := ssh.ParsePublicKey(blob)
	if err != nil {
		return ""
	}
	if cert, is := key.(*ssh.Certificate); is {
		key = cert.Key
	}
	return ssh.FingerprintSHA256(key)
}

// RemoteAddr returns the address of the host, or of the proxy on the way.
func (c *Client) RemoteAddr() net.Addr { return c.wire.RemoteAddr() }

// Done is closed when the connection has ended, for whatever reason.
func (c *Client) Done() <-chan struct{} { return c.wire.done }

// Err says why the connection ended: nil as long as it has not, ErrClosed
// after Close, else an error that wraps ErrLost.
func (c *Client) Err() error {
	select {
	case <-c.wire.done:
	default:
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.why == nil {
		c.why = errCut
	}
	return c.why
}

// await returns the results of open, or, if ctx is done first, its cause. In that
// case inTime is false, and the later result of open is closed.
func await[T io.Closer](ctx context.Context, open func() (T, error)) (got T, inTime bool, err error) {
	type answer struct {
		got T
		err error
	}
	answered := make(chan answer, 1)
	go func() {
		got, err := open()
		answered <- answer{got, err}
	}()
	select {
	case a := <-answered:
		return a.got, true, a.err
	case <-ctx.Done():
		go func() {
			if a := <-answered; a.err == nil {
				a.got.Close()
			}
		}()
		return got, false, context.Cause(ctx)
	}
}

func newClient(l *login, conn *mux, w *wire) *Client {
	c := &Client{
		host:     l.settings.Host,
		settings: l.settings,
		bare:     l.opts.Bare,
		waits:    l.dialer.waits.withDefaults(),
		banner:   l.said,
		hostKey:  plainKey(l.hostKey),
		conn:     conn,
		wire:     w,
		closing:  make(chan struct{}),
	}
	c.alive = &keepalive{
		interval: aliveInterval(l.settings),
		most:     l.settings.ServerAliveCountMax,
		wire:     w,
		ask:      func() { conn.SendRequest("keepalive@openssh.com", true, nil) },
		dead:     func() { c.end(errSilent) },
	}
	c.alive.start()
	c.lendAgent(l)
	return c
}

// lendAgent lets the host use the operator's agent, where ForwardAgent says so.
func (c *Client) lendAgent(l *login) {
	path := agentSocket(c.settings.ForwardAgent)
	if path == "" || l.jump {
		return
	}
	if err := agent.ForwardToRemote(c.conn.forwarder(), path); err != nil {
		l.dialer.warn(c.host, fmt.Sprintf("ForwardAgent: there is no agent to lend: %v", err))
		return
	}
	c.lendsAgent = true
}

// end closes the connection for a reason that Err then tells.
func (c *Client) end(why error) {
	c.mu.Lock()
	if c.why == nil {
		c.why = why
	}
	c.mu.Unlock()
	c.alive.stop()
	c.wire.Close()
}

// Close ends the commands that are running on the host as if their time were
// over, and then the connection. It takes two seconds at most, on a host that is
// slow. Further calls do nothing.
func (c *Client) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	close(c.closing)
	var idle chan struct{}
	if c.active > 0 {
		idle = make(chan struct{})
		c.idle = idle
	}
	c.mu.Unlock()
	if idle != nil {
		select {
		case <-idle:
		case <-c.wire.done:
		case <-time.After(c.waits.close):
		}
	}
	c.end(ErrClosed)
	if c.release != nil {
		c.release()
	}
	return nil
}
