package luahost

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
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
func (t *thread) call(fn *lua.LFunction, args []any) (result lua.LValue, err error) {
	stop := context.AfterFunc(t.rt.ctx, func() { t.cancel(context.Cause(t.rt.ctx)) })
	defer stop()
	defer t.rt.memory.began(t)()

	t.lock()
	defer t.unlock()
	if err := cmp.Or(context.Cause(t.ctx), t.rt.memory.refuses(t)); err != nil {
		return lua.LNil, t.rt.toError(t, err)
	}
	state := t.rt.lua.Thread(t.rt.root, t.ctx)
	state.Push(fn)
	for _, a := range args {
		state.Push(t.rt.value(state, a))
	}
	failed := t.rt.lua.Run(state, len(args))
	result = lua.LNil
	if failed != nil {
		err = t.rt.toError(t, failed)
	} else if state.GetTop() > 0 {
		result = state.Get(1)
	}
	t.rt.lua.Release(state, failed)
	return result, err
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

// closeWithin is how long what a function opened may take to close, each.
const closeWithin = 10 * time.Second

// close closes what the thread opened, last first, without the lock.
func (t *thread) close() {
	t.cancel(errors.New("the function has ended"))
	for _, c := range slices.Backward(t.owned) {
		if err := closeInTime(c); err != nil {
			t.rt.log(fmt.Sprintf("%sclosing: %v", hostPrefix(t.host), err))
		}
	}
	t.owned = nil
}

func closeInTime(c io.Closer) error {
	closed := make(chan error, 1)
	go func() { closed <- c.Close() }()
	late := time.NewTimer(closeWithin)
	defer late.Stop()
	select {
	case err := <-closed:
		return err
	case <-late.C:
		return &TimeoutError{What: "closing", After: closeWithin}
	}
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
