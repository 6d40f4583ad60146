package luahost

import (
	"maps"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// Type describes how Go values of type T look in Lua: their name, methods and
// fields. A field or method that is not there is an error that names the
// nearest one. Declare a Type once and do not change it; it keeps no state of
// any Runtime. Values that are equal in Go are one and the same value in Lua,
// for as long as the Runtime lives, if Intern is set.
type Type[T comparable] struct {
	Name    string // as errors have it: "host", "tunnel"
	Methods map[string]Func
	// Field returns a field's value, as for Call.Push, and whether v has it;
	// nil has no fields.
	Field func(v T, name string) (any, bool)
	// Fields names what Field knows, for the error about one it does not.
	Fields []string
	// String is what tostring gives; nil is "NAME".
	String func(v T) string
	// Intern keeps one Lua value for each Go value, so that it can be a key
	// of a table.
	Intern bool
}

// typeTables is a Type as one Runtime has it.
type typeTables struct {
	meta    *lua.LTable
	methods *lua.LTable
}

// Value returns v for Call.Push, or as an argument of a Lua function.
func (t *Type[T]) Value(v T) Pusher { return typed[T]{t, v} }

type typed[T comparable] struct {
	t *Type[T]
	v T
}

func (p typed[T]) luaValue(rt *Runtime) lua.LValue {
	if p.t.Intern {
		if ud := rt.interns[p.v]; ud != nil {
			return ud
		}
	}
	ud := rt.root.NewUserData()
	ud.Value = p.v
	ud.Metatable = p.t.tables(rt).meta
	if p.t.Intern {
		rt.interns[p.v] = ud
	}
	return ud
}

// tables returns the type's metatable in rt, made when first needed.
func (t *Type[T]) tables(rt *Runtime) *typeTables {
	if tt := rt.types[t]; tt != nil {
		return tt
	}
	tt := &typeTables{meta: rt.root.NewTable(), methods: rt.root.NewTable()}
	for name, f := range t.Methods {
		tt.methods.RawSetString(name, rt.function(t.Name+":"+name, f))
	}
	meta := map[string]Func{"__index": t.index(tt), "__newindex": t.newIndex, "__tostring": t.toString, "__eq": t.equal}
	for name, f := range meta {
		tt.meta.RawSetString(name, rt.function(t.Name, f))
	}
	tt.meta.RawSetString("__name", lua.LString(t.Name))
	tt.meta.RawSetString("__metatable", lua.LString(t.Name)) // keeps setmetatable off
	rt.types[t] = tt
	return tt
}

// one is "a host" or "an error".
func (t *Type[T]) one() string { return withArticle(t.Name) }

// withArticle makes "a host" of host and "an error" of error.
func withArticle(name string) string {
	if strings.ContainsRune("aeiou", rune(name[0])) {
		return "an " + name
	}
	return "a " + name
}

func (t *Type[T]) index(tt *typeTables) Func {
	return func(c *Call) {
		v, name := Arg[T](c, 1, t.one()), c.Value(2).String()
		if method := tt.methods.RawGetString(name); method != lua.LNil {
			c.Push(method)
			return
		}
		if t.Field != nil {
			if field, ok := t.Field(v, name); ok {
				c.Push(field)
				return
			}
		}
		known := slices.Concat(t.Fields, slices.Collect(maps.Keys(t.Methods)))
		c.Raisef(Script, "there is no %q in %s%s", name, t.one(), DidYouMean(name, known))
	}
}

func (t *Type[T]) newIndex(c *Call) {
	c.Raisef(Script, "%q cannot be set: %s is not a table", c.Value(2).String(), t.one())
}

func (t *Type[T]) toString(c *Call) {
	v := Arg[T](c, 1, t.one())
	if t.String == nil {
		c.Push(t.Name)
		return
	}
	c.Push(t.String(v))
}

func (t *Type[T]) equal(c *Call) {
	a, aok := c.Value(1).(*lua.LUserData)
	b, bok := c.Value(2).(*lua.LUserData)
	c.Push(aok && bok && a.Value == b.Value)
}
