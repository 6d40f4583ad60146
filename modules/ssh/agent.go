package ssh

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// agents are the connections to ssh-agents, one for each socket.
type agents struct {
	mu   sync.Mutex
	open map[string]*agentConn
}

// agentConn is a connection to an agent, with the keys it had at first.
type agentConn struct {
	load    sync.Once
	signers []ssh.Signer
	err     error

	mu     sync.Mutex
	conn   net.Conn
	closed bool
}

// agentKeys returns the keys of the agent. An agent that does not answer within
// the time of the login is done without.
func (l *login) agentKeys() []*candidate {
	path := agentSocket(l.settings.IdentityAgent)
	if path == "" {
		return nil
	}
	a := l.dialer.agents.get(path)
	ready := make(chan struct{})
	go func() {
		a.load.Do(func() { a.connect(l.dialer, path) })
		close(ready)
	}()
	select {
	case <-ready:
	case <-l.ctx.Done():
		return nil
	}
	if a.err != nil {
		l.note("the agent at %s: %v", path, a.err)
	}
	keys := make([]*candidate, len(a.signers))
	for i, s := range a.signers {
		name := "in the agent"
		if k, is := s.PublicKey().(*agent.Key); is && k.Comment != "" {
			name = k.Comment + ", " + name
		}
		keys[i] = &candidate{signer: &agentSigner{s, l, name}, from: name}
	}
	return keys
}

// agentSocket returns where the agent is that IdentityAgent names; "" is nowhere.
func agentSocket(path string) string {
	switch {
	case path == "none":
		return ""
	case path == "" || path == "SSH_AUTH_SOCK":
		return os.Getenv("SSH_AUTH_SOCK")
	case path[0] == '$':
		return os.Getenv(path[1:])
	default:
		return path
	}
}

func (as *agents) get(path string) *agentConn {
	as.mu.Lock()
	defer as.mu.Unlock()
	a := as.open[path]
	if a == nil {
		a = &agentConn{}
		if as.open == nil {
			as.open = map[string]*agentConn{}
		}
		as.open[path] = a
	}
	return a
}

func (as *agents) close() {
	as.mu.Lock()
	defer as.mu.Unlock()
	for _, a := range as.open {
		a.close()
	}
	as.open = nil
}

func (a *agentConn) connect(d *Dialer, path string) {
	conn, err := d.connection(context.Background(), "unix", path)
	if a.err = err; err != nil || !a.keep(conn) {
		return
	}
	a.signers, a.err = agent.NewClient(conn).Signers()
}

// keep keeps conn until close is called, or closes it if it was.
func (a *agentConn) keep(conn net.Conn) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		conn.Close()
		return false
	}
	a.conn = conn
	return true
}

// close ends the connection although somebody may still be waiting for the agent.
func (a *agentConn) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	if a.conn != nil {
		a.conn.Close()
	}
}

// agentSigner is a key of an agent, which does not hold a login up for ever.
type agentSigner struct {
	ssh.Signer
	login *login
	name  string
}

func (s *agentSigner) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	return s.SignWithAlgorithm(rand, data, "")
}

// SignWithAlgorithm waits for the agent. A security key has to be touched, for
// one host after the other: the operator is told for which.
func (s *agentSigner) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	l := s.login
	if strings.HasPrefix(s.PublicKey().Type(), "sk-") {
		resume := l.patience.hold()
		err := l.dialer.touch.enter(l.ctx, 1)
		l.auth.waited += resume()
		if err != nil {
			return nil, err
		}
		defer l.dialer.touch.leave()
		l.dialer.warn(l.settings.Host, fmt.Sprintf("confirm the login with the security key (%s): touch it if it blinks", s.name))
	}
	type answer struct {
		sig *ssh.Signature
		err error
	}
	got := make(chan answer, 1)
	go func() {
		var a answer
		if as, ok := s.Signer.(ssh.AlgorithmSigner); ok && algorithm != "" {
			a.sig, a.err = as.SignWithAlgorithm(rand, data, algorithm)
		} else {
			a.sig, a.err = s.Signer.Sign(rand, data)
		}
		got <- a
	}()
	select {
	case a := <-got:
		if a.err != nil {
			l.note("%s (%s): %v", describe(s.PublicKey()), s.name, a.err)
		}
		return a.sig, a.err
	case <-l.ctx.Done():
		return nil, context.Cause(l.ctx)
	}
}
