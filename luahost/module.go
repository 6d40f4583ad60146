package luahost

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// Module is what a script gets by require NAME: a table of functions and
// constants that it can neither change nor misspell.
type Module struct {
	Name   string
	Funcs  map[string]Func
	Values map[string]any // constants, as for Call.Push
	// Types lists the types whose values the module's functions return, so
	// that the manual can name their methods. It has no effect on scripts.
	Types []Methods
}

// Methods is what the manual needs to know of a Type.
type Methods interface {
	// MethodNames returns the type's name and the sorted names of its methods.
	MethodNames() (typeName string, methods []string)
}

// MethodNames returns the type's name and the sorted names of its methods.
func (t *Type[T]) MethodNames() (string, []string) {
	return t.Name, slices.Sorted(maps.Keys(t.Methods))
}

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

// load compiles source; the path stands in its errors and positions.
func load(L *lua.LState, source, path string) (*lua.LFunction, error) {
	if strings.HasPrefix(source, "#!") {
		source = "--" + source
	}
	fn, err := L.Load(strings.NewReader(source), path)
	if err == nil {
		return fn, nil
	}
	var api *lua.ApiError
	if errors.As(err, &api) && api.Cause != nil {
		return nil, syntaxError(api, path)
	}
	return nil, err
}

// installRequire makes require look for a module of ours first and for a file
// of the site's then.
func (rt *Runtime) installRequire() {
	L := rt.root
	preload := L.GetField(L.GetField(L.Get(lua.EnvironIndex), "package"), "preload")
	names := make([]string, 0, len(rt.config.Modules))
	for _, m := range rt.config.Modules {
		if L.GetField(preload, m.Name) != lua.LNil {
			panic("luahost: two modules are named " + m.Name)
		}
		names = append(names, m.Name)
		L.SetField(preload, m.Name, L.NewFunction(func(L *lua.LState) int {
			L.Push(rt.open(m))
			return 1
		}))
	}
	loaders := L.GetField(L.Get(lua.RegistryIndex), "_LOADERS").(*lua.LTable)
	loaders.RawSetInt(2, rt.function("require", func(c *Call) { rt.requireFile(c, names) }))
}

// requireFile finds and compiles the Lua file for a name.
func (rt *Runtime) requireFile(c *Call, modules []string) {
	name := c.String(1)
	var source []byte
	var path string
	err := fs.ErrNotExist
	if rt.config.Find != nil {
		source, path, err = rt.config.Find(name)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.Raise(&Error{Kind: Script, Message: fmt.Sprintf("there is no module %q%s", name, DidYouMean(name, modules)), Hint: missingHint(err)})
	case err != nil:
		c.Raise(&Error{Kind: Script, Message: fmt.Sprintf("require %q: %v", name, err)})
	}
	fn, err := load(c.L, string(source), path)
	if err != nil {
		c.Raise(&Error{Kind: Script, Message: err.Error()})
	}
	c.Push(fn)
}

// missingHint returns the advice that a Find attached to its error.
func missingHint(err error) string {
	var h hinter
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}
