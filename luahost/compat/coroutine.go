package compat

import (
	"slices"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost/lualib/arg"

	"farmrun/luahost/frame"
)

// Coroutines returns the functions of the coroutine library, by name. A
// coroutine runs with the context of whoever resumes it; while it runs, or has
// given away the state in a function of Go, nobody else can resume it.
func (l *Lua) Coroutines(L *lua.LState) map[string]lua.LValue {
	library := L.GetGlobal(lua.CoroutineLibName)
	original := func(name string) lua.LGFunction {
		return L.GetField(library, name).(*lua.LFunction).GFunction
	}
	c := &coroutines{Lua: l, create: original("create"), resume: original("resume")}
	yield := inLua(L, "local yield = ... local function all(...) return ... end return function(...) return all(yield(...)) end", c.Yield)
	return map[string]lua.LValue{
		"create": L.NewFunction(c.Create), "resume": L.NewFunction(c.Resume), "wrap": L.NewFunction(c.Wrap),
		"status": L.NewFunction(c.Status), "running": L.NewFunction(c.Running), "yield": yield,
	}
}

// coroutines are the functions of the library on top of gopher-lua's.
type coroutines struct {
	*Lua
	create, resume lua.LGFunction
	arm            *lua.LFunction // makes the body of a coroutine, whose errors are in Lua 5.1's words; nil until there is one
}

// inLua returns the function that source returns, which gets f as its "...".
func inLua(L *lua.LState, source string, f lua.LGFunction) *lua.LFunction {
	fn, err := L.LoadString(source)
	if err != nil {
		panic(err)
	}
	L.Push(fn)
	L.Push(L.NewFunction(f))
	L.Call(1, 1)
	fn = L.Get(-1).(*lua.LFunction)
	L.Pop(1)
	return fn
}

// Create is coroutine.create. The coroutine has no context until it is resumed.
func (c *coroutines) Create(L *lua.LState) int {
	body, is := L.Get(1).(*lua.LFunction)
	if !is || body.IsG {
		arg.Error(L, 1, "Lua function expected")
	}
	if c.arm == nil {
		c.arm = inLua(L, "local arm = ... return function(f) return function(...) arm() return f(...) end end", func(L *lua.LState) int {
			L.Panic = c.pass
			return 0
		})
	}
	L.SetTop(0)
	L.Push(c.arm)
	L.Push(body)
	L.Call(1, 1)
	if ctx := L.Context(); ctx != nil {
		L.RemoveContext()
		defer L.SetContext(ctx)
	}
	return c.create(L)
}

// Resume is coroutine.resume.
func (c *coroutines) Resume(L *lua.LState) int {
	co, is := L.Get(1).(*lua.LState)
	if !is {
		arg.Error(L, 1, "coroutine expected")
	}
	status := c.status(L, co)
	if status != "suspended" {
		L.Push(lua.LFalse)
		L.Push(lua.LString("cannot resume " + status + " coroutine"))
		return 2
	}
	c.needRoom(L)
	c.enter(L, co, true)
	defer c.leave(co)
	c.attach(co, L.Context())
	return c.resume(L)
}

// Wrap is coroutine.wrap.
func (c *coroutines) Wrap(L *lua.LState) int {
	c.Create(L)
	co := L.Get(-1)
	L.Push(L.NewFunction(func(L *lua.LState) int {
		L.Insert(co, 1)
		results := c.Resume(L)
		if first := L.GetTop() - results + 1; L.Get(first) == lua.LFalse {
			c.rethrow(L, L.Get(first+1))
		}
		return results - 1
	}))
	return 1
}

// rethrow raises the error of a coroutine for whoever resumed it, whose position
// Lua 5.1 puts before a text.
func (c *coroutines) rethrow(L *lua.LState, value lua.LValue) {
	if text, is := value.(lua.LString); is {
		value = lua.LString(c.position(L, 1)) + text
	}
	c.throw(L, value)
}

// Status is coroutine.status.
func (c *coroutines) Status(L *lua.LState) int {
	co, is := L.Get(1).(*lua.LState)
	if !is {
		arg.Error(L, 1, "coroutine expected")
	}
	L.Push(lua.LString(c.status(L, co)))
	return 1
}

func (c *coroutines) status(L, co *lua.LState) string {
	_, resumed := c.nested[co]
	switch {
	case co.Dead:
		return "dead"
	case co == c.innermost(L):
		return "running"
	case resumed:
		return "normal"
	}
	return "suspended"
}

// innermost returns the coroutine that L belongs to; nil if it is none.
func (l *Lua) innermost(L *lua.LState) *lua.LState {
	for L != nil && !l.nested[L].coroutine {
		L = l.nested[L].outer
	}
	return L
}

// Running is coroutine.running. A thread that Go has made is no coroutine.
func (c *coroutines) Running(L *lua.LState) int {
	if co := c.innermost(L); co != nil {
		L.Push(co)
	} else {
		L.Push(lua.LNil)
	}
	return 1
}

// Yield is coroutine.yield. gopher-lua can leave Lua functions only, as Lua 5.1:
// a function of Go between the yield and the resume would be lost.
func (c *coroutines) Yield(L *lua.LState) int {
	calls := frame.Stack(L, 0)
	stuck := func(call frame.Call) bool { return !call.MayYield() }
	if !c.nested[L].coroutine || slices.ContainsFunc(calls[1:], stuck) {
		c.throw(L, lua.LString("attempt to yield across metamethod/C-call boundary"))
	}
	return -1 // which is how gopher-lua yields
}
