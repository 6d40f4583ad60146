package tunnel

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"farmrun/luahost/remote"
)

// forward joins the connections that a listener gets to the far end.
type forward struct {
	l    net.Listener
	addr string
	o    Options
	ctx  context.Context // done when the forward is closed
	stop context.CancelFunc
	done chan struct{}
	busy sync.WaitGroup

	mu      sync.Mutex
	err     error
	waiting *probe // what to recognise, while there is a probe
}

// probe is a connection from the host's end that our end has to recognise, and
// to answer with what only we know.
type probe struct{ question, answer string }

// serve starts to take connections from l.
func serve(l net.Listener, o Options) *forward {
	f := &forward{l: l, addr: o.Listen, o: o, done: make(chan struct{})}
	if a, ok := l.Addr().(*net.TCPAddr); ok {
		host, _, _ := net.SplitHostPort(o.Listen)
		f.addr = net.JoinHostPort(host, fmt.Sprint(a.Port))
	}
	f.ctx, f.stop = context.WithCancel(context.Background())
	f.waiting = &probe{question: "farmrun " + rand.Text() + "\n", answer: rand.Text() + "\n"}
	f.busy.Go(func() {
		defer close(f.done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			f.busy.Go(func() { f.join(conn) })
		}
	})
	return f
}

// close frees the port, cuts the connections and waits for their goroutines.
func (f *forward) close() error {
	f.stop()
	err := f.l.Close()
	f.busy.Wait()
	if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) { // the login ended before the tunnel
		return nil
	}
	return err
}

func (f *forward) closed() bool {
	select {
	case <-f.done:
		return true
	default:
		return false
	}
}

func (f *forward) lastErr() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

func (f *forward) setErr(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

// join connects near, which came from the host, to the far end until both
// sides have said all, or the forward is closed.
func (f *forward) join(near net.Conn) {
	defer near.Close()
	defer context.AfterFunc(f.ctx, func() { near.Close() })()
	begin, ours := f.recognise(near)
	if ours {
		return
	}
	ctx, cancel := context.WithTimeout(f.ctx, patience)
	far, err := f.o.Dial(ctx, network(f.o.To), f.o.To)
	cancel()
	if err != nil {
		f.setErr(&Error{Listen: f.addr, To: f.o.To, Reason: ErrFarEnd, Err: err})
		return
	}
	f.setErr(nil)
	defer far.Close()
	defer context.AfterFunc(f.ctx, func() { far.Close() })()
	if _, err := far.Write(begin); err != nil {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { pass(far, near) })
	both.Go(func() { pass(near, far) })
	both.Wait()
}

// recognise answers near if it is the probe. Otherwise it returns what it has
// read of it. While there is no probe nothing is read, for on some connections
// the far end speaks first.
func (f *forward) recognise(near net.Conn) (begin []byte, ours bool) {
	f.mu.Lock()
	p := f.waiting
	f.mu.Unlock()
	if p == nil {
		return nil, false
	}
	buf := make([]byte, len(p.question))
	for len(begin) < len(p.question) {
		n, err := near.Read(buf[:len(p.question)-len(begin)])
		begin = append(begin, buf[:n]...)
		if string(begin) != p.question[:len(begin)] || err != nil {
			return begin, false
		}
	}
	io.WriteString(near, p.answer)
	return nil, true
}

// pass copies what from says, up to its end, and passes the end on.
func pass(to, from net.Conn) {
	io.Copy(to, from)
	if w, ok := to.(interface{ CloseWrite() error }); ok {
		w.CloseWrite()
		return
	}
	to.Close()
}

// probe connects to the tunnel from the host's end and sees whether that
// arrives here. A host that lets nobody connect from its end is asked at least
// whether it listens: the address was given to us alone. The host may have to be logged in
// to for that, which takes its time; our answer has no more than patience.
func (f *forward) probe(ctx context.Context, host Host) error {
	f.mu.Lock()
	p := f.waiting
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		f.waiting = nil
		f.mu.Unlock()
	}()
	conn, err := host.DialContext(ctx, "tcp", f.addr)
	if err != nil {
		if ctx.Err() == nil && listens(ctx, host, f.addr) {
			return nil
		}
		return &Error{Listen: f.addr, To: f.o.To, Reason: errors.New("the port does not answer on the host"), Err: err}
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := p.ask(conn); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return stranger(ctx, host, f, err)
	}
	return nil
}

func (p *probe) ask(conn net.Conn) error {
	if _, err := io.WriteString(conn, p.question); err != nil {
		return err
	}
	answer := make([]byte, len(p.answer))
	if _, err := io.ReadFull(conn, answer); err != nil {
		return err
	}
	if string(answer) != p.answer {
		return remote.Quoting(string(answer), fmt.Errorf("it answers %q", answer))
	}
	return nil
}
