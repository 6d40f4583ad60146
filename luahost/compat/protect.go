package compat

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"weak"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost/frame"
	"farmrun/luahost/lualib/arg"
)

// mostNested is how deep protected calls and coroutines may stand in one
// another, as in Lua 5.1. Each takes room on Go's stack.
const mostNested = 200

// mostIdle is how many threads are kept for further calls. Each takes some KiB.
const mostIdle = 256

// Lua makes a state of gopher-lua behave as Lua 5.1: it keeps threads for
// protected calls, and names for errors.
//
// A protected call has a thread of its own, because gopher-lua closes the
// variables of all functions of a thread when one of them raises an error:
// closures of those that go on after the pcall would lose theirs.
//
// A Lua serves one state; like that, one goroutine at a time.
type Lua struct {
	// Attach, unless it is nil, gives a thread its context before it runs
	// something; ctx is the one of the thread that calls it. nil sets ctx.
	Attach func(thread *lua.LState, ctx context.Context)
	// Reserve, unless it is nil, is called before a long string is made, and raises
	// an error in L if there is no room for so many bytes.
	Reserve func(L *lua.LState, bytes int)

	idle    []*lua.LState
	nested  map[*lua.LState]nesting
	guard   *lua.LFunction    // guarded
	onError func(*lua.LState) // for the call that guard is about to make
	thrown  bool              // the error that is being raised has its text already
	helpers map[string]*lua.LFunction
	noted   noted
}

// nesting is where a thread was called from.
type nesting struct {
	outer *lua.LState
	depth int

	coroutine bool // which is resumed
}

// New returns the Lua of the state that L belongs to.
func New(L *lua.LState) *Lua {
	l := &Lua{nested: map[*lua.LState]nesting{}, helpers: map[string]*lua.LFunction{}}
	l.noted.functions = map[weak.Pointer[lua.FunctionProto]][]*operation{}
	l.guard = L.NewFunction(l.guarded)
	for name, f := range l.helperFunctions() {
		l.helpers[name] = L.NewFunction(f)
	}
	return l
}

// Outer returns the thread that waits for L, a protected call or a coroutine;
// nil if none does.
func (l *Lua) Outer(L *lua.LState) *lua.LState { return l.nested[L].outer }

// needRoom raises an error on L where it may call no further thread.
func (l *Lua) needRoom(L *lua.LState) {
	if l.nested[L].depth+1 >= mostNested {
		l.throw(L, lua.LString(l.position(L, 1)+"C stack overflow"))
	}
}

// enter notes that L calls inner, a thread, until leave.
func (l *Lua) enter(L, inner *lua.LState, coroutine bool) {
	l.nested[inner] = nesting{L, l.nested[L].depth + 1, coroutine}
}

func (l *Lua) leave(inner *lua.LState) { delete(l.nested, inner) }

// PCall is pcall.
func (l *Lua) PCall(L *lua.LState) int {
	arg.Any(L, 1)
	return l.protected(L, L.GetTop()-1, l.pass)
}

// XPCall is xpcall. Its handler runs where the error was raised.
func (l *Lua) XPCall(L *lua.LState) int {
	arg.Any(L, 2)
	handler := L.Get(2)
	L.SetTop(1)
	return l.protected(L, 0, func(L *lua.LState) { l.handle(L, handler) })
}

func (l *Lua) protected(L *lua.LState, nargs int, onError func(*lua.LState)) int {
	before := L.GetTop() - nargs - 1
	if fn := L.Get(before + 1); !isCallable(L, fn) {
		L.Push(lua.LFalse)
		L.Push(lua.LString("attempt to call a " + fn.Type().String() + " value"))
		return 2
	}
	if err := l.call(L, nargs, onError); err != nil {
		L.SetTop(before)
		L.Push(lua.LFalse)
		L.Push(err.Object)
		return 2
	}
	L.Insert(lua.LTrue, before+1)
	return L.GetTop() - before
}

func isCallable(L *lua.LState, v lua.LValue) bool {
	return v.Type() == lua.LTFunction || L.GetMetaField(v, "__call").Type() == lua.LTFunction
}

// Call calls the function below the nargs values on L's stack, on a thread of
// its own, and leaves its results in their place. The error's StackTrace has
// the positions of the calls on that thread, innermost first, a line each.
func (l *Lua) Call(L *lua.LState, nargs int) *lua.ApiError { return l.call(L, nargs, l.trace) }

func (l *Lua) call(L *lua.LState, nargs int, onError func(*lua.LState)) *lua.ApiError {
	l.needRoom(L)
	inner := l.Thread(L, L.Context())
	l.enter(L, inner, false)
	current := L.G.CurrentThread
	inner.Push(l.guard)
	L.XMoveTo(inner, nargs+1)
	err := l.run(inner, nargs, onError)
	if err == nil {
		inner.XMoveTo(L, inner.GetTop())
	}
	L.G.CurrentThread = current
	l.leave(inner)
	l.Release(inner, err)
	return err
}

