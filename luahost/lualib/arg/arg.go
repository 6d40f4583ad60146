// Package arg reads the arguments of a function of Lua's library as lua5.1's
// functions do: numbers as strings, strings as numbers, and errors in its words,
// with the name by which the function was called and the position of the call.
//
// Its functions take the state that runs the function and the number of an
// argument, from 1, and do not return if they raise an error. A state is of one
// goroutine at a time.
package arg

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost/frame"
)

// Position returns the position of the function at a level of the stack, 1 for
// the caller of the running one, as errors begin with it: "site.lua:12: "; "" if
// that is not Lua.
func Position(L *lua.LState, level int) string {
	at := L.Where(level)
	if at == "" || strings.HasPrefix(at, "[G]") {
		return ""
	}
	return at + " "
}

// Fail raises an error with the position of the caller of the running function.
func Fail(L *lua.LState, message string) { FailPlain(L, Position(L, 1)+message) }

// FailPlain raises an error without a position.
func FailPlain(L *lua.LState, message string) { L.Error(lua.LString(message), 0) }

// Error raises an error about argument n of the running function. Of a
// method the receiver is not counted.
func Error(L *lua.LState, n int, message string) {
	name, method := callName(L)
	if method {
		if n--; n == 0 {
			Fail(L, "calling '"+name+"' on bad self ("+message+")")
		}
	}
	Fail(L, "bad argument #"+FormatNumber(float64(n))+" to '"+name+"' ("+message+")")
}

// TypeError raises that argument n is not of the type wanted.
func TypeError(L *lua.LState, n int, want string) {
	Error(L, n, want+" expected, got "+typeAt(L, n))
}

// typeAt names the type of argument n.
func typeAt(L *lua.LState, n int) string {
	if n > L.GetTop() {
		return "no value"
	}
	return L.Get(n).Type().String()
}

// callName returns the name that the running function was called by, "?" if
// there is none, and whether it was called as a method.
func callName(L *lua.LState) (name string, method bool) {
	calls := frame.Stack(L, 2)
	if len(calls) < 2 {
		return "?", false
	}
	return calls[1].Callee()
}

// Any returns argument n, which may be nil but not missing.
func Any(L *lua.LState, n int) lua.LValue {
	if n > L.GetTop() {
		Error(L, n, "value expected")
	}
	return L.Get(n)
}

// Table returns argument n, which must be a table.
func Table(L *lua.LState, n int) *lua.LTable {
	t, ok := L.Get(n).(*lua.LTable)
	if !ok {
		TypeError(L, n, "table")
	}
	return t
}

// Function returns argument n, which must be a function.
func Function(L *lua.LState, n int) *lua.LFunction {
	f, ok := L.Get(n).(*lua.LFunction)
	if !ok {
		TypeError(L, n, "function")
	}
	return f
}

// String returns argument n, a string or a number.
func String(L *lua.LState, n int) string {
	s, ok := ToString(L.Get(n))
	if !ok {
		TypeError(L, n, "string")
	}
	return s
}

// OptString is String; a missing or nil argument is otherwise.
func OptString(L *lua.LState, n int, otherwise string) string {
	if L.Get(n) == lua.LNil {
		return otherwise
	}
	return String(L, n)
}

// Number returns argument n, a number or a string that stands for one.
func Number(L *lua.LState, n int) float64 {
	f, ok := ToNumber(L.Get(n))
	if !ok {
		TypeError(L, n, "number")
	}
	return f
}

// OptNumber is Number; a missing or nil argument is otherwise.
func OptNumber(L *lua.LState, n int, otherwise float64) float64 {
	if L.Get(n) == lua.LNil {
		return otherwise
	}
	return Number(L, n)
}

// Integer returns argument n without its fraction.
func Integer(L *lua.LState, n int) int64 { return ToInteger(Number(L, n)) }

// OptInteger is Integer; a missing or nil argument is otherwise.
func OptInteger(L *lua.LState, n int, otherwise int64) int64 {
	if L.Get(n) == lua.LNil {
		return otherwise
	}
	return Integer(L, n)
}

// Int returns argument n as a C int: its lowest 32 bits.
func Int(L *lua.LState, n int) int { return int(int32(Integer(L, n))) }

// OptInt is Int; a missing or nil argument is otherwise.
func OptInt(L *lua.LState, n, otherwise int) int {
	if L.Get(n) == lua.LNil {
		return otherwise
	}
	return Int(L, n)
}

// Option returns argument n, which must be one of some words.
func Option(L *lua.LState, n int, otherwise string, words ...string) string {
	option, _, _ := strings.Cut(OptString(L, n, otherwise), "\x00")
	for _, w := range words {
		if w == option {
			return w
		}
	}
	Error(L, n, "invalid option '"+option+"'")
	return ""
}
