package lualib

import (
	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost/lualib/arg"
)

// getfenv is getfenv([function or level]).
func getfenv(L *lua.LState) int {
	f := functionAt(L, arg.OptInt)
	if f == nil || f.IsG {
		return push(L, L.Get(lua.GlobalsIndex))
	}
	return push(L, f.Env)
}

// setfenv is setfenv(function or level, table).
func setfenv(L *lua.LState) int {
	table := arg.Table(L, 2)
	f := functionAt(L, func(L *lua.LState, n, _ int) int { return arg.Int(L, n) })
	if f == nil || f.IsG {
		arg.Fail(L, "'setfenv' cannot change environment of given object")
	}
	f.Env = table
	return push(L, f)
}

// functionAt returns the function that argument 1 is, or that runs at the
// level which it is; nil for level 0, which stands for the thread.
func functionAt(L *lua.LState, level func(L *lua.LState, n, otherwise int) int) *lua.LFunction {
	if f, ok := L.Get(1).(*lua.LFunction); ok {
		return f
	}
	n := level(L, 1, 1)
	if n == 0 {
		return nil
	}
	if n < 0 {
		arg.Error(L, 1, "level must be non-negative")
	}
	frame, ok := L.GetStack(n)
	if !ok {
		arg.Error(L, 1, "invalid level")
	}
	f, err := L.GetInfo("f", frame, lua.LNil)
	if err != nil {
		arg.Error(L, 1, "invalid level")
	}
	return f.(*lua.LFunction)
}
