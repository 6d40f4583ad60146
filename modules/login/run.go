package login

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"farmrun/luahost/remote"
	"farmrun/luahost/remote/sweep"
)

// run is one command in a shell.
type run struct {
	shell *shell
	cmd   remote.Cmd

	stdout, stderr *remote.Stream
	begun          chan struct{} // closed when pid is set
	pid            int
	ended          chan struct{}             // closed when the status and all output are there
	exited         chan struct{}             // closed when code is set
	passing        atomic.Bool               // output is being passed on, which a writer of the caller's may block
	last           atomic.Pointer[time.Time] // when that was last done
	code           int
	open           int // which of O, E and X have yet to come to their end

	sweeping  chan struct{} // closed when the host has begun to sweep
	swept     chan struct{} // closed when it has done
	sweepSaid bytes.Buffer

	feeding sync.Mutex      // whoever gives input holds it
	fed     bool            // no more input, for the command is over
	input   context.Context // ends when input that is stuck is given up
	stuck   context.CancelFunc
	failed  atomic.Pointer[error]
}

func newRun(s *shell, cmd remote.Cmd) *run {
	r := &run{
		shell: s, cmd: cmd, code: -1, open: 3,
		begun: make(chan struct{}), exited: make(chan struct{}), ended: make(chan struct{}),
		sweeping: make(chan struct{}), swept: make(chan struct{}),
	}
	r.stdout, r.stderr = remote.Streams(cmd)
	return r
}

// sweeper runs the script of a sweep by another terminal, and tells which
// processes it could not end and whether it came to its end.
type sweeper func(ctx context.Context, script string) (left []sweep.Process, done bool)

// outcome is what a command leaves behind.
type outcome struct {
	good bool            // the shell can be used again
	sure bool            // nothing runs any more, but for left
	left []sweep.Process // what could not be ended
}

