package luahost

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost/pattern"
)

// patterns are the functions of Lua's string library that could run for
// minutes within one call, replaced by ones that watch their time.
func (rt *Runtime) patterns() map[string]Func {
	funcs := map[string]Func{}
	for name, f := range pattern.Library() {
		funcs[name] = func(c *Call) { c.results = f(c.L) }
	}
	return funcs
}

// concat is table.concat, whose result is bounded as that of string.rep.
func concat(c *Call) {
	table, separator := c.Table(1), ""
	if c.Has(2) {
		separator = c.String(2)
	}
	first, last := 1, table.Len()
	if c.Has(3) {
		first = c.Int(3)
	}
	if c.Has(4) {
		last = c.Int(4)
	}
	var items []string
	length := 0
	for i := first; i <= last; i++ {
		v := table.RawGetInt(i)
		if !lua.LVCanConvToString(v) {
			c.Fail("item %d: a string expected, got %s", i, typeName(v))
		}
		items = append(items, v.String())
		if length += len(items[len(items)-1]) + len(separator); length > pattern.MaxString {
			c.Fail("the result would be longer than %d MiB", pattern.MaxString>>20)
		}
	}
	c.Push(strings.Join(items, separator))
}
