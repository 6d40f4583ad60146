// Package tunnel opens reverse tunnels: a port on the host that leads to an
// address here, as ssh -R makes them, so that a host gets at a CVS server that
// only the operator's machine can reach.
//
// ssh itself takes a forward that was refused for a warning, and whoever
// connects then talks to somebody else's tunnel, a dead one or a stranger. So a
// tunnel is opened on one address and not on whatever families there are, the
// far end is tried before anybody waits for it, and the whole way is tried from
// the host's end before Reverse returns. Where the port is taken, the error
// says by whom, as far as the host tells.
package tunnel

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"farmrun/luahost/remote"
)

// Host is the far end: Listen and DialContext are as seen from the host, and
// Run runs a command there. A Host serves as the key of a map, so it must be
// comparable, as a pointer is.
type Host interface {
	Listen(ctx context.Context, network, addr string) (net.Listener, error)
	DialContext(ctx context.Context, network, addr string) (net.Conn, error)
	Run(ctx context.Context, cmd remote.Cmd) (remote.Result, error)
}

// logsIn is a Host that logs in when it is first used. Its login may open tunnels
// of its own, by Reverse.
type logsIn interface {
	LogIn(ctx context.Context) error
}

// Options of Reverse. To must be set.
type Options struct {
	// Listen is the address on the host: "127.0.0.1:2401", or ":2401" and
	// "2401" for the same. With port 0 the host chooses one.
	Listen string
	// To is the address that the tunnel leads to, as Dial sees it: "dev:2401",
	// or the path of a unix socket.
	To string
	// Dial connects to To; nil is a net.Dialer of this machine.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// EndStale ends the ssh session that holds the port, if it is one of the
	// same user, and the only one there besides our own. It may be another
	// farmrun at work: ask the operator first.
	EndStale bool
}

// patience is how long the far end, and the answer to the probe, may take.
const patience = 10 * time.Second

// Set is the tunnels of a run. Those who ask for the same one share it. The
// zero value is an empty Set; it may be used from many goroutines.
type Set struct {
	mu   sync.Mutex
	open map[key]*entry
}

type key struct {
	host   Host
	listen string
	to     string // only where the host chooses the port
}

// entry is a tunnel that is open, or about to be: ready is closed when it is
// one or the other.
type entry struct {
	to    string
	ready chan struct{}
	fwd   *forward // nil if it could not be opened
	err   error
	users int
}

// Tunnel is one user's share of a tunnel, to be closed by that user.
type Tunnel struct {
	fwd   *forward
	close func() error
}

// Addr returns where the host listens, such as "127.0.0.1:2401".
func (t *Tunnel) Addr() string { return t.fwd.addr }

// Port returns the port on the host.
func (t *Tunnel) Port() int {
	_, port, _ := net.SplitHostPort(t.fwd.addr)
	n, _ := strconv.Atoi(port)
	return n
}

// Done is closed when the tunnel is, or when the login that it went through
// has ended.
func (t *Tunnel) Done() <-chan struct{} { return t.fwd.done }

// Err returns why the last connection that came through the tunnel could not
// be joined to its far end, and nil after one that could.
func (t *Tunnel) Err() error { return t.fwd.lastErr() }

// Close gives the share up. The last one frees the port and cuts the
// connections. Further calls return what the first did.
func (t *Tunnel) Close() error { return t.close() }

// Reverse opens a tunnel on host, or returns a share of the one that is open
// there. It has been tried from end to end when Reverse returns.
func (s *Set) Reverse(ctx context.Context, host Host, o Options) (*Tunnel, error) {
	var err error
	if o.Listen, err = listenAddr(o.Listen); err != nil {
		return nil, err
	}
	if o.To == "" {
		return nil, errors.New("tunnel: no address to lead to")
	}
	if h, ok := host.(logsIn); ok { // first, or the login would wait for this tunnel, and this for the login
		if err := h.LogIn(ctx); err != nil {
			return nil, err
		}
	}
	k := key{host: host, listen: o.Listen}
	if strings.HasSuffix(o.Listen, ":0") {
		k.to = o.To
	}
	for {
		e, first := s.join(k, o.To)
		if first {
			e.fwd, e.err = open(ctx, host, o)
			close(e.ready)
		} else if err := e.wait(ctx); err != nil {
			s.leave(k, e)
			return nil, err
		}
		switch {
		case e.err == nil && e.to != o.To:
			s.leave(k, e)
			return nil, fmt.Errorf("tunnel from %s to %s: %w: to %s", o.Listen, o.To, ErrInUse, e.to)
		case e.err == nil && !e.fwd.closed():
			return s.share(k, e), nil
		}
		s.leave(k, e)
		s.forget(k, e)
		called := errors.Is(e.err, context.Canceled) || errors.Is(e.err, context.DeadlineExceeded)
		if first || e.err != nil && !called {
			return nil, e.err
		} // otherwise it was the wait of another, or has ended since
	}
}

