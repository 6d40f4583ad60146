package luahost

import (
	"fmt"
	"strings"
	"sync"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost/lualib"
	"farmrun/luahost/lualib/arg"
	"farmrun/luahost/pattern"
)

// A thread begins small and grows as it must: there may be one for each of
// 10,000 hosts. It grows by steps, and copies all it has at each.
const (
	registryFirst = 128
	registryStep  = 1024
	registryMost  = 1 << 20
	callsMost     = 20000 // as in Lua 5.1
)

// arrayMost is the first key that is not kept in the array part of a table, which
// has a place for each key below its largest. So t[20000919], a date, takes no
// more than it must, and the largest array a quarter of Config.Memory's default. It
// is as well the most items that "#" and the functions of table see in a list.
const arrayMost = 1 << 24

var setArrayMost = sync.OnceFunc(func() { lua.MaxArrayIndex = arrayMost })

// newState makes the Lua state with the libraries that a script may use.
func newState(rt *Runtime) *lua.LState {
	setArrayMost()
	L := lua.NewState(lua.Options{
		RegistrySize:        registryFirst,
		RegistryMaxSize:     registryMost,
		RegistryGrowStep:    registryStep,
		CallStackSize:       callsMost,
		MinimizeStackMemory: true,
		SkipOpenLibs:        true,
	})
	rt.root = L
	for _, lib := range []struct {
		name string
		open lua.LGFunction
	}{
		{lua.BaseLibName, lua.OpenBase},
		{lua.TabLibName, lua.OpenTable},
		{lua.StringLibName, lua.OpenString},
		{lua.MathLibName, lua.OpenMath},
		{lua.CoroutineLibName, lua.OpenCoroutine},
		{lua.OsLibName, lua.OpenOs},
		{lua.IoLibName, lua.OpenIo},
		{lua.DebugLibName, lua.OpenDebug},
	} {
		L.Push(L.NewFunction(lib.open))
		L.Push(lua.LString(lib.name))
		L.Call(1, 0)
	}
	rt.openLibrary()
	rt.openCompat()
	rt.restrict()
	rt.setPairs()
	rt.setModules()
	rt.strictGlobals()
	return L
}

// restrict replaces what could wait without end, leave the run by itself, or
// change what the runtime relies on.
func (rt *Runtime) restrict() {
	L := rt.root
	rt.set("os", map[string]Func{"exit": exit, "execute": gone("os.execute", "farm.here():run"), "setenv": nil})
	rt.set("io", map[string]Func{
		"write": write, "lines": gone("io.lines", "io.open(path):lines()"),
		"popen": gone("io.popen", "farm.here():run"), "read": gone("io.read", "cli.ask"),
		"stdin": nil, "stdout": nil, "stderr": nil, "input": nil, "output": nil, "close": nil, "flush": nil,
	})
	rt.set("debug", map[string]Func{
		"getregistry": nil, "setmetatable": nil, "getmetatable": nil, "setfenv": nil, "getfenv": nil,
		"setlocal": nil, "setupvalue": nil, "sethook": nil, "gethook": nil, "debug": nil, "getlocal": nil, "getupvalue": nil,
	})
	L.SetGlobal("print", rt.function("print", printLine))
	L.SetGlobal("dofile", rt.function("dofile", gone("dofile", "require")))
	L.SetGlobal("loadfile", rt.function("loadfile", gone("loadfile", "require")))
	L.SetGlobal("module", rt.function("module", gone("module", "a file that returns a table")))
	L.SetGlobal("newproxy", lua.LNil)
	L.SetGlobal("_printregs", lua.LNil)
}

// set replaces functions of a library; nil removes them.
func (rt *Runtime) set(library string, funcs map[string]Func) {
	table := rt.root.GetGlobal(library).(*lua.LTable)
	for name, f := range funcs {
		if f == nil {
			table.RawSetString(name, lua.LNil)
			continue
		}
		table.RawSetString(name, rt.function(library+"."+name, f))
	}
}

// gone is a function that farmrun does not offer because it could wait
// without end; instead names what does.
func gone(name, instead string) Func {
	return func(c *Call) { c.Fail("%s is not offered here: use %s", name, instead) }
}

// exit is os.exit([status]): it ends the script, and the run says what came of it.
func exit(c *Call) {
	code := 0
	switch v := c.Value(1).(type) {
	case lua.LBool:
		if !v {
			code = 1
		}
	case *lua.LNilType:
	default:
		if code = c.Int(1); code < 0 || code > 255 {
			c.Fail("a status from 0 to 255 expected, got %d", code)
		}
	}
	c.Exit(code)
}

func printLine(c *Call) {
	words := make([]string, c.Count())
	length := 0
	for i := range words {
		text, ok := arg.ToString(lualib.TextOf(c.L, c.Value(i+1)))
		if !ok {
			c.Fail("'tostring' must return a string to 'print'")
		}
		if length += len(text); length > pattern.MaxString {
			c.Fail("the line would be longer than %s", binary(pattern.MaxString))
		}
		words[i] = text
	}
	c.Print(strings.Join(words, "\t") + "\n")
}

func write(c *Call) {
	for i := range c.Count() {
		c.Print(c.String(i + 1))
	}
}

// strictGlobals makes reading a global that is not there an error, and
// setting one in a function too: both are misspellings far more often than not.
func (rt *Runtime) strictGlobals() {
	L := rt.root
	globals := L.Get(lua.GlobalsIndex).(*lua.LTable)
	meta := L.NewTable()
	meta.RawSetString("__index", rt.function("global", func(c *Call) {
		name := c.Value(2).String()
		var known []string
		globals.ForEach(func(k, _ lua.LValue) { known = append(known, k.String()) })
		c.Raise(&Error{Kind: Script, Message: fmt.Sprintf("there is no variable %q%s", name, nearOnly(name, known)), Hint: rt.requireHint(name)})
	}))
	meta.RawSetString("__newindex", rt.function("global", func(c *Call) {
		name := c.Value(2).String()
		c.Raise(&Error{Kind: Script, Message: fmt.Sprintf("the variable %q is not declared", name), Hint: "write: local " + name})
	}))
	meta.RawSetString("__metatable", lua.LString("globals"))
	globals.Metatable = meta
}

// requireHint says how a script gets at the module of that name; "" if there is
// none.
func (rt *Runtime) requireHint(name string) string {
	if _, is := rt.modules[name]; !is {
		return ""
	}
	return fmt.Sprintf("write: local %s = require %[1]q", name)
}

// nearOnly is DidYouMean without the list of all names.
func nearOnly(name string, known []string) string {
	if text := DidYouMean(name, known); strings.Contains(text, "did you mean") {
		return text
	}
	return ""
}
