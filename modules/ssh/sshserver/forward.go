package sshserver

import (
	"io"
	"net"
	"strconv"
	"time"

	"golang.org/x/crypto/ssh"
)

// direct connects a channel to where the client wants it to lead (RFC 4254,
// 7.2, and OpenSSH's PROTOCOL, 2.4).
func (c *conn) direct(nc ssh.NewChannel) {
	network, addr, err := destination(nc)
	if err != nil {
		nc.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	if c.server.Dial == nil {
		nc.Reject(ssh.Prohibited, "administratively prohibited")
		return
	}
	far, err := c.server.Dial(c.ctx, network, addr)
	if err != nil {
		nc.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	ch, requests, err := nc.Accept()
	if err != nil {
		far.Close()
		return
	}
	c.join(ch, requests, far)
}

func destination(nc ssh.NewChannel) (network, addr string, err error) {
	if nc.ChannelType() == "direct-streamlocal@openssh.com" {
		var v struct {
			Path, Reserved string
			Reserved2      uint32
		}
		err = ssh.Unmarshal(nc.ExtraData(), &v)
		return "unix", v.Path, err
	}
	var v struct {
		Host       string
		Port       uint32
		OriginHost string
		OriginPort uint32
	}
	err = ssh.Unmarshal(nc.ExtraData(), &v)
	return "tcp", net.JoinHostPort(v.Host, strconv.Itoa(int(v.Port))), err
}

// bound is what a client wants bound, or no longer bound.
type bound struct {
	network string
	host    string // the address, or the path of the socket
	port    uint32
}

func parseBound(r *ssh.Request) (bound, error) {
	if r.Type == "streamlocal-forward@openssh.com" || r.Type == "cancel-streamlocal-forward@openssh.com" {
		var v struct{ Path string }
		err := ssh.Unmarshal(r.Payload, &v)
		return bound{network: "unix", host: v.Path}, err
	}
	var v struct {
		Host string
		Port uint32
	}
	err := ssh.Unmarshal(r.Payload, &v)
	return bound{"tcp", v.Host, v.Port}, err
}

func (b bound) addr() string {
	if b.network == "unix" {
		return b.host
	}
	return net.JoinHostPort(b.host, strconv.Itoa(int(b.port)))
}

// forward binds what the client asks for (RFC 4254, 7.1) and takes connections
// there for as long as the client is connected.
func (c *conn) forward(r *ssh.Request) (ok bool, answer []byte) {
	b, err := parseBound(r)
	if err != nil || c.server.Listen == nil {
		return false, nil
	}
	l, err := c.server.Listen(b.network, b.addr())
	if err != nil {
		return false, nil
	}
	if tcp, isTCP := l.Addr().(*net.TCPAddr); isTCP && b.network == "tcp" && b.port == 0 {
		b.port = uint32(tcp.Port)
		answer = ssh.Marshal(struct{ Port uint32 }{b.port})
	}
	if !c.keepForward(b, l) {
		l.Close()
		return false, nil
	}
	c.busy.Go(func() { c.acceptFor(b, l) })
	return true, answer
}

func (c *conn) keepForward(b bound, l net.Listener) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over || c.forwards[b.addr()] != nil {
		return false
	}
	if c.forwards == nil {
		c.forwards = map[string]net.Listener{}
	}
	c.forwards[b.addr()] = l
	return true
}

func (c *conn) cancelForward(r *ssh.Request) bool {
	b, err := parseBound(r)
	if err != nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.forwards[b.addr()]
	if l == nil {
		return false
	}
	delete(c.forwards, b.addr())
	l.Close()
	return true
}

func (c *conn) closeForwards() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	for _, l := range c.forwards {
		l.Close()
	}
}

// acceptFor hands each connection that comes to l to the client.
func (c *conn) acceptFor(b bound, l net.Listener) {
	for {
		near, err := l.Accept()
		if err != nil {
			return
		}
		c.busy.Go(func() { c.deliver(b, near) })
	}
}

func (c *conn) deliver(b bound, near net.Conn) {
	ch, requests, ok := c.open(b.announce(near))
	if !ok {
		near.Close()
		return
	}
	c.join(ch, requests, near)
}

// open opens a channel to the client. It does not wait for x/crypto/ssh, which
// may wait for ever for the answer to a channel that it opens just when the
// connection ends.
func (c *conn) open(kind string, extra []byte) (ssh.Channel, <-chan *ssh.Request, bool) {
	type opened struct {
		ch       ssh.Channel
		requests <-chan *ssh.Request
	}
	done := make(chan opened, 1)
	go func() {
		defer close(done)
		if ch, requests, err := c.OpenChannel(kind, extra); err == nil {
			done <- opened{ch, requests}
		}
	}()
	select {
	case o, ok := <-done:
		return o.ch, o.requests, ok
	case <-c.ctx.Done():
		return nil, nil, false
	}
}

// announce returns the type and the data of the channel by which the client
// learns of a connection to what it had bound.
func (b bound) announce(near net.Conn) (kind string, extra []byte) {
	if b.network == "unix" {
		return "forwarded-streamlocal@openssh.com", ssh.Marshal(struct{ Path, Reserved string }{b.host, ""})
	}
	origin, port := "127.0.0.1", 0
	if tcp, ok := near.RemoteAddr().(*net.TCPAddr); ok {
		origin, port = tcp.IP.String(), tcp.Port
	}
	return "forwarded-tcpip", ssh.Marshal(struct {
		Host       string
		Port       uint32
		OriginHost string
		OriginPort uint32
	}{b.host, b.port, origin, uint32(port)})
}

// join copies both ways and passes the end of each way on. It returns when
// both have ended, or the channel is closed and what came by it is delivered.
func (c *conn) join(ch ssh.Channel, requests <-chan *ssh.Request, far net.Conn) {
	defer far.Close()
	sent, received := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(sent)
		io.Copy(far, ch)
		closeWrite(far)
	}()
	go func() {
		defer close(received)
		io.Copy(ch, far)
		ch.CloseWrite()
		<-sent
		ch.Close()
	}()
	for r := range requests { // until the channel is closed from either side
		r.Reply(false, nil)
	}
	select {
	case <-sent:
	case <-c.ctx.Done():
		far.SetWriteDeadline(time.Now().Add(c.server.grace()))
		<-sent
	}
	far.Close()
	<-received
}

func closeWrite(c net.Conn) {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
		return
	}
	c.Close()
}
