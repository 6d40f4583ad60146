package ssh

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// timed gives what x/crypto has of streams, which is without them, deadlines,
// and a Close that ends a blocked Read at once rather than when the host
// agrees. As long as no write deadline is set, writes go straight through.
type timed struct {
	in  []io.Reader // merged as they come
	out io.WriteCloser

	closed chan struct{}
	close  sync.Once
	pump   sync.Once
	data   chan piece // what the pumps have read; closed after err is set

	failing sync.Mutex
	err     error // why the first of the pumps that failed did, or io.EOF

	reading sync.Mutex
	now     piece

	writing sync.Mutex
	stuck   bool // a write ran past its deadline: what the host got is unknown

	readEnd, writeEnd deadline
}

// piece is what a pump has read. The pump goes on when it hears that it is used.
type piece struct {
	rest []byte
	used chan<- struct{}
}

func newTimed(out io.WriteCloser, in ...io.Reader) *timed {
	t := &timed{in: in, out: out, closed: make(chan struct{}), data: make(chan piece), err: io.EOF}
	t.readEnd.init()
	t.writeEnd.init()
	return t
}

// Read fails with os.ErrDeadlineExceeded, net.ErrClosed after Close, or what
// the stream failed with.
func (t *timed) Read(p []byte) (int, error) {
	t.pump.Do(func() { go t.pumpAll() })
	t.reading.Lock()
	defer t.reading.Unlock()
	if isDone(t.readEnd.wait()) {
		return 0, os.ErrDeadlineExceeded
	}
	if len(t.now.rest) == 0 {
		var open bool
		select {
		case t.now, open = <-t.data:
			if !open {
				return 0, t.err
			}
		case <-t.readEnd.wait():
			return 0, os.ErrDeadlineExceeded
		case <-t.closed:
			return 0, net.ErrClosed
		}
	}
	n := copy(p, t.now.rest)
	if t.now.rest = t.now.rest[n:]; len(t.now.rest) == 0 {
		t.now.used <- struct{}{}
	}
	return n, nil
}

// pumpAll reads until all streams have ended.
func (t *timed) pumpAll() {
	defer close(t.data)
	var all sync.WaitGroup
	for _, from := range t.in[1:] {
		all.Go(func() { t.pumpOne(from) })
	}
	t.pumpOne(t.in[0])
	all.Wait()
}

// pumpOne reads a piece at a time. Its buffer begins small, for most terminals
// are idle and there may be thousands.
func (t *timed) pumpOne(from io.Reader) {
	const least, most = 512, 32 << 10
	buf, used := make([]byte, least), make(chan struct{}, 1)
	for {
		n, err := from.Read(buf)
		if n > 0 && !t.hand(piece{buf[:n], used}, used) {
			t.fail(net.ErrClosed)
			return
		}
		if err != nil {
			t.fail(err)
			return
		}
		if n == len(buf) && n < most {
			buf = make([]byte, 4*n)
		}
	}
}

// hand gives a piece to Read and returns when it is used, with false when that
// will not be.
func (t *timed) hand(p piece, used <-chan struct{}) bool {
	select {
	case t.data <- p:
	case <-t.closed:
		return false
	}
	select {
	case <-used:
		return true
	case <-t.closed:
		return false
	}
}

func (t *timed) fail(err error) {
	t.failing.Lock()
	defer t.failing.Unlock()
	if t.err == io.EOF {
		t.err = err
	}
}

// Write fails with os.ErrDeadlineExceeded, and does so for ever after, for
// nobody knows what the host got; with net.ErrClosed after Close.
func (t *timed) Write(p []byte) (int, error) {
	t.writing.Lock()
	defer t.writing.Unlock()
	switch {
	case isDone(t.closed):
		return 0, net.ErrClosed
	case t.stuck || isDone(t.writeEnd.wait()):
		return 0, os.ErrDeadlineExceeded
	case !t.writeEnd.isSet():
		return t.out.Write(p)
	}
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	mine := append([]byte(nil), p...)
	go func() {
		n, err := t.out.Write(mine)
		done <- result{n, err}
	}()
	select {
	case r := <-done:
		return r.n, r.err
	case <-t.writeEnd.wait():
		t.stuck = true
		return 0, os.ErrDeadlineExceeded
	case <-t.closed:
		t.stuck = true
		return 0, net.ErrClosed
	}
}

func (t *timed) Close() error {
	err := net.ErrClosed
	t.close.Do(func() {
		close(t.closed)
		if err = t.out.Close(); err == io.EOF { // the host was first
			err = nil
		}
	})
	return err
}

func (t *timed) SetReadDeadline(d time.Time) error {
	t.readEnd.set(d)
	return nil
}

func (t *timed) SetWriteDeadline(d time.Time) error {
	t.writeEnd.set(d)
	return nil
}

// deadline is a moment that can be waited for and moved while somebody waits.
type deadline struct {
	mu    sync.Mutex
	timer *time.Timer
	over  chan struct{} // closed when it has passed
}

func (d *deadline) init() { d.over = make(chan struct{}) }

// wait returns a channel that is closed when the deadline passes.
func (d *deadline) wait() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.over
}

func (d *deadline) isSet() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.timer != nil
}

// set moves the deadline; the zero time takes it away.
func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil && !d.timer.Stop() {
		<-d.over // it has fired and is about to close the channel, or has
	}
	d.timer = nil
	if isDone(d.over) {
		d.over = make(chan struct{})
	}
	if t.IsZero() {
		return
	}
	over := d.over
	d.timer = time.AfterFunc(time.Until(t), func() { close(over) })
}

func isDone(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
