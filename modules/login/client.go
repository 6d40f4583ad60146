package login

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"farmrun/luahost/remote"
	"farmrun/luahost/remote/sweep"
)

// Client is a login on one host. Its methods may be called by many goroutines.
// Whoever got it from Dial closes it.
//
// Each command has a terminal of the host to itself, and each terminal is a
// login of its own. There is one as a rule, that of Dial; when several commands
// run at once, up to mostShells are opened, and the last of them only to end what
// runs by another.
type Client struct {
	options Options
	done    chan struct{} // closed when the login is lost or closed

	closing context.Context // done when Close was called
	close   context.CancelFunc
	running sync.WaitGroup // commands

	mu     sync.Mutex
	first  *kept           // that of Dial, until somebody wants it
	shells map[*shell]bool // those that are open
	places int             // taken, one for each
	freed  chan struct{}   // closed, and made anew, whenever a place comes free
	gone   int             // shells that were dropped
	idle   chan *shell
	why    error
	once   sync.Once
}

const (
	mostShells = 6
	keepIdle   = 2 // of those that no command needs
)

func newClient(o Options, first arrival) *Client {
	c := &Client{
		options: o,
		done:    make(chan struct{}),
		shells:  map[*shell]bool{},
		freed:   make(chan struct{}),
		idle:    make(chan *shell, mostShells),
	}
	if first.unasked { // nor will it be for the next terminals
		c.options.Calm = cmp.Or(o.Quiet, DefaultQuiet)
	}
	c.closing, c.close = context.WithCancel(context.Background())
	c.first = &kept{arrival: first, lent: lend(first.terminal), over: make(chan struct{})}
	go c.first.watch(c.end)
	return c
}

// Host returns the name of the host.
func (c *Client) Host() string { return c.options.Host }

// User returns the name of the user that is logged in.
func (c *Client) User() string { return c.options.User }

// Done is closed when a terminal was lost, and with it the login.
func (c *Client) Done() <-chan struct{} { return c.done }

// Run runs cmd on the host and waits until it has ended and all that it said
// is read. It is run by /bin/sh in a process session of its own, so that it
// cannot ask on the terminal, as with an ssh that has none; neither its
// directory nor its variables are those of the next one. A command that a
// signal ended has the status that the shell gives it, 128 and the number.
//
// The error is nil whatever the exit status. When ctx is done first, Run ends
// the command on the host with all its children and returns an *Error that
// wraps context.Cause(ctx); what the command had said until then is in the
// Result. When the terminal is lost the *Error wraps ErrLost, after Close
// ErrClosed. A host that cannot be told to end the command does so by itself:
// when its terminal hangs up, and a few seconds after the deadline of ctx.
func (c *Client) Run(ctx context.Context, cmd remote.Cmd) (remote.Result, error) {
	ctx, stop, err := c.begin(ctx)
	if err != nil {
		return remote.Result{}, c.fail(err, nil)
	}
	defer stop()
	s, err := c.take(ctx, mostShells-1)
	if err != nil {
		return remote.Result{}, c.fail(err, nil)
	}
	result, o, err := s.run(ctx, cmd, c.sweep)
	if o.good {
		c.release(s)
	} else {
		c.drop(s)
	}
	if err == nil {
		return result, nil
	}
	e := c.fail(err, s)
	e.Left, e.Unsure = o.left, !o.sure
	if errors.Is(err, ErrNotRun) {
		e.Said = result.LastSaid(10)
		result = remote.Result{}
	}
	return result, e
}

// begin counts a command, whose context Close ends.
func (c *Client) begin(ctx context.Context) (context.Context, func(), error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing.Err() != nil {
		return nil, nil, ErrClosed
	}
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(c.closing, func() { cancel(ErrClosed) })
	c.running.Add(1)
	return ctx, func() {
		stop()
		cancel(nil)
		c.running.Done()
	}, nil
}

func (c *Client) fail(err error, s *shell) *Error {
	var e *Error
	if errors.As(err, &e) { // another login failed
		return e
	}
	e = &Error{On: c.options.Host, During: duringRun, Reason: err}
	if s != nil && isClosed(s.gone) {
		e.Said = s.said()
	}
	return e
}

