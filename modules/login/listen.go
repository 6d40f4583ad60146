package login

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"farmrun/luahost/remote"
)

// listenProgram listens on the host; see the file.
//
//go:embed listen.pl
var listenProgram string

// Listen listens on addr, an IP address and a port, on the host; network is
// "tcp". A terminal forwards nothing, so a perl on the host does it, which takes
// one of the places for commands until the listener is closed. All connections
// share the terminal, so it is for a few that say little at once.
func (c *Client) Listen(ctx context.Context, network, addr string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if network != "tcp" || err != nil {
		return nil, fmt.Errorf("listen on %s %s: %w", network, addr, errors.ErrUnsupported)
	}
	in, told := io.Pipe()
	said, out := io.Pipe()
	running, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	complaint := &relayWords{connected: make(chan struct{})}
	l := &listener{
		told: told, stop: stop, conns: map[uint32]*carried{},
		accepted: make(chan net.Conn), listening: make(chan struct{}), done: make(chan struct{}), ended: make(chan error, 1),
	}
	go func() {
		_, err := c.Run(running, remote.Cmd{
			Title: "listen on " + addr,
			Args:  []string{"perl", "-e", listenProgram, host, port},
			Stdin: in, Stdout: out, Stderr: complaint,
			Keep: 1,
		})
		in.CloseWithError(net.ErrClosed)
		out.Close()
		l.ended <- err
	}()
	go l.hear(bufio.NewReader(said), host)
	select {
	case <-l.listening:
		return l, nil
	case <-l.done:
		if err = <-l.ended; err == nil {
			err = fmt.Errorf("listen on %s: %s", addr, complaint)
		}
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	l.Close()
	return nil, err
}

// listener is one on the host.
type listener struct {
	told      *io.PipeWriter // to the program
	stop      context.CancelCauseFunc
	addr      net.TCPAddr
	accepted  chan net.Conn
	listening chan struct{} // closed when addr is set
	done      chan struct{} // closed when nothing more comes
	ended     chan error    // how the program ended

	telling sync.Mutex
	mu      sync.Mutex
	conns   map[uint32]*carried
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.accepted:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Addr returns where the host listens.
func (l *listener) Addr() net.Addr { return &l.addr }

// Close frees the port and cuts the connections.
func (l *listener) Close() error {
	l.stop(errHungUp)
	l.told.Close()
	l.cut()
	<-l.done
	return nil
}

// tell sends a frame to the program.
func (l *listener) tell(kind byte, number uint32, data []byte) error {
	frame := append([]byte{kind}, binary.BigEndian.AppendUint32(nil, number)...)
	frame = append(binary.BigEndian.AppendUint16(frame, uint16(len(data))), data...)
	l.telling.Lock()
	defer l.telling.Unlock()
	_, err := l.told.Write(frame)
	return err
}

// hear takes what the program says, to the end.
func (l *listener) hear(said *bufio.Reader, host string) {
	defer close(l.done)
	for {
		var head [7]byte
		if _, err := io.ReadFull(said, head[:]); err != nil {
			break
		}
		data := make([]byte, binary.BigEndian.Uint16(head[5:]))
		if _, err := io.ReadFull(said, data); err != nil {
			break
		}
		l.took(head[0], binary.BigEndian.Uint32(head[1:]), data, host)
	}
	l.cut()
	io.Copy(io.Discard, said)
}

// cut cuts the connections; one whose caller does not read holds up the rest.
func (l *listener) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		c.in.Close()
		c.out.Close()
	}
}

func (l *listener) took(kind byte, number uint32, data []byte, host string) {
	switch kind {
	case 'L':
		l.addr.IP = net.ParseIP(host)
		l.addr.Port, _ = strconv.Atoi(string(data))
		if !isClosed(l.listening) {
			close(l.listening)
		}
	case 'A':
		l.accept(number)
	case 'D', 'E':
		l.mu.Lock()
		c := l.conns[number]
		l.mu.Unlock()
		if c == nil {
			return
		}
		if kind == 'D' {
			c.in.Write(data)
		} else {
			c.in.Close()
		}
	}
}

// accept makes a connection, whoever waits for it.
func (l *listener) accept(number uint32) {
	read, in := net.Pipe()
	write, out := net.Pipe()
	c := &carried{listener: l, number: number, read: read, write: write, in: in, out: out, said: make(chan struct{})}
	l.mu.Lock()
	l.conns[number] = c
	l.mu.Unlock()
	go c.say()
	go func() {
		select {
		case l.accepted <- c:
		case <-l.done:
			c.Close()
		}
	}()
}

// carried is a connection that a listener carries. Each direction is a net.Pipe
// of its own, for they end one after the other.
type carried struct {
	listener    *listener
	number      uint32
	read, write net.Conn // the caller's ends
	in, out     net.Conn // the listener's
	said        chan struct{}
	once        sync.Once
}

// say tells the program what the caller writes.
func (c *carried) say() {
	defer close(c.said)
	buf := make([]byte, 8<<10)
	for {
		n, err := c.out.Read(buf)
		if n > 0 && c.listener.tell('D', c.number, buf[:n]) != nil {
			c.out.Close()
			return
		}
		if err != nil {
			c.listener.tell('W', c.number, nil)
			return
		}
	}
}

func (c *carried) Read(p []byte) (int, error)  { return c.read.Read(p) }
func (c *carried) Write(p []byte) (int, error) { return c.write.Write(p) }

// CloseWrite tells the other side that nothing more will come.
func (c *carried) CloseWrite() error { return c.write.Close() }

func (c *carried) Close() error {
	c.once.Do(func() {
		c.write.Close()
		c.read.Close()
		go func() {
			<-c.said
			c.listener.tell('C', c.number, nil)
			c.listener.mu.Lock()
			delete(c.listener.conns, c.number)
			c.listener.mu.Unlock()
		}()
	})
	return nil
}

func (c *carried) LocalAddr() net.Addr                { return c.listener.Addr() }
func (c *carried) RemoteAddr() net.Addr               { return c.listener.Addr() }
func (c *carried) SetReadDeadline(t time.Time) error  { return c.read.SetReadDeadline(t) }
func (c *carried) SetWriteDeadline(t time.Time) error { return c.write.SetWriteDeadline(t) }
func (c *carried) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}
