package luahost

import (
	"maps"
	"slices"

	lua "github.com/yuin/gopher-lua"
)

// Module is what a script gets by require NAME: a table of functions and
// constants that it can neither change nor misspell.
type Module struct {
	Name   string
	Funcs  map[string]Func
	Values map[string]any // constants, as for Call.Push
	// Types lists the types whose values the module's functions return, so
	// that the manual can name their members. It has no effect on scripts.
	Types []Methods
}

// Methods is what the manual needs to know of a Type.
type Methods interface {
	// MethodNames returns the type's name and the sorted names of its methods.
	MethodNames() (typeName string, methods []string)
	// FieldNames returns the sorted names of the type's fields.
	FieldNames() []string
}

// MethodNames returns the type's name and the sorted names of its methods.
func (t *Type[T]) MethodNames() (string, []string) {
	return t.Name, slices.Sorted(maps.Keys(t.Methods))
}

// FieldNames returns the sorted names of the type's fields.
func (t *Type[T]) FieldNames() []string { return slices.Sorted(slices.Values(t.Fields)) }

// Names returns the sorted names that the module gives to a script.
func (m Module) Names() []string {
	names := slices.Collect(maps.Keys(m.Funcs))
	names = slices.AppendSeq(names, maps.Keys(m.Values))
	slices.Sort(names)
	return names
}

// open makes the table that require returns.
func (rt *Runtime) open(m Module) *lua.LTable {
	members := map[string]lua.LValue{}
	for name, f := range m.Funcs {
		members[name] = rt.function(m.Name+"."+name, f)
	}
	for name, v := range m.Values {
		members[name] = rt.value(rt.root, v)
	}
	return rt.sealed("module "+m.Name, members)
}

// sealed returns a table that has members, which may be nil, and refuses all
// other names and every change; what names it in errors.
func (rt *Runtime) sealed(what string, members map[string]lua.LValue) *lua.LTable {
	table, meta := rt.root.NewTable(), rt.root.NewTable()
	meta.RawSetString("__index", rt.function(what, func(c *Call) {
		name := c.Value(2).String()
		v, ok := members[name]
		if !ok {
			c.Raisef(Script, "there is no %q in %s%s", name, what, DidYouMean(name, slices.Collect(maps.Keys(members))))
		}
		c.Push(v)
	}))
	meta.RawSetString("__newindex", rt.function(what, func(c *Call) {
		c.Raisef(Script, "%q cannot be set in %s", c.Value(2).String(), what)
	}))
	meta.RawSetString("__metatable", lua.LString(what))
	table.Metatable = meta
	return table
}

// chunk compiles source; the path stands in its errors and positions.
func (rt *Runtime) chunk(L *lua.LState, source, path string) (*lua.LFunction, error) {
	if !rt.memory.fitsSource(source) {
		return nil, rt.outgrown(L)
	}
	return rt.lua.Load(L, source, path)
}
