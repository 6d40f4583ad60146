package luahost

import (
	"context"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// Func is a Go function that Lua can call. It decodes its arguments from c,
// does its work, and pushes its results; what fails it raises.
type Func func(c *Call)

// Call is one call of a Func from Lua: its arguments, its results, and the
// thread it came from. It is valid until the Func returns and belongs to the
// goroutine it was made on.
type Call struct {
	L *lua.LState // for what Call does not offer; touch it only outside of Wait

	rt      *Runtime
	thread  *thread
	name    string // "cvs.update", "host:run"
	results int
}

// mostNested is how deep functions of Go that call Lua may stand in one another,
// about as in Lua 5.1: an error is raised anew in each.
const mostNested = 200

// function makes a Lua function of f. For a method the receiver is argument 1
// and the arguments that follow are numbered from 2, as in Lua.
func (rt *Runtime) function(name string, f Func) *lua.LFunction {
	return rt.root.NewFunction(func(L *lua.LState) int {
		t, ok := L.Context().Value(threadKey{}).(*thread)
		if !ok {
			panic("luahost: " + name + " was called outside of a thread")
		}
		c := Call{L: L, rt: rt, thread: t, name: name}
		defer c.recover()
		if t.depth++; t.depth > mostNested {
			c.Fail("stack overflow")
		}
		f(&c)
		return c.results
	})
}

// recover lets errors that are meant for Lua pass and ends the run for
// anything else that panics.
func (c *Call) recover() {
	c.thread.depth--
	switch v := recover().(type) {
	case nil:
	case *lua.ApiError:
		panic(v)
	case string:
		if v == "lua callstack overflow" { // gopher-lua's own, where Go calls Lua
			panic(v)
		}
		c.fault(v)
	default:
		c.fault(v)
	}
}

// fault ends the run because of a fault of farmrun itself.
func (c *Call) fault(v any) {
	e := &Error{Kind: Fault, Message: fmt.Sprintf("fault in %s: %v", c.name, v), Where: c.rt.where(c.L)}
	c.rt.log(fmt.Sprintf("%s\n%s", e.Message, debug.Stack()))
	c.rt.cancel(e)
	c.raise(e)
}

// Name returns what the script called: "cvs.update", "host:run".
func (c *Call) Name() string { return c.name }

// File returns the path of the Lua file that makes the call, or "".
func (c *Call) File() string {
	if at := c.rt.where(c.L); len(at) > 0 {
		return at[0][:strings.LastIndexByte(at[0], ':')]
	}
	return ""
}

// Host returns the name of the host whose function this is, or "".
func (c *Call) Host() string { return c.thread.host }

// Runtime returns the runtime, for Runtime.Call inside Wait.
func (c *Call) Runtime() *Runtime { return c.rt }

// Wait does the part of a primitive that may block: it gives the lock away,
// calls do, takes the lock again, and raises do's error if there is one. The
// context is the thread's, bounded by timeout (0: only by the thread's own
// deadlines); what names the wait in the error when that time is up. do must
// return soon after its context is done and must not touch Lua.
func (c *Call) Wait(what string, timeout time.Duration, do func(ctx context.Context) error) {
	if err := c.Try(what, timeout, do); err != nil {
		c.Raise(err)
	}
}

// Try is Wait for those who look at the error themselves.
func (c *Call) Try(what string, timeout time.Duration, do func(ctx context.Context) error) error {
	ctx := c.thread.ctx
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if timeout > 0 {
		var done context.CancelFunc
		ctx, done = context.WithTimeoutCause(ctx, timeout, &TimeoutError{What: what, After: timeout})
		defer done()
	}
	resume := c.suspend()
	defer resume()
	return do(ctx)
}

// suspend gives the lock away; the function it returns takes it back.
func (c *Call) suspend() func() {
	global := c.L.G
	current := global.CurrentThread
	c.thread.unlock()
	return func() {
		c.thread.lock()
		global.CurrentThread = current
	}
}

// Print shows text as the script's print does, without adding a line end. It
// gives the lock away meanwhile, since whoever reads it can let it wait, until the
// thread's deadline.
func (c *Call) Print(text string) {
	resume := c.suspend()
	defer resume()
	c.rt.print(c.thread.ctx, c.thread.host, text)
}

// Raise raises err in Lua, with the script's position, the host and the step.
// It does not return. An *ExitRequest, which came out of another thread, ends
// this one too.
func (c *Call) Raise(err error) {
	e := c.rt.toError(c.thread, err)
	switch e := e.(type) {
	case *ExitRequest:
		c.thread.cancel(e)
	case *Error:
		if len(e.Where) == 0 {
			e.Where = c.rt.where(c.L)
		}
	}
	c.raise(e)
}

// Raisef raises an error of the given kind.
func (c *Call) Raisef(kind Kind, format string, args ...any) {
	c.Raise(&Error{Kind: kind, Message: fmt.Sprintf(format, args...)})
}

// Fail raises an error about the script itself: a wrong argument, a misuse.
func (c *Call) Fail(format string, args ...any) {
	c.Raisef(Script, "%s: %s", c.name, fmt.Sprintf(format, args...))
}

func (c *Call) raise(err error) {
	c.L.Error(c.rt.errorValue(err), 0)
}

// Exit ends the script with an exit status, past any pcall. It does not
// return.
func (c *Call) Exit(code int) {
	e := &ExitRequest{Code: code}
	c.thread.cancel(e)
	c.raise(e)
}

// Own hands closer to the function that is running: when that ends, however it
// ends, what it owns is closed, last first. A closer must allow a second Close.
func (c *Call) Own(closer io.Closer) {
	c.thread.owned = append(c.thread.owned, closer)
}

// Disown takes back what Own was given, when it was closed before its time.
func (c *Call) Disown(closer io.Closer) {
	c.thread.owned = slices.DeleteFunc(c.thread.owned, func(o io.Closer) bool { return o == closer })
}

// Owned returns what of type T the thread owns at present, the oldest first.
func Owned[T io.Closer](c *Call) (owned []T) {
	for _, closer := range c.thread.owned {
		if mine, is := closer.(T); is {
			owned = append(owned, mine)
		}
	}
	return owned
}

// Step names a step of the thread's work until the function it returns is
// called; errors and what is printed meanwhile carry the name.
func (c *Call) Step(name string) (end func()) {
	t := c.thread
	depth := len(t.steps)
	t.steps = append(t.steps, name)
	return func() { t.steps = t.steps[:depth] }
}

// StepName returns the steps under way: "drain", or "switch/check" for one
// within another, or "".
func (c *Call) StepName() string { return c.thread.step() }

// Invoke calls a Lua function on the thread of this call and returns its first
// value; an error in it passes through to whoever called this primitive.
func (c *Call) Invoke(fn *lua.LFunction, args ...any) lua.LValue {
	c.L.Push(fn)
	for _, a := range args {
		c.L.Push(c.rt.value(c.L, a))
	}
	c.L.Call(len(args), 1)
	result := c.L.Get(-1)
	c.L.Pop(1)
	return result
}

// Protect is Invoke for those who look at the error themselves: it returns an
// *Error or an *ExitRequest with the host and the step as they are now.
func (c *Call) Protect(fn *lua.LFunction, args ...any) (lua.LValue, error) {
	top := c.L.GetTop()
	c.L.Push(fn)
	for _, a := range args {
		c.L.Push(c.rt.value(c.L, a))
	}
	if failed := c.rt.lua.Call(c.L, len(args)); failed != nil {
		c.L.SetTop(top)
		failed.StackTrace += strings.Join(c.rt.where(c.L), "\n")
		return lua.LNil, c.rt.toError(c.thread, failed)
	}
	result := c.L.Get(top + 1)
	c.L.SetTop(top)
	return result, nil
}

// Record makes a table of values that a script can read but neither change nor
// misspell; what names it in the error: "the arguments".
func (c *Call) Record(what string, values map[string]any) lua.LValue {
	members := make(map[string]lua.LValue, len(values))
	for name, v := range values {
		members[name] = c.rt.value(c.L, v)
	}
	return c.rt.sealed(what, members)
}

// Push adds results. Go values become Lua values:
//
//   - nil, booleans, numbers, strings and []byte
//   - time.Duration, as seconds
//   - time.Time, in the form of RFC 3339; the zero time as nil
//   - slices and maps, as tables
//   - structs, as values with fields that a script can read but neither change
//     nor misspell, named in snake_case or by their `lua` tags
//   - pointers, as the value that they point to
//   - errors, as values with fields
//   - lua.LValue, unchanged
//   - values of a Type, by Type.Value
func (c *Call) Push(values ...any) {
	for _, v := range values {
		c.L.Push(c.rt.value(c.L, v))
	}
	c.results += len(values)
}
