package luahost

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// Pusher is a Go value that knows how to become a Lua value, such as what
// Type.Value returns.
type Pusher interface {
	luaValue(rt *Runtime) lua.LValue
}

// value makes a Lua value of a Go value as Call.Push describes.
func (rt *Runtime) value(L *lua.LState, v any) lua.LValue {
	switch v := v.(type) {
	case nil:
		return lua.LNil
	case lua.LValue:
		return v
	case Pusher:
		return v.luaValue(rt)
	case []byte:
		return lua.LString(v)
	case time.Duration:
		return lua.LNumber(v.Seconds())
	case time.Time:
		if v.IsZero() {
			return lua.LNil
		}
		return lua.LString(v.Format(time.RFC3339))
	case error:
		return rt.errorValue(v)
	case map[string]any:
		return rt.named(L, v)
	}
	return rt.reflected(L, reflect.ValueOf(v))
}

func (rt *Runtime) reflected(L *lua.LState, v reflect.Value) lua.LValue {
	switch v.Kind() {
	case reflect.Bool:
		return lua.LBool(v.Bool())
	case reflect.String:
		return lua.LString(v.String())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return lua.LNumber(v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return lua.LNumber(v.Uint())
	case reflect.Float32, reflect.Float64:
		return lua.LNumber(v.Float())
	case reflect.Slice, reflect.Array:
		return rt.list(L, v)
	case reflect.Map:
		return rt.mapping(L, v)
	case reflect.Struct:
		return rt.record(L, v)
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return lua.LNil
		}
		return rt.value(L, v.Elem().Interface())
	}
	panic(fmt.Sprintf("luahost: a %v cannot become a Lua value", v.Type()))
}

func (rt *Runtime) list(L *lua.LState, v reflect.Value) lua.LValue {
	table := L.CreateTable(v.Len(), 0)
	for i := range v.Len() {
		table.RawSetInt(i+1, rt.value(L, v.Index(i).Interface()))
	}
	return table
}

func (rt *Runtime) named(L *lua.LState, values map[string]any) lua.LValue {
	table := L.CreateTable(0, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		table.RawSetString(name, rt.value(L, values[name]))
	}
	return table
}

func (rt *Runtime) mapping(L *lua.LState, v reflect.Value) lua.LValue {
	type member struct {
		name       string // by which they are sorted
		key, value reflect.Value
	}
	members := make([]member, 0, v.Len())
	for key, value := range v.Seq2() {
		members = append(members, member{fmt.Sprint(key), key, value})
	}
	slices.SortFunc(members, func(a, b member) int { return strings.Compare(a.name, b.name) })
	table := L.CreateTable(0, len(members))
	for _, m := range members {
		table.RawSet(rt.value(L, m.key.Interface()), rt.value(L, m.value.Interface()))
	}
	return table
}
