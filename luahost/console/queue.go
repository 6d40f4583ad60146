package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	// mostQueued is how many bytes may wait for a file, pipe or terminal before
	// those who have more for it wait as well.
	mostQueued = 1 << 20
	// mostNoted is the same for farmrun's own lines, which nobody waits with:
	// beyond it they are dropped. It is more than the report of 10,000 hosts.
	mostNoted = 16 << 20
	// mostAtOnce is how many bytes are written at once, so that a slow reader is
	// told from one that does not read.
	mostAtOnce = 32 << 10
	// patience is how long a terminal may take nothing before it counts as
	// stopped. Text that does not fit is dropped then.
	patience = 2 * time.Second
	// lastPatience is the same for anything that is written to after Abandon.
	lastPatience = 250 * time.Millisecond
	// tryAgain is the pause before something that another program has made
	// non-blocking, and that is full, is written to again.
	tryAgain = 20 * time.Millisecond
)

// queue is the text that waits to be written, and the goroutine that writes it.
// The console's mutex guards it.
type queue struct {
	console  *Console
	to       io.Writer
	terminal bool
	tells    bool // text that is lost can be mentioned in the place where it would have been

	text  []byte
	left  int           // bytes of those that are being written
	moved time.Time     // when some were last taken, or the first of them came
	lost  int           // bytes that were dropped and not mentioned yet
	err   error         // why some could not be written, the first reason; nil where the reader has gone
	some  *sync.Cond    // there is text, or no more will come
	ended bool          // no more will come
	moves chan struct{} // closed when half of it or all is written; then there is another
}

// Start has Out and Err written by goroutines of their own from now on, which
// Close ends. Without it every write waits for its reader. Call it before anything
// is written, at most once, and then let nobody else write to them.
//
// Of each, 1 MiB may wait for whoever reads it. Somebody who has more for it then,
// a host or a script, waits alone and not longer than the context that it printed
// with; the rest is dropped. On a terminal it is dropped as well once that has
// taken nothing for two seconds, as after ^S: the operator has stopped the screen
// and not the hosts. Farmrun's own lines and Live's drawing wait for nobody, and
// the lines that do not fit (16 MiB) are dropped. The console mentions how many
// bytes were dropped.
//
// Nothing is made of a reader that has gone (EPIPE; EIO of a terminal): the output
// for it is dropped, and the listeners hear all of it. The process has to catch
// SIGPIPE for that.
func (c *Console) Start() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queues[Stderr] = c.startQueue(c.Err, c.ErrTerminal, true)
	if sameFile(c.Out, c.Err) {
		c.queues[Stdout] = c.queues[Stderr] // so that the order of the lines stays
		return
	}
	c.queues[Stdout] = c.startQueue(c.Out, c.OutTerminal, c.OutTerminal)
}

func (c *Console) startQueue(to io.Writer, terminal, tells bool) *queue {
	if to == nil {
		return nil
	}
	q := &queue{console: c, to: to, terminal: terminal, tells: tells, some: sync.NewCond(&c.mu), moves: make(chan struct{})}
	go q.run()
	return q
}

// sameFile tells whether a and b are one file, terminal or pipe.
func sameFile(a, b io.Writer) bool {
	x, isFile := a.(*os.File)
	y, areFiles := b.(*os.File)
	if !isFile || !areFiles {
		return a == b
	}
	first, err1 := x.Stat()
	second, err2 := y.Stat()
	return err1 == nil && err2 == nil && os.SameFile(first, second)
}

// Abandon has nobody wait for a reader any more. Text that does not fit is dropped.
func (c *Console) Abandon() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.abandoned = true
	for _, q := range c.queues {
		if q != nil {
			q.hasMoved()
		}
	}
}

// Close waits until everything is written: as long as it takes the readers to read
// it, after Abandon until they have taken nothing for a quarter of a second. It
// returns why Out could not be written, nil if its reader has gone. Text that is
// written from then on is dropped.
func (c *Console) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.held != nil {
		c.held.show(c)
	}
	if c.live != nil {
		c.live.clear()
		c.live = nil
	}
	out, err := c.queues[Stdout], c.queues[Stderr]
	var failed error
	if out != nil {
		out.end()
		if failed = out.err; failed != nil {
			c.send(Stderr, fmt.Appendf(nil, "farmrun: error: standard output: %v\n", failed))
		} else if out.lost > 0 {
			c.send(Stderr, lostText(out.lost, " of standard output"))
		}
	}
	if err != nil {
		err.end()
	}
	return failed
}