// do runs the command. The outcome is sure where the error is nil.
func (r *run) do(ctx context.Context, script string, otherwise sweeper) (o outcome, err error) {
	r.shell.hear(r.took) // and again when the next command begins
	r.input, r.stuck = context.WithCancel(context.WithoutCancel(ctx))
	if err := r.shell.send(ctx, r.orders(ctx, script)); err != nil {
		return outcome{sure: true}, err // it is not run without the last of the order
	}
	select {
	case <-r.begun:
		if r.cmd.Stdin != nil {
			go r.feed()
		}
		err = r.wait(ctx)
	case <-r.ended:
	case <-r.shell.gone:
		err = r.shell.err
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err == nil && !isClosed(r.begun) {
		return outcome{good: r.settle(ctx), sure: true}, fmt.Errorf("%w (exit status %d)", ErrNotRun, r.code)
	}
	if err != nil && !isClosed(r.shell.gone) {
		return r.stop(ctx, otherwise), err
	}
	return outcome{good: err == nil && r.settle(ctx), sure: err == nil}, err
}

// hostWaits is how much longer than ctx the host lets a command run, so that it
// acts only where nobody else can: the line is cut, or stands still.
const hostWaits = 3 * time.Second

// orders are those by which the driver runs the script, and ends it by itself.
func (r *run) orders(ctx context.Context, script string) []byte {
	orders := scriptOrders(script)
	if end, ok := ctx.Deadline(); ok {
		orders = fmt.Appendf(orders, "d%d\n", (time.Until(end)+hostWaits+time.Second-1)/time.Second)
	}
	if r.cmd.Stdin != nil {
		return append(orders, "ri\n"...)
	}
	return append(orders, "r\n"...)
}

// heldWithin is how long after the end of a command its output is waited for,
// which something that it started may hold open for ever: a daemon, which is no
// part of the command any more.
const heldWithin = 5 * time.Second

// wait waits for the end of a command that has begun. One that has ended in time
// has done so, even if farmrun was too busy to notice before the time was over.
func (r *run) wait(ctx context.Context) error {
	var held <-chan time.Time
	for exited := r.exited; !isClosed(r.ended); {
		select {
		case <-exited:
			held, exited = time.After(heldWithin), nil
			continue
		case <-held:
			if left := r.patient(); left > 0 {
				held = time.After(left)
				continue
			}
		case <-r.ended:
		case <-r.shell.gone:
		case <-ctx.Done():
		}
		break
	}
	over := isClosed(r.ended) || isClosed(r.exited) && !isClosed(r.shell.gone) // or output may be missing
	switch bad := r.failed.Load(); {
	case over && bad != nil:
		return *bad
	case over:
		r.stdout.Shut(remote.WriterWithin)
		r.stderr.Shut(remote.WriterWithin)
		return nil
	case isClosed(r.shell.gone):
		return r.shell.err
	}
	return context.Cause(ctx)
}

// patient is how much longer the output of a command that has ended is waited for:
// a slow line, or somebody who reads slowly, is not one that holds it open.
func (r *run) patient() time.Duration {
	if r.passing.Load() {
		return heldWithin
	}
	if last := r.last.Load(); last != nil {
		return heldWithin - time.Since(*last)
	}
	return 0
}

// took takes what the driver says of the command.
func (r *run) took(f frame) bool {
	switch f.kind {
	case 'P':
		r.began(f.body)
	case 'O':
		r.output(r.stdout, f.body)
	case 'E':
		r.output(r.stderr, f.body)
	case 'X':
		if code, err := strconv.Atoi(string(f.body)); err == nil {
			r.code = code
		}
		closeOnce(r.exited)
		r.closed()
	case 'k':
		closeOnce(r.sweeping)
	case 'K':
		r.heard(f.body)
	default:
		return false
	}
	return true
}

// began notes the process id. A second one is the command's own affair.
func (r *run) began(id []byte) {
	pid, err := strconv.Atoi(string(id))
	if err == nil && pid > 1 && !isClosed(r.begun) {
		r.pid = pid
		close(r.begun)
	}
}

// output takes a piece of output; an empty one is its end.
func (r *run) output(to *remote.Stream, body []byte) {
	if len(body) == 0 {
		r.closed()
		return
	}
	r.passing.Store(true)
	to.Write(r.decode(body))
	r.last.Store(new(time.Now()))
	r.passing.Store(false)
}

// heard takes what the sweep says; an empty piece is its end.
func (r *run) heard(body []byte) {
	switch {
	case isClosed(r.swept):
	case len(body) == 0:
		close(r.swept)
	default:
		r.sweepSaid.Write(r.decode(body))
	}
}

func (r *run) decode(body []byte) []byte {
	text, err := r.shell.encoding.decode(body)
	if err != nil {
		r.failed.CompareAndSwap(nil, &err)
	}
	return text
}

// closed notes that one of those that the command's end consists of has come.
func (r *run) closed() {
	if r.open--; r.open == 0 {
		close(r.ended)
	}
}

func closeOnce(c chan struct{}) {
	if !isClosed(c) {
		close(c)
	}
}

// mostInput is how much input goes at once; what is to end the command has to
// wait behind it.
const mostInput = 12 << 10

// feed types the input of the command, until it or the command ends.
func (r *run) feed() {
	buf := make([]byte, mostInput)
	for {
		n, err := r.cmd.Stdin.Read(buf)
		orders := inputOrders(buf[:n], r.shell.base64s)
		if err != nil {
			orders = append(orders, ".\n"...)
		}
		if !r.give(orders) || err != nil {
			return
		}
	}
}

// give types orders unless the command is over.
func (r *run) give(orders []byte) bool {
	r.feeding.Lock()
	defer r.feeding.Unlock()
	return !r.fed && r.shell.send(r.input, orders) == nil
}

// settleWithin is how long the driver has to be ready again after a command.
const settleWithin = 2 * time.Second

// settle tells the driver that the command is over, and returns whether it is
// ready for another.
func (r *run) settle(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleWithin)
	defer cancel()
	if !r.starve(ctx) || r.shell.send(ctx, []byte("q\n")) != nil {
		return false
	}
	for {
		f, err := r.shell.next(ctx, settleWithin)
		if err != nil || f.kind == 'R' {
			return err == nil
		}
	}
}