// take returns a shell that runs nothing, of at most so many. Where the host lets
// in no more, those have to do that there are, until one of them is gone.
func (c *Client) take(ctx context.Context, most int) (*shell, error) {
	refused := -1 // how many were gone when the host last let in no more
	for {
		freed, gone := c.free()
		select {
		case <-c.done:
			return nil, c.lost()
		default:
		}
		select {
		case s := <-c.idle:
			return s, nil
		default:
		}
		if gone != refused && c.place(most) {
			s, err := c.open(ctx)
			if err == nil || ctx.Err() != nil || !c.others() {
				return s, err
			}
			refused = gone
			continue // its own place came free as well
		}
		select {
		case s := <-c.idle:
			return s, nil
		case <-freed:
		case <-c.done:
			return nil, c.lost()
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// open opens one more shell in a place that was taken for it.
func (c *Client) open(ctx context.Context) (*shell, error) {
	s, err := c.shell(ctx)
	if err != nil {
		c.leave(0)
		return nil, err
	}
	c.add(s)
	return s, nil
}

// others tells whether there is a shell to wait for.
func (c *Client) others() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.shells) > 0
}

// place takes a place if fewer than most are taken.
func (c *Client) place(most int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.places >= most {
		return false
	}
	c.places++
	return true
}

// free returns a channel that is closed when the next place comes free, and how many
// shells are gone until now.
func (c *Client) free() (freed <-chan struct{}, gone int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.freed, c.gone
}

// leave gives a place back, and wakes all who wait for one; gone is 1 if the
// shell that had it is gone.
func (c *Client) leave(gone int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.places--
	c.gone += gone
	close(c.freed)
	c.freed = make(chan struct{})
}

// shell makes a driver of the shell to which a login leads.
func (c *Client) shell(ctx context.Context) (*shell, error) {
	a, err := c.arrive(ctx, remote.TerminalOptions{})
	if err != nil {
		return nil, err
	}
	s, err := newShell(ctx, a)
	if err != nil {
		return nil, &Error{On: c.options.Host, During: duringLogin, Reason: err, Said: strings.TrimSpace(a.said) + s.reply()}
	}
	return s, nil
}

// add watches a new shell: the loss of one is that of the login.
func (c *Client) add(s *shell) {
	c.mu.Lock()
	c.shells[s] = true
	c.mu.Unlock()
	if isClosed(c.done) {
		s.close()
	}
	go func() {
		<-s.gone
		c.mu.Lock()
		mine := c.shells[s]
		c.mu.Unlock()
		if mine {
			c.end(s.err)
		}
	}()
}

// release takes a shell back.
func (c *Client) release(s *shell) {
	if len(c.idle) >= keepIdle {
		c.drop(s)
		return
	}
	c.idle <- s
}

// drop closes a shell that is not wanted, or out of step; one that is busy with
// the end of a command when it is done with that. It is called by a command
// that is running.
func (c *Client) drop(s *shell) {
	c.mu.Lock()
	lost := isClosed(s.gone) // which is for end to tell
	if !lost {
		delete(c.shells, s)
	}
	c.mu.Unlock()
	if s.busy == nil || lost {
		s.close()
		c.leave(1)
		return
	}
	c.running.Add(1)
	go func() {
		defer c.running.Done()
		<-s.busy
		s.close()
		c.leave(1)
	}()
}

// sweepWithin is how long a sweep by another terminal may take, which may have
// to log in first.
const sweepWithin = 5 * time.Second

// sweep runs the script that ends a command by a terminal that is free, and
// returns what it could not end.
func (c *Client) sweep(ctx context.Context, script string) (left []sweep.Process, done bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sweepWithin)
	defer cancel()
	s, err := c.take(ctx, mostShells)
	if err != nil {
		return nil, false
	}
	no := func(context.Context, string) ([]sweep.Process, bool) { return nil, false }
	result, o, err := s.run(ctx, remote.Cmd{Line: script}, no)
	if o.good {
		c.release(s)
	} else {
		c.drop(s)
	}
	if err != nil {
		return nil, false
	}
	return sweep.Parse(bytes.NewReader(result.Stdout))
}

// lost returns why the login ended.
func (c *Client) lost() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.why
}

// end closes all terminals for a reason.
func (c *Client) end(why error) {
	c.once.Do(func() {
		c.mu.Lock()
		c.why = why
		close(c.done)
		if c.first != nil {
			c.first.terminal.Close()
		}
		var open []*shell
		for s := range c.shells {
			open = append(open, s)
		}
		c.mu.Unlock()
		for _, s := range open {
			s.close()
		}
	})
}

// closeWithin is how long Close waits for commands to end.
const closeWithin = 2 * time.Second

// Close ends the commands that are running on the host as if their time were
// over, and logs out. It takes two seconds at most. Further calls do nothing.
func (c *Client) Close() error {
	c.mu.Lock()
	c.close() // begin adds no more after that
	c.mu.Unlock()
	idle := make(chan struct{})
	go func() {
		c.running.Wait()
		close(idle)
	}()
	select {
	case <-idle:
	case <-c.done:
	case <-time.After(closeWithin):
	}
	c.end(ErrClosed)
	return nil
}
