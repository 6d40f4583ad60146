package ssh

import (
	"crypto/ed25519"
	"crypto/rand"
	"io"
	"net"
	"testing"

	"golang.org/x/crypto/ssh"

	"farmrun/luahost/remote/remotetest/memnet"
)

// pair returns the two ends of a connection: the client's as a mux, and that of
// a host which opens no channel.
func pair(t *testing.T) (*mux, *ssh.ServerConn) {
	t.Helper()
	ours, theirs := memnet.Pipe(nil, nil)
	return pairOver(t, ours, theirs, func(c ssh.NewChannel) { c.Reject(ssh.Prohibited, "") })
}

// pairOver is pair over a connection that is there. open is called for each
// channel that the client wants, for one after the other.
func pairOver(t *testing.T, ours, theirs net.Conn, open func(ssh.NewChannel)) (*mux, *ssh.ServerConn) {
	t.Helper()
	server := &ssh.ServerConfig{NoClientAuth: true}
	server.AddHostKey(newSigner(t))
	host := make(chan *ssh.ServerConn, 1)
	go func() {
		conn, channels, requests, err := ssh.NewServerConn(theirs, server)
		if err != nil {
			t.Error(err)
			close(host)
			return
		}
		go func() {
			for r := range requests { // of the client's forwards
				r.Reply(r.Type == "tcpip-forward", ssh.Marshal(struct{ Port uint32 }{4711}))
			}
		}()
		go func() {
			for c := range channels {
				open(c)
			}
		}()
		host <- conn
	}()
	conn, channels, requests, err := ssh.NewClientConn(ours, "", &ssh.ClientConfig{HostKeyCallback: ssh.InsecureIgnoreHostKey()})
	if err != nil {
		t.Fatal(err)
	}
	var done chan struct{} // which no wire closes
	if w, is := ours.(*wire); is {
		done = w.done
	}
	m := newMux(conn, done, channels, requests)
	t.Cleanup(func() { m.Close(); <-m.gone; m.Wait(); theirs.Close() })
	return m, <-host
}

func newSigner(t *testing.T) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// TestMux has a host ask for things before anything is forwarded and after.
func TestMux(t *testing.T) {
	m, host := pair(t)
	asks := func(when string) {
		t.Helper()
		ok, _, err := host.SendRequest("keepalive@openssh.com", true, nil)
		if ok || err != nil {
			t.Errorf("%s: a keepalive is answered by %v, %v", when, ok, err)
		}
		_, _, err = host.OpenChannel("x11", nil)
		if refused, is := err.(*ssh.OpenChannelError); !is || refused.Reason != ssh.UnknownChannelType {
			t.Errorf("%s: a channel that nobody wants: got %v", when, err)
		}
	}
	asks("before")
	l, err := m.forwarder().Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asks("after")
	got := make(chan net.Conn)
	go func() {
		c, err := l.Accept()
		if err != nil {
			t.Error(err)
		}
		got <- c
	}()
	ch, requests, err := host.OpenChannel("forwarded-tcpip", ssh.Marshal(struct {
		Addr       string
		Port       uint32
		Origin     string
		OriginPort uint32
	}{"127.0.0.1", 4711, "127.0.0.1", 1}))
	if err != nil {
		t.Fatal(err)
	}
	go ssh.DiscardRequests(requests)
	c := <-got
	if _, err := io.WriteString(c, "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(ch, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	c.Close()
	if again := m.forwarder(); again != m.client {
		t.Error("a second *ssh.Client")
	}
}

// TestForwarderOfTheDead asks for a forward after the connection has ended.
func TestForwarderOfTheDead(t *testing.T) {
	m, host := pair(t)
	host.Close()
	<-m.gone
	if _, err := m.forwarder().Listen("tcp", "127.0.0.1:0"); err == nil {
		t.Error("it listens")
	}
}

// TestHostKeyOfLater has new keys agreed on after the login: the host's key
// must be the one that was trusted then, for nobody is asked any more.
func TestHostKeyOfLater(t *testing.T) {
	first, other := newSigner(t).PublicKey(), newSigner(t).PublicKey()
	l := &login{
		dialer:   &Dialer{},
		settings: &Settings{Host: "web1", HostName: "web1", Port: 22, StrictHostKeyChecking: "no"},
		patience: newPatience(t.Context(), 0),
	}
	defer l.patience.end()
	at := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 22}
	if err := l.checkHostKey("", at, first); err != nil {
		t.Fatal(err)
	}
	l.letGo()
	if err := l.checkHostKey("", at, first); err != nil {
		t.Errorf("the same key again: %v", err)
	}
	if err := l.checkHostKey("", at, other); err == nil {
		t.Error("another key is trusted")
	}
}
