package lualib

import (
	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost/lualib/arg"
)

// debugLibrary is debug.traceback([thread,] [message [, level]]), which returns
// a message that is neither a string nor a number as it is.
func debugLibrary(L *lua.LState) functions {
	original := L.GetField(L.GetGlobal("debug"), "traceback").(*lua.LFunction).GFunction
	return functions{"traceback": func(L *lua.LState) int {
		message := 1
		if _, isThread := L.Get(1).(*lua.LState); isThread {
			message = 2
		}
		text, isText := arg.ToString(L.Get(message))
		switch {
		case isText:
			L.Replace(message, lua.LString(text))
		case L.Get(message) != lua.LNil:
			return push(L, L.Get(message))
		}
		return original(L)
	}}
}