// end waits until everything is written.
func (q *queue) end() {
	q.drain(context.Background(), false)
	q.ended = true
	q.some.Signal()
}

// send writes text, or has it written. The caller holds the mutex.
func (c *Console) send(s Stream, text []byte) {
	q, w := c.queues[s], c.writer(s)
	switch {
	case len(text) == 0:
	case q != nil:
		q.put(text)
	case w != nil:
		w.Write(text)
	}
}

// put adds text.
func (q *queue) put(text []byte) {
	if q.waiting() == 0 {
		q.moved = time.Now()
	}
	if q.tells && q.lost > 0 {
		q.text = append(q.text, lostText(q.lost, "")...)
		q.lost = 0
	}
	q.text = append(q.text, text...)
	q.some.Signal()
}

func lostText(n int, of string) []byte {
	return fmt.Appendf(nil, "farmrun: %d bytes%s were dropped: nobody read those before them\n", n, of)
}

// waiting is how many bytes wait.
func (q *queue) waiting() int { return len(q.text) + q.left }

// run writes until end is called and nothing waits any more.
func (q *queue) run() {
	mu := &q.console.mu
	mu.Lock()
	defer mu.Unlock()
	var text []byte
	for {
		for len(q.text) == 0 && !q.ended {
			q.some.Wait()
		}
		if len(q.text) == 0 {
			return
		}
		text, q.text = q.text, text[:0]
		q.left = len(text)
		q.write(text)
		if cap(text) > 2*mostQueued {
			text = nil
		}
	}
}

// write writes text, and gives the mutex away meanwhile.
func (q *queue) write(text []byte) {
	for len(text) > 0 {
		q.console.mu.Unlock()
		n, err := q.to.Write(text[:min(len(text), mostAtOnce)])
		if errors.Is(err, syscall.EAGAIN) {
			time.Sleep(tryAgain)
			err = nil
		}
		q.console.mu.Lock()
		if err != nil {
			q.failed(err, len(text)-n)
			n = len(text)
		}
		text = text[n:]
		q.left -= n
		if n > 0 {
			q.moved = time.Now()
		}
		if q.waiting() == 0 || q.waiting() <= mostQueued/2 && q.waiting()+n > mostQueued/2 {
			q.hasMoved()
		}
	}
}

// failed notes that so many bytes could not be written.
func (q *queue) failed(err error, n int) {
	if errors.Is(err, syscall.EPIPE) || q.terminal {
		return
	}
	q.lost += n
	if q.err == nil {
		q.err = err
	}
}

// hasMoved wakes those who wait.
func (q *queue) hasMoved() {
	close(q.moves)
	q.moves = make(chan struct{})
}

// await waits until n more bytes fit, and tells whether they do; they are lost if
// not. AtOnce does not wait. It gives the mutex away meanwhile.
func (q *queue) await(ctx context.Context, n int) bool {
	most := mostQueued
	if ctx == AtOnce {
		most = mostNoted
	}
	for q.waiting() >= most {
		if ctx == AtOnce || !q.awaitMove(ctx, q.terminal) {
			q.lost += n
			return false
		}
	}
	return true
}

// drain waits until nothing waits, on a terminal that may be stopped not for long.
// It gives the mutex away meanwhile.
func (q *queue) drain(ctx context.Context, mayStop bool) {
	for q.waiting() > 0 && q.awaitMove(ctx, mayStop) {
	}
}

// awaitMove waits until something has moved, and tells whether to go on waiting.
func (q *queue) awaitMove(ctx context.Context, mayStop bool) bool {
	if ctx.Err() != nil {
		return false
	}
	var stopped <-chan time.Time
	if mayStop || q.console.abandoned {
		left := patience - time.Since(q.moved)
		if q.console.abandoned {
			left -= patience - lastPatience
		}
		if left <= 0 {
			return false
		}
		t := time.NewTimer(left)
		defer t.Stop()
		stopped = t.C
	}
	moves := q.moves
	q.console.mu.Unlock()
	defer q.console.mu.Lock()
	select {
	case <-moves:
	case <-stopped:
	case <-ctx.Done():
	}
	return true
}