// Run calls the function below the nargs values on the stack of a thread that
// Thread has returned and leaves its results there. The error is as that of Call.
func (l *Lua) Run(thread *lua.LState, nargs int) *lua.ApiError {
	thread.Insert(l.guard, 1)
	return l.run(thread, nargs, l.trace)
}

// run calls guard, which stands below a function and its arguments.
func (l *Lua) run(thread *lua.LState, nargs int, onError func(*lua.LState)) *lua.ApiError {
	l.thrown, l.onError = false, onError
	err := thread.PCall(nargs+1, lua.MultRet, nil)
	if err == nil {
		return nil
	}
	api, is := errors.AsType[*lua.ApiError](err)
	if !is {
		panic(err)
	}
	return api
}

// guarded calls its first argument with the others. Within PCall it sets another
// Panic than PCall's own, which would have a text of all calls made for each error.
func (l *Lua) guarded(thread *lua.LState) int {
	defer overflow(thread)
	thread.Panic = l.onError
	thread.Call(thread.GetTop()-1, lua.MultRet)
	return thread.GetTop()
}

// overflow makes an error of gopher-lua's panic at the end of a thread's stack.
func overflow(thread *lua.LState) {
	v := recover()
	if v == "lua callstack overflow" {
		text := "stack overflow"
		if calls := frame.Stack(thread, 1); len(calls) > 0 {
			text = calls[0].Position() + text
		}
		v = &lua.ApiError{Type: lua.ApiErrorPanic, Object: lua.LString(text), StackTrace: "\n"}
	}
	if v != nil {
		panic(v)
	}
}

// Thread returns a thread with nothing on it. It belongs to the caller until
// Release.
func (l *Lua) Thread(L *lua.LState, ctx context.Context) (thread *lua.LState) {
	if last := len(l.idle) - 1; last >= 0 {
		thread, l.idle = l.idle[last], l.idle[:last]
	} else {
		mine := L.RemoveContext() // which the new thread would derive another from
		thread, _ = L.NewThread()
		if mine != nil {
			L.SetContext(mine)
		}
	}
	l.attach(thread, ctx)
	thread.Env = L.Env
	return thread
}

func (l *Lua) reserve(L *lua.LState, bytes int) {
	if l.Reserve != nil {
		l.Reserve(L, bytes)
	}
}

func (l *Lua) attach(thread *lua.LState, ctx context.Context) {
	switch {
	case ctx == nil:
		thread.RemoveContext()
	case l.Attach != nil:
		l.Attach(thread, ctx)
	default:
		thread.SetContext(ctx)
	}
}

// Release takes back a thread after it has run something, with the error that
// that ended with, or nil.
func (l *Lua) Release(thread *lua.LState, err *lua.ApiError) {
	if err != nil && err.Type != lua.ApiErrorRun {
		return // closures may have variables that are still on it
	}
	if len(l.idle) == mostIdle {
		return
	}
	thread.SetTop(0)
	thread.RemoveContext()
	l.idle = append(l.idle, thread)
}

// trace ends the functions of a thread with the error on its stack.
func (l *Lua) trace(L *lua.LState) {
	value := l.plain(L)
	var trace strings.Builder
	for _, c := range frame.Stack(L, 0) {
		if c.Line > 0 {
			fmt.Fprintf(&trace, "%s:%d\n", c.Path, c.Line)
		}
	}
	panic(&lua.ApiError{Type: lua.ApiErrorRun, Object: value, StackTrace: cmp.Or(trace.String(), "\n")})
}

// pass is trace without the positions, for errors that a script catches. A trace
// that is not empty spares gopher-lua writing one.
func (l *Lua) pass(L *lua.LState) {
	panic(&lua.ApiError{Type: lua.ApiErrorRun, Object: l.plain(L), StackTrace: "\n"})
}

// handle is pass with an error handler. An error in the handler is handled by
// it, too, as in Lua 5.1.
func (l *Lua) handle(L *lua.LState, handler lua.LValue) {
	value := l.plain(L)
	if ctx := L.Context(); ctx == nil || ctx.Err() == nil {
		value = l.handled(L, handler, value)
	}
	panic(&lua.ApiError{Type: lua.ApiErrorRun, Object: value, StackTrace: "\n"})
}

func (l *Lua) handled(L *lua.LState, handler, value lua.LValue) lua.LValue {
	n := l.nested[L]
	n.depth++
	if _, is := handler.(*lua.LFunction); !is || n.depth > mostNested {
		return lua.LString("error in error handling")
	}
	l.nested[L] = n
	L.Push(handler)
	L.Push(value)
	L.Call(1, 1)
	return L.Get(-1)
}
