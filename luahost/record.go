package luahost

import (
	"iter"
	"reflect"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost/lualib/arg"
)

// record is a Go struct in Lua. A table would do, were it not that a misspelt
// field of one is nil, which is neither 0 nor false, so that a script goes on.
type record struct {
	kind   *recordKind
	values []lua.LValue // of kind.names
}

// recordKind is a type of records as one Runtime has it.
type recordKind struct {
	what  string // "a result"
	names []string
	meta  *lua.LTable
}

// record makes a record of a struct.
func (rt *Runtime) record(L *lua.LState, v reflect.Value) lua.LValue {
	kind := rt.recordKind(v.Type())
	r := &record{kind, make([]lua.LValue, 0, len(kind.names))}
	for i := range v.NumField() {
		if v.Type().Field(i).IsExported() {
			r.values = append(r.values, rt.value(L, v.Field(i).Interface()))
		}
	}
	return &lua.LUserData{Value: r, Metatable: kind.meta}
}

// recordKind returns the kind for a type of structs, made when first needed.
func (rt *Runtime) recordKind(t reflect.Type) *recordKind {
	if kind := rt.records[t]; kind != nil {
		return kind
	}
	name := strings.ReplaceAll(OptionName(t.Name()), "_", " ")
	if name == "" {
		name = "record"
	}
	kind := &recordKind{what: withArticle(name), meta: rt.root.NewTable()}
	for i := range t.NumField() {
		if field := t.Field(i); field.IsExported() {
			kind.names = append(kind.names, newOptionField(field, i).name)
		}
	}
	for event, f := range map[string]Func{"__index": kind.index, "__newindex": kind.newIndex, "__len": kind.length} {
		kind.meta.RawSetString(event, rt.function(name, f))
	}
	kind.meta.RawSetString("__tostring", rt.function(name, func(c *Call) { c.Push(name) }))
	kind.meta.RawSetString("__metatable", lua.LString(name)) // keeps setmetatable off
	rt.records[t] = kind
	return kind
}

// recordOf returns the record that a Lua value is, or nil.
func recordOf(v lua.LValue) *record {
	if ud, ok := v.(*lua.LUserData); ok {
		r, _ := ud.Value.(*record)
		return r
	}
	return nil
}

func (kind *recordKind) index(c *Call) {
	name := c.Value(2).String()
	i := slices.Index(kind.names, name)
	if i < 0 {
		c.Raisef(Script, "there is no %q in %s%s", name, kind.what, DidYouMean(name, kind.names))
	}
	c.Push(recordOf(c.Value(1)).values[i])
}

func (kind *recordKind) newIndex(c *Call) {
	c.Raisef(Script, "%q cannot be set in %s", c.Value(2).String(), kind.what)
}

func (kind *recordKind) length(c *Call) { c.Raisef(Script, "%s is not a list", kind.what) }

// Fields returns the names and values of a struct that Call.Push has made a Lua
// value of, without those that are nil; ok is false for any other value.
func Fields(v lua.LValue) (fields iter.Seq2[string, lua.LValue], ok bool) {
	r := recordOf(v)
	if r == nil {
		return nil, false
	}
	return func(yield func(string, lua.LValue) bool) {
		for i := r.after(-1); i < len(r.values) && yield(r.kind.names[i], r.values[i]); {
			i = r.after(i)
		}
	}, true
}

// after returns the place of the next field after i that is not nil.
func (r *record) after(i int) int {
	for i++; i < len(r.values) && r.values[i] == lua.LNil; i++ {
	}
	return i
}

// setPairs has next and pairs go over records, too.
func (rt *Runtime) setPairs() {
	L := rt.root
	tableNext := L.GetGlobal("next").(*lua.LFunction).GFunction
	next := L.NewFunction(func(L *lua.LState) int {
		if r := recordOf(L.Get(1)); r != nil {
			return r.next(L)
		}
		return tableNext(L)
	})
	L.SetGlobal("next", next)
	L.SetGlobal("pairs", L.NewFunction(func(L *lua.LState) int {
		if recordOf(L.Get(1)) == nil {
			arg.Table(L, 1)
		}
		L.Push(next)
		L.Push(L.Get(1))
		L.Push(lua.LNil)
		return 3
	}))
}

// next is next(r, name).
func (r *record) next(L *lua.LState) int {
	at := -1
	if name := L.Get(2); name != lua.LNil {
		if at = slices.Index(r.kind.names, name.String()); at < 0 {
			L.RaiseError("there is no %q in %s", name.String(), r.kind.what)
		}
	}
	if at = r.after(at); at == len(r.values) {
		L.Push(lua.LNil)
		return 1
	}
	L.Push(lua.LString(r.kind.names[at]))
	L.Push(r.values[at])
	return 2
}