// starve ends the input when what is under way of it is typed. It fails if that
// is not so before ctx is done: then an order may be left half typed.
func (r *run) starve(ctx context.Context) bool {
	defer context.AfterFunc(ctx, r.stuck)()
	r.feeding.Lock()
	defer r.feeding.Unlock()
	r.fed = true
	return r.input.Err() == nil
}

// How long the end of a command may take whose time is over. Whoever waits for
// it is told after tellWithin; on a host that is slow it goes on behind that. A
// driver that does not listen, since input is stuck before it, is told from one
// that does after heedWithin, or longer where the line is slow.
const (
	heedWithin = 300 * time.Millisecond
	tellWithin = 3 * time.Second
	endWithin  = 10 * time.Second
)

// stop ends the command and all that it started. If that takes too long, the
// shell is busy with it.
func (r *run) stop(ctx context.Context, otherwise sweeper) outcome {
	defer r.stdout.Shut(remote.WriterWithin)
	defer r.stderr.Shut(remote.WriterWithin)
	told, busy := make(chan outcome, 1), make(chan struct{})
	go func() {
		defer close(busy)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endWithin)
		defer cancel()
		told <- r.end(ctx, otherwise)
	}()
	select {
	case o := <-told:
		return o
	case <-time.After(tellWithin):
	}
	select {
	case o := <-told: // just in time
		return o
	default:
		r.shell.busy = busy
		return outcome{}
	}
}

// end is stop without the hurry: by the command's own terminal if the driver
// heeds it, or else by another. A command that has not begun will yet do so.
func (r *run) end(ctx context.Context, otherwise sweeper) outcome {
	select {
	case <-r.begun:
		left, done, told := r.sweep(ctx)
		if !done {
			script := sweep.Script
			if told {
				script = sweep.Rest
			}
			left, done = otherwise(ctx, script(r.pid, r.shell.leaders))
		}
		if !done || len(left) > 0 {
			return outcome{sure: done, left: left}
		}
	case <-r.ended:
	case <-r.shell.gone:
		return outcome{}
	case <-ctx.Done(): // nobody knows what there is to end
		return outcome{}
	}
	select {
	case <-r.ended:
		return outcome{good: r.settle(ctx), sure: true}
	case <-time.After(settleWithin):
	case <-r.shell.gone:
	}
	return outcome{sure: true}
}

// patience is how long the driver may take to show that it listens.
func (s *shell) patience() time.Duration { return heedWithin + 2*s.slow }

// sweep has the driver sweep while the command runs.
func (r *run) sweep(ctx context.Context) (left []sweep.Process, done, told bool) {
	heed, cancel := context.WithTimeout(ctx, r.shell.patience())
	defer cancel()
	if !r.starve(heed) || r.shell.send(heed, append(scriptOrders(sweep.Call(sweepName, r.pid, r.shell.leaders)), "k\n"...)) != nil {
		return nil, false, false
	}
	select {
	case <-r.sweeping:
	case <-heed.Done():
		return nil, false, true
	}
	select {
	case <-r.swept:
		left, done = sweep.Parse(&r.sweepSaid)
		return left, done, true
	case <-ctx.Done():
		return nil, false, true
	}
}

// hear has into take the frames of a command; nil is that there is none.
func (s *shell) hear(into func(frame) bool) {
	s.mu.Lock()
	s.into = into
	s.mu.Unlock()
}

// result is what came of the command.
func (r *run) result(began time.Time) remote.Result {
	result := remote.Result{
		Stdout:   r.stdout.Bytes(),
		Stderr:   r.stderr.Bytes(),
		Code:     -1,
		Duration: time.Since(began),
	}
	if isClosed(r.exited) {
		result.Code = r.code
	}
	return result
}

// run runs cmd.
func (s *shell) run(ctx context.Context, cmd remote.Cmd, otherwise sweeper) (remote.Result, outcome, error) {
	script, err := cmd.Script()
	if err != nil {
		return remote.Result{}, outcome{good: true, sure: true}, err
	}
	began := time.Now()
	r := newRun(s, cmd)
	o, err := r.do(ctx, script, otherwise)
	return r.result(began), o, err
}
