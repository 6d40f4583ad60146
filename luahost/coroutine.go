package luahost

import (
	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost/lualib/arg"
)

// coroutines are the functions of Lua's coroutine library that threads make
// dangerous. A coroutine may be made by one host's function and resumed by
// another's: it then runs with the deadline, the host and the step of whoever
// resumes it, and while it runs, or waits in a primitive, nobody else may
// resume it.
func (rt *Runtime) coroutines() map[string]Func {
	library := rt.root.GetGlobal("coroutine")
	original := func(name string) lua.LGFunction {
		return rt.root.GetField(library, name).(*lua.LFunction).GFunction
	}
	create, resume, status := original("create"), original("resume"), original("status")
	return map[string]Func{
		"create":  func(c *Call) { c.results = createCoroutine(c, create) },
		"resume":  func(c *Call) { c.results = resumeCoroutine(c, resume) },
		"wrap":    func(c *Call) { wrapCoroutine(c, create, resume) },
		"status":  func(c *Call) { coroutineStatus(c, status) },
		"running": running,
		"yield":   yield,
	}
}

// createCoroutine makes a coroutine without a context: whoever resumes it
// lends it one.
func createCoroutine(c *Call, create lua.LGFunction) int {
	if f, ok := c.Value(1).(*lua.LFunction); !ok || f.IsG {
		arg.Error(c.L, 1, "Lua function expected")
	}
	ctx := c.L.RemoveContext()
	defer c.L.SetContext(ctx)
	return create(c.L)
}

// resumeCoroutine runs the coroutine that is argument 1. It pushes true and
// what it yields or returns, or false and its error, and returns their number.
func resumeCoroutine(c *Call, resume lua.LGFunction) int {
	co, ok := c.Value(1).(*lua.LState)
	if !ok {
		arg.Error(c.L, 1, "coroutine expected")
	}
	state := c.L.Status(co)
	if c.rt.resumed[co] && co != c.L {
		state = "normal"
	}
	if state != "suspended" {
		c.L.Push(lua.LFalse)
		c.L.Push(lua.LString("cannot resume " + state + " coroutine"))
		return 2
	}
	c.rt.resumed[co] = true
	defer delete(c.rt.resumed, co)
	co.SetContext(c.L.Context())
	return resume(c.L)
}

// wrapCoroutine is coroutine.wrap: it returns a function that resumes.
func wrapCoroutine(c *Call, create, resume lua.LGFunction) {
	createCoroutine(c, create)
	co := c.L.Get(-1)
	c.Push(c.rt.function("coroutine.wrap", func(c *Call) {
		c.L.Insert(co, 1)
		results := resumeCoroutine(c, resume)
		if first := c.L.GetTop() - results + 1; c.L.Get(first) == lua.LFalse {
			c.L.Error(c.L.Get(first+1), 0)
		}
		c.results = results - 1
	}))
}

// coroutineStatus is coroutine.status; a coroutine that another host's
// function has resumed is "normal".
func coroutineStatus(c *Call, status lua.LGFunction) {
	co, ok := c.Value(1).(*lua.LState)
	if !ok {
		arg.Error(c.L, 1, "coroutine expected")
	}
	if c.rt.resumed[co] && co != c.L {
		c.Push("normal")
		return
	}
	c.results = status(c.L)
}

// running is coroutine.running. The thread of a host's function is no
// coroutine: it cannot be resumed, so scripts do not get hold of it.
func running(c *Call) {
	if c.L == c.thread.state {
		c.Push(nil)
		return
	}
	c.Push(lua.LValue(c.L))
}

// yield is coroutine.yield. gopher-lua can leave Lua functions only: a Go
// function between the yield and the resume would be lost, and crash.
func yield(c *Call) {
	if c.L == c.thread.state {
		c.Fail("there is no coroutine to yield from")
	}
	for level := 1; ; level++ {
		frame, ok := c.L.GetStack(level)
		if !ok {
			break
		}
		if _, err := c.L.GetInfo("S", frame, lua.LNil); err == nil && frame.What == "G" {
			c.Fail("cannot yield out of a function that pcall, sort, gsub or a module calls")
		}
	}
	c.results = -1 // which is how gopher-lua yields
}
