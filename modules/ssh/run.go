package ssh

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"farmrun/luahost/remote"
)

// Run runs cmd on the host and waits until it has ended and all that it said
// is read. What the command says goes to the Result and to cmd.Stdout and
// cmd.Stderr, never to both at once if they are the same. cmd.Stdin is read
// until its end or that of the command, and may lose what was read too much.
//
// The error is nil whatever the exit status. A command that the host did not run
// is an *Error that wraps ErrNotRun. When ctx is done first, Run ends
// the command on the host, with all its children, and returns within about
// half a second an *Error that wraps context.Cause(ctx); what the command had
// said until then is in the Result. When the connection breaks the *Error
// wraps ErrLost, after Close ErrClosed.
//
// Something that the command started, a daemon that was not given </dev/null
// >/dev/null 2>&1, may hold its output open. Run then returns a few seconds after
// the command has ended, or when ctx is done, and leaves it running: it is no part
// of the command any more.
func (c *Client) Run(ctx context.Context, cmd remote.Cmd) (remote.Result, error) {
	return c.run(ctx, cmd, false)
}

// run is Run. early is that cmd's input does not wait until the command is known to
// run.
func (c *Client) run(ctx context.Context, cmd remote.Cmd, early bool) (remote.Result, error) {
	r := &run{client: c, ctx: ctx, cmd: cmd, early: early, asked: time.Now(), code: -1, begun: make(chan struct{})}
	r.stdout, r.stderr = remote.Streams(cmd)
	r.out.to, r.err.to = r.stdout, r.stderr
	line, err := r.commandLine()
	if err != nil {
		return remote.Result{}, err
	}
	if err := c.begin(false); err != nil {
		return remote.Result{}, r.fail(err)
	}
	defer c.finish()
	if ctx.Err() != nil {
		return remote.Result{}, r.fail(context.Cause(ctx))
	}
	if err := r.hearsErrors(); err != nil {
		return remote.Result{}, err
	}
	r.opened, r.copied, r.drain = make(chan struct{}), make(chan struct{}), make(chan struct{})
	if r.doubtful() {
		defer r.prove()()
	}
	go r.start(line)
	err = r.wait()
	return r.result(), err
}

// begin counts a run, so that Close can wait for it. A sweep may begin while
// Close waits.
func (c *Client) begin(sweep bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed && !sweep {
		return ErrClosed
	}
	c.active++
	return nil
}

// nextEnd returns a channel that is closed when the next run ends; nil if no other is
// under way than the caller's.
func (c *Client) nextEnd() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.active <= 1 {
		return nil
	}
	if c.ended == nil {
		c.ended = make(chan struct{})
	}
	return c.ended
}

// finish ends what begin has begun.
func (c *Client) finish() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended != nil {
		close(c.ended)
		c.ended = nil
	}
	if c.active--; c.active == 0 && c.idle != nil {
		close(c.idle)
		c.idle = nil
	}
}

// run is one command on the host.
type run struct {
	client *Client
	ctx    context.Context
	cmd    remote.Cmd
	early  bool // the input does not wait for the marks
	asked  time.Time

	opened   chan struct{} // closed when ch, requests, began and failed are set
	ch       ssh.Channel
	requests <-chan *ssh.Request
	began    bool          // the host was told to begin
	failed   error         // why it could not
	given    atomic.Bool   // up: do not start the command any more
	copied   chan struct{} // closed when all output is read
	passing  atomic.Int32  // how many writers of output are at work
	heard    atomic.Int64  // when output was last passed on, in ns after asked
	ending   atomic.Bool   // the sweep is at work
	drain    chan struct{} // closed when what has piled up meanwhile may be read

	stdout, stderr *remote.Stream
	out, err       marker
	missing        atomic.Int32  // how many marks have to come yet
	begun          chan struct{} // closed when the command is known to run
	started        chan struct{} // … and its input comes to it, if it has some
	goAhead        string        // what is sent before the input
	settled        sync.Once     // closes begun, or lets nobody do so any more
	pid            atomic.Int64  // of its shell, from its mark on

	code   int // -1 as long as the host has not told it
	signal string
}

