// Package lualib is Lua's standard library as lua5.1 has it: the functions that
// gopher-lua's library lacks, gets wrong or words differently. It knows states
// of gopher-lua and nothing of hosts. Every difference from lua5.1 that is meant
// stands in Differences.
//
//	lualib.Open(L, lualib.Config{})
//
// replaces them in a state whose libraries have been opened.
package lualib

import (
	"context"
	"math"

	lua "github.com/yuin/gopher-lua"
)

// functions are those of a library, by name.
type functions = map[string]lua.LGFunction

// Config says how the library fits into the program around it.
type Config struct {
	// Function makes a Lua function of a Go function; name is as scripts call
	// it, "string.rep". nil is LState.NewFunction.
	Function func(name string, f lua.LGFunction) *lua.LFunction
	// Compile compiles a chunk of Lua for load and loadstring. name is for its
	// errors. nil is LState.Load.
	Compile func(L *lua.LState, source, name string) (*lua.LFunction, error)
	// Call calls the function below nargs values on the stack and leaves its
	// results there, or returns its error. nil is LState.PCall.
	Call func(L *lua.LState, nargs int) *lua.ApiError
}

// Open puts the library into the globals of L. Its functions may run on every
// thread of L, one at a time.
func Open(L *lua.LState, config Config) {
	if config.Function == nil {
		config.Function = func(_ string, f lua.LGFunction) *lua.LFunction { return L.NewFunction(f) }
	}
	if config.Compile == nil {
		config.Compile = compile
	}
	if config.Call == nil {
		config.Call = protected
	}
	for library, funcs := range map[string]functions{
		"string": stringLibrary(), "table": tableLibrary(), "math": mathLibrary(), "os": osLibrary(), "debug": debugLibrary(L),
	} {
		fill(L.GetGlobal(library).(*lua.LTable), library+".", funcs, config)
	}
	L.GetGlobal("math").(*lua.LTable).RawSetString("huge", lua.LNumber(math.Inf(1)))
	globals := L.Get(lua.GlobalsIndex).(*lua.LTable)
	fill(globals, "", baseLibrary(config), config)
	openIterators(L, globals)
	openIO(L, config)
	setStringMeta(L, config)
}

func fill(table *lua.LTable, prefix string, funcs functions, config Config) {
	for name, f := range funcs {
		table.RawSetString(name, config.Function(prefix+name, f))
	}
}

// push pushes results and returns their number.
func push(L *lua.LState, results ...lua.LValue) int {
	for _, r := range results {
		L.Push(r)
	}
	return len(results)
}

// call calls a Lua function and returns its first result.
func call(L *lua.LState, f lua.LValue, args ...lua.LValue) lua.LValue {
	L.Push(f)
	L.Call(push(L, args...), 1)
	result := L.Get(-1)
	L.Pop(1)
	return result
}

// between is how many rounds of a loop in Go go between two looks at the time.
const between = 1 << 16

// watch ends a loop in Go when the thread's time is up; round counts its
// rounds.
func watch(L *lua.LState, round int) {
	if ctx := L.Context(); round%between == 0 && ctx != nil && ctx.Err() != nil {
		L.RaiseError("%v", context.Cause(ctx))
	}
}
