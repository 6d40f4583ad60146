package sshserver

import (
	"context"
	"net"
	"sync"

	"golang.org/x/crypto/ssh"
)

// conn is one client's connection after its login.
type conn struct {
	*ssh.ServerConn
	net    net.Conn // what it runs over
	server *Server
	fault  Fault
	ctx    context.Context // done when the connection is over
	busy   sync.WaitGroup  // everything that works for this connection

	mu       sync.Mutex
	over     bool
	forwards map[string]net.Listener // what the client had bound, by key
}

// serve does everything for one connection and returns when all of it is over.
func (s *Server) serve(nc net.Conn, fault Fault) {
	config := s.config
	if fault != None {
		if nc, config = s.spoil(nc, fault); nc == nil {
			return
		}
	}
	sc, channels, requests, err := ssh.NewServerConn(nc, config)
	if err != nil {
		return
	}
	ctx, cancel := context.WithCancel(s.ctx)
	c := &conn{ServerConn: sc, net: nc, server: s, fault: fault, ctx: ctx}
	c.loop(channels, requests)
	cancel()
	c.closeForwards()
	c.busy.Wait()
}

// loop answers what the client asks for until the connection is over.
func (c *conn) loop(channels <-chan ssh.NewChannel, requests <-chan *ssh.Request) {
	for channels != nil || requests != nil {
		select {
		case nc, ok := <-channels:
			if !ok {
				channels = nil
				continue
			}
			c.channel(nc)
		case r, ok := <-requests:
			if !ok {
				requests = nil
				continue
			}
			c.request(r)
		}
	}
}

// channel starts what serves one channel, or rejects it.
func (c *conn) channel(nc ssh.NewChannel) {
	if c.fault == SilentChannel {
		return
	}
	switch nc.ChannelType() {
	case "session":
		c.busy.Go(func() { c.session(nc) })
	case "direct-tcpip", "direct-streamlocal@openssh.com":
		c.busy.Go(func() { c.direct(nc) })
	default:
		nc.Reject(ssh.UnknownChannelType, "unknown channel type")
	}
}

// request answers one global request. Keepalives are answered, as by sshd, as
// any unknown request is: with a failure, which is an answer.
func (c *conn) request(r *ssh.Request) {
	if c.fault == SilentRequests {
		return
	}
	switch r.Type {
	case "tcpip-forward", "streamlocal-forward@openssh.com":
		ok, answer := c.forward(r)
		r.Reply(ok, answer)
	case "cancel-tcpip-forward", "cancel-streamlocal-forward@openssh.com":
		r.Reply(c.cancelForward(r), nil)
	default:
		r.Reply(false, nil)
	}
}