// start opens a channel, unless there is a spare, and the command in it, a round
// trip each, and then stays to read the output.
func (r *run) start(line string) {
	var s session
	s, r.failed = r.client.openSession(true)
	r.ch, r.requests = s.Channel, s.requests
	if r.began = r.failed == nil && !r.given.Load(); r.began {
		r.client.prepare()
		r.failed = execute(r.ch, line)
	}
	close(r.opened)
	if r.failed != nil || !r.began {
		close(r.copied)
		return
	}
	var both sync.WaitGroup
	both.Go(func() { r.copyOut(&r.err, r.ch.Stderr()) })
	r.feed()
	r.copyOut(&r.out, r.ch)
	both.Wait()
	if r.err.mark != "" && isDone(r.begun) { // the host has taken the mark away with whatever else
		r.stderr.Write(r.err.before())
	}
	close(r.copied)
}

// execute sends the exec request (RFC 4254, 6.5).
func execute(ch ssh.Channel, line string) error {
	ok, err := ch.SendRequest("exec", true, ssh.Marshal(&struct{ Command string }{line}))
	if err == nil && !ok {
		ch.Close()
		err = errors.New("the host refuses to run commands")
	}
	return err
}

// copyOut copies until the end. The buffer begins small, for most commands say
// little and ten thousand of them may be waiting. A command that is being
// ended is not listened to for long: what it says without end would keep the
// connection from more urgent things.
func (r *run) copyOut(to io.Writer, from io.Reader) {
	const least, most = 512, 32 << 10
	buf := make([]byte, least)
	for patience := 8 * most; ; {
		n, err := from.Read(buf)
		r.passing.Add(1)
		to.Write(buf[:n])
		r.heard.Store(int64(time.Since(r.asked)))
		r.passing.Add(-1)
		if err != nil {
			return
		}
		if r.ending.Load() {
			if patience -= n; patience < 0 {
				<-r.drain
			}
		}
		if n == len(buf) && n < most {
			buf = make([]byte, 4*n)
		}
	}
}

// wait follows the command to its end, or makes one.
func (r *run) wait() error {
	select {
	case <-r.opened:
	case <-r.ctx.Done():
		return r.giveUp(context.Cause(r.ctx))
	case <-r.client.closing:
		return r.giveUp(ErrClosed)
	}
	if r.failed != nil {
		return r.fail(r.client.openError(r.ctx, r.failed))
	}
	var held <-chan time.Time
	for open := true; open; {
		var request *ssh.Request
		select {
		case request, open = <-r.requests:
			r.note(request)
			if held == nil && r.hasEnded() {
				held = time.After(r.client.waits.held)
			}
		case <-held:
			if left := r.client.waits.held - r.silence(); left > 0 { // a slow line still brings some
				held = time.After(left)
				continue
			}
			return r.leave()
		case <-r.ctx.Done():
			return r.stop(context.Cause(r.ctx), time.Now())
		case <-r.client.closing:
			return r.stop(ErrClosed, time.Now())
		}
	}
	select {
	case <-r.copied:
	case <-r.ctx.Done(): // a writer of the caller's blocks
		return r.stop(context.Cause(r.ctx), time.Now())
	}
	if r.code < 0 && r.signal == "" {
		return r.fail(r.client.lost(r.ctx))
	}
	if r.err.mark != "" && r.pid.Load() > 0 { // the host itself has ended both outputs
		r.client.stderr.CompareAndSwap(untried, astray)
	}
	return r.ran()
}

// hasEnded tells whether the host has said how the command ended.
func (r *run) hasEnded() bool { return r.code >= 0 || r.signal != "" }

// leave lets go of a command that has ended, whose output something holds open. The
// channel stays as long as the connection: that may yet write to it, and must not
// die of it.
func (r *run) leave() error {
	r.stdout.Shut(r.client.waits.writer)
	r.stderr.Shut(r.client.waits.writer)
	go ssh.DiscardRequests(r.requests)
	return r.ran()
}

// silence is for how long the command has printed nothing, although somebody reads.
func (r *run) silence() time.Duration {
	if r.passing.Load() > 0 { // a writer of the caller's may block
		return 0
	}
	return time.Since(r.asked) - time.Duration(r.heard.Load())
}

