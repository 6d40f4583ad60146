package compat

import (
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost/frame"
	"farmrun/luahost/lualib/arg"
)

// Error is error(message [, level]).
func (l *Lua) Error(L *lua.LState) int {
	value := L.Get(1)
	level := arg.OptInt(L, 2, 1)
	if text, ok := arg.ToString(value); ok && level > 0 {
		value = lua.LString(l.position(L, level) + text)
	}
	l.throw(L, value)
	return 0
}

// throw raises value as it is.
func (l *Lua) throw(L *lua.LState, value lua.LValue) {
	l.thrown = true
	L.Error(value, 0)
}

// position is "path:line: " of the function at a level of the calls, where 1
// has called error; "" where that is no Lua function.
func (l *Lua) position(L *lua.LState, level int) string {
	if level == 1 {
		if calls := frame.Stack(L, 2); len(calls) == 2 {
			return calls[1].Position()
		}
	}
	calls := l.stack(L)
	for level >= len(calls)-1 && l.Outer(L) != nil {
		level -= len(calls) - 1 // the last stands for pcall, as the first of the outer thread does
		L = l.Outer(L)
		calls = l.stack(L)
	}
	if level >= len(calls) {
		return ""
	}
	return calls[level].Position()
}

// stack returns the calls on L, without the functions that stand for instructions.
func (l *Lua) stack(L *lua.LState) []frame.Call {
	return slices.DeleteFunc(frame.Stack(L, 0), func(c frame.Call) bool {
		for _, helper := range l.helpers {
			if c.Is(helper) {
				return true
			}
		}
		return false
	})
}

// plain returns the error value on top of L's stack, in Lua 5.1's words. L
// must be as it was when the error was raised.
func (l *Lua) plain(L *lua.LState) lua.LValue {
	value := L.Get(-1)
	thrown := l.thrown
	l.thrown = false
	text, is := value.(lua.LString)
	if !is || thrown {
		return value
	}
	calls := frame.Stack(L, 2)
	if len(calls) == 0 {
		return value
	}
	message := strings.TrimPrefix(string(text), " ") // behind the position that there is none of
	if at := calls[0].Position(); at != "" {
		if said, is := strings.CutPrefix(message, at); is {
			message = at + l.words(L, calls[0], said)
		}
	} else if len(calls) > 1 {
		message = l.helperWords(L, calls, message)
	}
	return lua.LString(message)
}
