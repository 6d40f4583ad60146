package luahost

import (
	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost/compat"
	"farmrun/luahost/lualib"
)

// openLibrary replaces Lua's standard library by one that does as lua5.1 does.
// It watches its time where it could run for minutes within one call.
func (rt *Runtime) openLibrary() {
	lualib.Open(rt.root, lualib.Config{
		Function: func(name string, f lua.LGFunction) *lua.LFunction {
			return rt.function(name, func(c *Call) { c.results = f(c.L) })
		},
		Compile: rt.chunk,
		Call:    func(L *lua.LState, nargs int) *lua.ApiError { return rt.lua.Call(L, nargs) },
	})
}

// openCompat has protected calls and coroutines do as lua5.1's do.
func (rt *Runtime) openCompat() {
	rt.lua = compat.New(rt.root)
	rt.lua.Attach, rt.lua.Reserve = rt.leash, rt.reserve
	rt.root.SetGlobal("pcall", rt.root.NewFunction(rt.lua.PCall))
	rt.root.SetGlobal("xpcall", rt.root.NewFunction(rt.lua.XPCall))
	rt.root.SetGlobal("error", rt.root.NewFunction(rt.lua.Error))
	for name, f := range rt.lua.Coroutines(rt.root) {
		rt.root.SetField(rt.root.GetGlobal("coroutine"), name, f)
	}
}