// note takes how the command ended from the host's requests (RFC 4254, 6.10).
func (r *run) note(request *ssh.Request) {
	if request == nil {
		return
	}
	if end := endingOf(request); end != nil {
		r.code, r.signal = end.code, end.signal
	}
	if request.WantReply {
		request.Reply(false, nil)
	}
}

// ending is how a command or a shell has ended: by an exit status, or -1 and a signal.
type ending struct {
	code   int
	signal string
}

// endingOf returns the ending that a request tells; nil if it is another one.
func endingOf(request *ssh.Request) *ending {
	switch request.Type {
	case "exit-status":
		if len(request.Payload) >= 4 {
			return &ending{code: int(binary.BigEndian.Uint32(request.Payload))}
		}
	case "exit-signal":
		var s struct {
			Signal string
			Core   bool
			Text   string
			Lang   string
		}
		if ssh.Unmarshal(request.Payload, &s) == nil {
			return &ending{-1, s.Signal}
		}
	}
	return nil
}

func (r *run) result() remote.Result {
	return remote.Result{
		Stdout:   r.stdout.Bytes(),
		Stderr:   r.stderr.Bytes(),
		Code:     r.code,
		Signal:   r.signal,
		Duration: time.Since(r.asked),
	}
}

// openError explains why no session could be started.
func (c *Client) openError(ctx context.Context, err error) error {
	var no *ssh.OpenChannelError
	if errors.As(err, &no) {
		return fmt.Errorf("the host opens no further session: %s (its MaxSessions may be reached)", no.Message)
	}
	if why := c.broken(ctx); why != nil {
		return why
	}
	return err
}

// lost explains a session that ended without telling how.
func (c *Client) lost(ctx context.Context) error {
	if err := c.broken(ctx); err != nil {
		return err
	}
	return fmt.Errorf("%w: the host ended the session and did not tell how what ran in it ended", ErrLost)
}

// broken returns why the connection ended, if it has or is about to: its
// channels end a moment before it does. So the host is asked something, which
// only a connection that is there has an answer to. ctx bounds the question, and
// so do the keepalives.
func (c *Client) broken(ctx context.Context) error {
	alive := make(chan struct{})
	go func() {
		if _, _, err := c.conn.SendRequest("keepalive@openssh.com", true, nil); err == nil {
			close(alive)
		}
	}()
	select {
	case <-c.wire.done: // x/crypto closes it when the question fails
	case <-alive:
	case <-ctx.Done():
	}
	return c.Err()
}

func (r *run) fail(err error) *Error {
	return r.client.fail(StageRun, err)
}

func (c *Client) fail(stage string, err error) *Error {
	e := &Error{Host: c.host, Stage: stage, Err: err}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		e.Kind = ErrTimeout
	case errors.Is(err, ErrLost):
		e.Hint = "the command may still be running on the host"
	}
	return e
}

// commandLine returns the login shell's command line, and readies the markers for
// the output.
func (r *run) commandLine() (string, error) {
	if r.client.bare {
		if r.cmd.Dir != "" || len(r.cmd.Env) > 0 {
			return "", r.fail(errors.New("this login has no shell, so neither a directory nor an environment can be set"))
		}
		close(r.begun)
		r.started = r.begun
		return r.cmd.String(), nil
	}
	script, err := r.cmd.Script()
	if err != nil {
		return "", r.fail(err)
	}
	o := newOpening()
	r.out.mark, r.err.mark = o.out, o.err
	r.missing.Store(1)
	if r.cmd.NeedStderr {
		r.missing.Store(2)
	}
	r.started = r.begun
	if r.cmd.Stdin != nil {
		r.out.then, r.goAhead, r.started = o.fed, o.fed+"\n", make(chan struct{})
	}
	r.out.found = func(pid int) {
		if r.pid.Swap(int64(pid)) > 0 {
			r.client.fed.Store(true)
			close(r.started)
			return
		}
		r.client.proven.Store(true)
		r.marked()
	}
	r.err.found = func(int) {
		r.client.stderr.Store(apart)
		if r.cmd.NeedStderr {
			r.marked()
		}
	}
	return o.line(script, r.cmd.Stdin != nil), nil
}
