// Package memnet is a network in memory, for tests: nobody else is on it, so a port
// on which nothing listens refuses for sure, and no port is taken by a stranger.
// Its connections buffer writes, as TCP does and net.Pipe does not, so that both
// ends may speak first. All of it may be used in a bubble of testing/synctest.
package memnet

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
)

// Net is a network. The zero value has no listeners. It may be shared between
// goroutines, and needs no closing.
type Net struct {
	mu   sync.Mutex
	open map[string]*listener
	last int // the last port that Listen chose
}

// backlog is how many connections a listener has that nobody has accepted.
const backlog = 128

// firstPort is the first that Listen chooses.
const firstPort = 40000

// Listen listens on addr, "127.0.0.1:80" or the path of a unix socket; port 0
// chooses one. Addresses are taken as they are written: no name is looked up, and
// none stands for others. Where somebody listens it fails with EADDRINUSE.
func (n *Net) Listen(network, addr string) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if host, port, err := net.SplitHostPort(addr); err == nil && port == "0" {
		n.last = max(n.last+1, firstPort)
		addr = net.JoinHostPort(host, fmt.Sprint(n.last))
	}
	at := address(network, addr)
	if n.open[addr] != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Addr: at, Err: os.NewSyscallError("bind", syscall.EADDRINUSE)}
	}
	l := &listener{net: n, key: addr, at: at, queue: make(chan net.Conn, backlog), closed: make(chan struct{})}
	if n.open == nil {
		n.open = map[string]*listener{}
	}
	n.open[addr] = l
	return l, nil
}

// DialContext connects to addr, as Listen was given it. It does not wait for the
// connection to be accepted. Where nobody listens it fails with ECONNREFUSED.
func (n *Net) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: address(network, addr), Err: err}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if l := n.open[addr]; l != nil {
		near, far := Pipe(address(network, "127.0.0.1:1"), l.at)
		select {
		case l.queue <- far:
			return near, nil
		default:
		}
	}
	return nil, &net.OpError{Op: "dial", Net: network, Addr: address(network, addr), Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
}

// address makes a net.Addr of the type that the net package has for it, if it
// can be had without looking up a name.
func address(network, addr string) net.Addr {
	if at, err := netip.ParseAddrPort(addr); err == nil {
		return net.TCPAddrFromAddrPort(at)
	}
	return named{network, addr}
}

type named struct{ network, addr string }

func (n named) Network() string { return n.network }
func (n named) String() string  { return n.addr }

// listener is a net.Listener.
type listener struct {
	net    *Net
	key    string
	at     net.Addr
	queue  chan net.Conn
	closed chan struct{}
}

func (l *listener) Addr() net.Addr { return l.at }

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.queue:
		return c, nil
	case <-l.closed:
		return nil, &net.OpError{Op: "accept", Net: l.at.Network(), Addr: l.at, Err: net.ErrClosed}
	}
}

// Close frees the address at once, and hangs up on whom nobody has accepted.
func (l *listener) Close() error {
	l.net.mu.Lock()
	defer l.net.mu.Unlock()
	if l.net.open[l.key] != l {
		return net.ErrClosed
	}
	delete(l.net.open, l.key)
	close(l.closed)
	for {
		select {
		case c := <-l.queue:
			c.Close()
		default:
			return nil
		}
	}
}
