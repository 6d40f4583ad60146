package luahost

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// thread is one Lua thread with what belongs to the function that runs on it.
// Its fields are guarded by the Runtime's lock.
type thread struct {
	rt     *Runtime
	ctx    context.Context
	cancel context.CancelCauseFunc
	outer  *thread // which waits for this one, or nil

	host   string
	steps  []string // names of the steps under way, outermost first
	owned  []io.Closer
	undoes bool     // it may run when the memory ceiling was reached
	inner  int      // the threads that it waits for; guarded by memory.mu
	needs  *loading // the module that it waits for in require, or nil
	depth  int      // of functions of Go within one another

	closing sync.Once // sets end
	end     time.Time // when closing has to be over
}

// threadKey finds the thread in the context of its Lua state and of every
// coroutine made on it.
type threadKey struct{}

func newThread(ctx context.Context, rt *Runtime, task Task) *thread {
	t := &thread{rt: rt, host: task.Host, undoes: task.Undoes}
	t.outer, _ = ctx.Value(threadKey{}).(*thread)
	if t.outer != nil {
		t.host = cmp.Or(t.host, t.outer.host)
		t.undoes = t.undoes || t.outer.undoes
	}
	// The run's own end reaches the thread by stopping it, since a context has
	// one parent: ctx.
	ctx, cancel := context.WithCancelCause(context.WithValue(ctx, threadKey{}, t))
	t.ctx, t.cancel = ctx, cancel
	return t
}

// call runs fn with the lock held, from the first instruction to the last but
// for what Call.Wait gives away.
func (t *thread) call(fn *lua.LFunction, args []any) (results []lua.LValue, err error) {
	stop := context.AfterFunc(t.rt.ctx, func() { t.cancel(context.Cause(t.rt.ctx)) })
	defer stop()
	defer t.rt.memory.began(t)()

	t.lock()
	defer t.unlock()
	if err := cmp.Or(context.Cause(t.ctx), t.rt.memory.refuses(t)); err != nil {
		return nil, t.rt.toError(t, err)
	}
	state := t.rt.lua.Thread(t.rt.root, t.ctx)
	state.Push(fn)
	for _, a := range args {
		state.Push(t.rt.value(state, a))
	}
	failed := t.rt.lua.Run(state, len(args))
	if failed != nil {
		err = t.rt.toError(t, failed)
	} else {
		for i := range state.GetTop() {
			results = append(results, state.Get(i+1))
		}
	}
	t.rt.lua.Release(state, failed)
	return results, err
}

// lock takes the interpreter; the watchdog ends the thread that keeps it too long.
func (t *thread) lock() {
	t.rt.mu.Lock()
	t.rt.watch.begin(t)
}

func (t *thread) unlock() {
	t.rt.watch.end()
	t.rt.mu.Unlock()
}

// CloseWithin is how long all that a host's function opened may take to close,
// together with all that the functions within it opened if they end with it. A
// turn's grace has to be longer.
const CloseWithin = 4 * time.Second

const (
	mainCloseWithin = 10 * time.Second // for the script itself, whose end nobody else waits for
	closeRest       = time.Second      // of that time is for the rest, all at once
)

// close closes all that the thread opened, without the lock: last first, one after
// the other, and the rest at once when the time for it is nearly over.
func (t *thread) close() {
	t.cancel(errors.New("the function has ended"))
	if len(t.owned) == 0 {
		return
	}
	end := t.closeBy()
	series, stop := context.WithDeadline(context.Background(), end.Add(-closeRest))
	defer stop()
	all, stop := context.WithDeadline(context.Background(), end)
	defer stop()
	var late []chan error
	for _, c := range slices.Backward(t.owned) {
		closed := make(chan error, 1)
		go func() { closed <- c.Close() }()
		select {
		case err := <-closed:
			t.closed(err)
		case <-series.Done():
			late = append(late, closed)
		}
	}
	t.owned = nil
	for _, closed := range late {
		select {
		case err := <-closed:
			closed <- err // select chooses at random where both are over
		case <-all.Done():
		}
		select {
		case err := <-closed:
			t.closed(err)
		default:
			t.closed(&TimeoutError{What: "closing", After: t.closeWithin()})
		}
	}
}

// closed logs why something could not be closed.
func (t *thread) closed(err error) {
	if err != nil {
		t.rt.log(fmt.Sprintf("%sclosing: %v", hostPrefix(t.host), err))
	}
}

// closeBy returns when closing has to be over. Threads within one another that
// end together have one time for it.
func (t *thread) closeBy() time.Time {
	if t.outer != nil && t.outer.host != "" && t.outer.ctx.Err() != nil {
		return t.outer.closeBy()
	}
	t.closing.Do(func() { t.end = time.Now().Add(t.closeWithin()) })
	return t.end
}

func (t *thread) closeWithin() time.Duration {
	if t.host == "" {
		return mainCloseWithin
	}
	return CloseWithin
}

func hostPrefix(host string) string {
	if host == "" {
		return ""
	}
	return host + ": "
}

// step returns the names of the steps under way, "drain" or "switch/check".
func (t *thread) step() string {
	name := ""
	for i, s := range t.steps {
		if i > 0 {
			name += "/"
		}
		name += s
	}
	return name
}
