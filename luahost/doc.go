// Package luahost runs Lua scripts for farmrun and keeps the promises that a
// script cannot break: every wait ends, what was opened is closed, and an
// error says where it happened.
//
// # How Lua runs
//
// A Runtime has one Lua state and one lock on it. Each host at work has a
// goroutine and a Lua thread of its own (Runtime.Call), so closures and
// tables are shared between hosts and need no messages. A primitive that may
// block does its work inside Call.Wait, which gives the lock away meanwhile;
// between two primitives a Lua function has the interpreter to itself.
//
// Every thread has a context. When it is done no further Lua instruction runs
// on that thread, not even behind a pcall; what the thread opened (Call.Own)
// is then closed by the runtime. A stretch of Lua that calls no primitive may
// last Config.Stretch and no longer, since it keeps all other hosts waiting.
// All threads together have Config.Memory. A coroutine runs with the context of
// whoever resumes it. testdata/endless has the scripts that this is tried with.
//
// # Writing a module
//
// A module is a Module value: a name, functions and types. Its Go half knows
// nothing of Lua; its Lua half is one file, lua.go, with functions in three
// moves: decode, call Go with the context, push or raise.
//
//	func Module() luahost.Module {
//		return luahost.Module{Name: "symlink", Funcs: map[string]luahost.Func{
//			"read": read,
//		}}
//	}
//
//	// symlink.read(host, link [, options]) -> target
//	//
//	// Returns what link points to…
//	func read(c *luahost.Call) {
//		host := luahost.Arg[Runner](c, 1, "a host")
//		link := c.String(2)
//		opts := luahost.Options[struct{ Timeout time.Duration }](c, 3)
//		var target string
//		c.Wait("symlink.read "+link, opts.Timeout, func(ctx context.Context) (err error) {
//			target, err = Read(ctx, host, link)
//			return err
//		})
//		c.Push(target)
//	}
//
// The doc comment of each such function is its entry in the manual for script
// authors. It begins with a line that shows the call and, behind "->", what
// comes back; optional arguments stand in brackets.
//
// Decoding and Wait do not return when they fail: they raise the error in
// Lua. A panic in a module is a fault of farmrun, not of the script: it ends
// the run and cannot be caught by pcall.
package luahost
