package ssh

import (
	"io"
	"sync"

	"golang.org/x/crypto/ssh"
)

// mux is what a Client's sessions and forwards share: x/crypto's connection. A
// host that nothing is forwarded from has nothing to ask for, and one goroutine
// tells it so; only the first forward makes the *ssh.Client, which has three.
type mux struct {
	ssh.Conn
	channels <-chan ssh.NewChannel
	requests <-chan *ssh.Request

	once   sync.Once
	stop   chan struct{} // closed when refuse is to return
	gone   chan struct{} // closed when it has
	client *ssh.Client
}

// newMux makes a mux of a connection that is over when done is closed.
func newMux(conn ssh.Conn, done <-chan struct{}, channels <-chan ssh.NewChannel, requests <-chan *ssh.Request) *mux {
	m := &mux{Conn: mortal{conn, done}, channels: channels, requests: requests, stop: make(chan struct{}), gone: make(chan struct{})}
	go m.refuse()
	return m
}

// mortal is a connection that opens no channel any more when it is over: x/crypto
// may wait for ever for the answer to one that it opens just then.
type mortal struct {
	ssh.Conn
	done <-chan struct{}
}

// OpenChannel fails with io.EOF when the connection is over.
func (m mortal) OpenChannel(name string, data []byte) (ssh.Channel, <-chan *ssh.Request, error) {
	type answer struct {
		ch       ssh.Channel
		requests <-chan *ssh.Request
		err      error
	}
	answered := make(chan answer, 1)
	go func() {
		var a answer
		a.ch, a.requests, a.err = m.Conn.OpenChannel(name, data)
		answered <- a
	}()
	select {
	case a := <-answered:
		return a.ch, a.requests, a.err
	case <-m.done:
		return nil, nil, io.EOF
	}
}

// refuse says no to all that the host asks for, keepalives among it, to which
// that is the answer.
func (m *mux) refuse() {
	defer close(m.gone)
	for {
		select {
		case r, open := <-m.requests:
			if !open {
				return
			}
			r.Reply(false, nil)
		case c, open := <-m.channels:
			if !open {
				return
			}
			c.Reject(ssh.UnknownChannelType, "nothing is forwarded")
		case <-m.stop:
			return
		}
	}
}

// forwarder returns what can forward. It may wait until the host takes an
// answer.
func (m *mux) forwarder() *ssh.Client {
	m.once.Do(func() {
		close(m.stop)
		<-m.gone
		m.client = ssh.NewClient(m.Conn, m.channels, m.requests)
	})
	return m.client
}