// wait waits until the tunnel is open or could not be opened.
func (e *entry) wait(ctx context.Context) error {
	select {
	case <-e.ready:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// join returns the entry for k and whether the caller is the first and has to
// open it.
func (s *Set) join(k key, to string) (e *entry, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e = s.open[k]
	if first = e == nil; first {
		e = &entry{to: to, ready: make(chan struct{})}
		if s.open == nil {
			s.open = map[key]*entry{}
		}
		s.open[k] = e
	}
	e.users++
	return e, first
}

// leave gives up a share of e, and with the last one e.
func (s *Set) leave(k key, e *entry) error {
	s.mu.Lock()
	e.users--
	last := e.users == 0
	if last && s.open[k] == e {
		delete(s.open, k)
	}
	s.mu.Unlock()
	if last && e.fwd != nil {
		return e.fwd.close()
	}
	return nil
}

// forget makes the next one who asks open the tunnel anew.
func (s *Set) forget(k key, e *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[k] == e {
		delete(s.open, k)
	}
}

func (s *Set) share(k key, e *entry) *Tunnel {
	return &Tunnel{fwd: e.fwd, close: sync.OnceValue(func() error { return s.leave(k, e) })}
}

// listenAddr completes an address to listen on. A host is never asked for
// "localhost" or for all addresses: it would bind what families it can, and of
// two one may be somebody else's.
func listenAddr(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		host, port = "", addr
	}
	host = cmp.Or(host, "127.0.0.1")
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if net.ParseIP(host) == nil {
		return "", fmt.Errorf("tunnel: %q is no address to listen on: it takes a port or an IP address and a port", addr)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || addr == "" {
		return "", fmt.Errorf("tunnel: %q is no port", port)
	} else {
		port = strconv.FormatUint(n, 10)
	}
	return net.JoinHostPort(host, port), nil
}

// network returns the network of an address to connect to.
func network(addr string) string {
	if strings.HasPrefix(addr, "/") {
		return "unix"
	}
	return "tcp"
}

// open opens a tunnel and tries it.
func open(ctx context.Context, host Host, o Options) (*forward, error) {
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
	if err := tryFarEnd(ctx, o); err != nil {
		return nil, err
	}
	l, err := listen(ctx, host, o)
	if err != nil {
		return nil, err
	}
	f := serve(l, o)
	if err := f.probe(ctx, host); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// tryFarEnd connects to where the tunnel is to lead and hangs up.
func tryFarEnd(ctx context.Context, o Options) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := o.Dial(ctx, network(o.To), o.To)
	if err != nil {
		return &Error{Listen: o.Listen, To: o.To, Reason: ErrFarEnd, Err: err}
	}
	return conn.Close()
}

// listen has the host listen. If it will not, the host is asked who does, and
// that one is ended if it may be.
func listen(ctx context.Context, host Host, o Options) (net.Listener, error) {
	l, err := host.Listen(ctx, "tcp", o.Listen)
	if err == nil || ctx.Err() != nil {
		return l, err
	}
	err = explain(ctx, host, o, err)
	var taken *TakenError
	if !o.EndStale || !errors.As(err, &taken) || len(taken.Stale) != 1 {
		return nil, err
	}
	if err := endStale(ctx, host, taken.Stale[0]); err != nil {
		return nil, fmt.Errorf("%w; ending it: %w", taken, err)
	}
	if l, err := host.Listen(ctx, "tcp", o.Listen); err == nil {
		return l, nil
	}
	return nil, taken
}
