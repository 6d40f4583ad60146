// Package sshserver is an ssh server inside the process: for tests, for
// benchmarks and for the practice farm. A Server is told what a login may do
// by functions, and what it is not told it refuses:
//
//	s := &sshserver.Server{
//		HostKeys: []ssh.Signer{key},
//		Auth:     sshserver.Auth{Password: sshserver.Passwords{"web": "secret"}.Check},
//		Exec:     sshserver.Shell(home, nil),
//		Dial:     new(net.Dialer).DialContext,
//		Listen:   net.Listen,
//	}
//	go s.Serve(listener)
//	defer s.Close()
//
// It speaks what OpenSSH's client asks of a server: exec, shell, env and
// signal requests, forwards of TCP ports and unix sockets in both directions,
// keepalives, and terminals where Exec gives them. It has no subsystems. Fault
// makes it as rude as a broken or frozen host.
//
// Beyond what x/crypto/ssh needs, a connection costs one goroutine and a
// command two, and one listener may stand for any number of hosts, so ten
// thousand of them fit in a process.
package sshserver

import (
	"cmp"
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// Server serves ssh. The fields are set before Serve and not changed after.
// The methods may be called from any goroutine.
type Server struct {
	// HostKeys are the keys the server shows; at least one. A signer made with
	// a certificate shows the host certificate.
	HostKeys []ssh.Signer

	// Auth says who is let in. The zero value lets nobody in.
	Auth Auth

	// Exec runs a command and returns its exit status, or, when a signal ended
	// it, minus the number of the signal. Its ctx is done when the client has
	// closed the session, when the connection is lost and when the server
	// closes; Exec must return soon after. nil refuses all commands. Shell
	// makes one.
	Exec func(ctx context.Context, x *Exec) int

	// Terminals says that Exec heeds Exec.Terminal, as that of Shell does. false
	// refuses terminals.
	Terminals bool

	// Break is told that a terminal's break key was pressed (RFC 4335); nil refuses it.
	Break func()

	// Dial connects to where a client wants a connection to, seen from the
	// server: network is "tcp" (ssh -L, -W, -J) or "unix". nil prohibits it.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)

	// Listen binds what a client wants forwarded (ssh -R): network is "tcp" or
	// "unix", addr as the client wrote it. The listener may be bound elsewhere:
	// the client is told of addr, and of the listener's own port only where it
	// asked for port 0. The server closes it. nil refuses.
	Listen func(network, addr string) (net.Listener, error)

	// Grace is how long the remains of a client may go on when it has gone:
	// processes between TERM, or HUP, and KILL, and data on its way to its
	// destination. 0 is 300 ms.
	Grace time.Duration

	Banner  string // shown before the login
	Version string // the server's greeting; "" is "SSH-2.0-Go"

	// Fault says how the nth connection, counted from 1, is mistreated. nil
	// mistreats none.
	Fault func(n int) Fault

	mu        sync.Mutex
	config    *ssh.ServerConfig
	ctx       context.Context
	cancel    context.CancelFunc
	listeners map[net.Listener]bool
	conns     map[net.Conn]bool
	accepted  int
	closed    bool
	busy      sync.WaitGroup
}

// ErrNoHostKey is what Serve returns for a Server without HostKeys.
var ErrNoHostKey = errors.New("sshserver: no host key")

// Serve takes connections from l, which it closes, until Close. It returns nil
// after Close, and else the error of l. A Server may serve several listeners.
func (s *Server) Serve(l net.Listener) error {
	defer l.Close()
	if err := s.begin(l); err != nil {
		return err
	}
	for {
		nc, err := l.Accept()
		if err != nil {
			return s.acceptFailed(l, err)
		}
		if !s.take(nc) {
			nc.Close()
		}
	}
}

func (s *Server) grace() time.Duration { return cmp.Or(s.Grace, 300*time.Millisecond) }

// begin notes l, and sets up what all connections share.
func (s *Server) begin(l net.Listener) error {
	if len(s.HostKeys) == 0 {
		return ErrNoHostKey
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		l.Close()
		return nil
	}
	if s.ctx == nil {
		s.ctx, s.cancel = context.WithCancel(context.Background())
		s.config = s.serverConfig(nil)
		s.listeners = map[net.Listener]bool{}
		s.conns = map[net.Conn]bool{}
	}
	s.listeners[l] = true
	return nil
}

func (s *Server) acceptFailed(l net.Listener, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l)
	if s.closed {
		return nil
	}
	return err
}

// take starts to serve nc, unless the server is closed.
func (s *Server) take(nc net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.accepted++
	var fault Fault
	if s.Fault != nil {
		fault = s.Fault(s.accepted)
	}
	s.conns[nc] = true
	s.busy.Go(func() {
		s.serve(nc, fault)
		nc.Close()
		s.mu.Lock()
		delete(s.conns, nc)
		s.mu.Unlock()
	})
	return true
}

// Close ends every listener, connection and command, and returns when all of
// the server's goroutines have ended. It always returns nil.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	for l := range s.listeners {
		l.Close()
	}
	for nc := range s.conns {
		nc.Close() // before what runs is ended: nobody is told how it ended
	}
	if s.cancel != nil {
		s.cancel()
	}
	s.mu.Unlock()
	s.busy.Wait()
	return nil
}

// Connections returns how many connections are open, and how many there have
// been.
func (s *Server) Connections() (open, ever int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns), s.accepted
}
