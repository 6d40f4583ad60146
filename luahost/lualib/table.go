package lualib

import (
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost/lualib/arg"
	"farmrun/luahost/pattern"
)

func tableLibrary() functions {
	return functions{
		"concat":   tableConcat,
		"foreach":  tableForeach,
		"foreachi": tableForeachi,
		"getn":     func(L *lua.LState) int { return push(L, lua.LNumber(arg.Table(L, 1).Len())) },
		"insert":   tableInsert,
		"maxn":     tableMaxn,
		"remove":   tableRemove,
		"setn":     tableSetn,
		"sort":     tableSort,
	}
}

func tableSetn(L *lua.LState) int {
	arg.Table(L, 1)
	arg.Fail(L, "'setn' is obsolete")
	return 0
}

// inArray tells whether a table stores t[i] as in a list, where RawGetInt and
// RawSetInt look for it.
func inArray(i int) bool { return 0 < i && i < lua.MaxArrayIndex }

// at returns t[i].
func at(t *lua.LTable, i int) lua.LValue {
	if inArray(i) {
		return t.RawGetInt(i)
	}
	return t.RawGet(lua.LNumber(i))
}

// put sets t[i].
func put(t *lua.LTable, i int, v lua.LValue) {
	if inArray(i) {
		t.RawSetInt(i, v)
		return
	}
	t.RawSet(lua.LNumber(i), v)
}

func tableConcat(L *lua.LState) int {
	separator := arg.OptString(L, 2, "")
	t := arg.Table(L, 1)
	first := arg.OptInt(L, 3, 1)
	last := arg.OptInt(L, 4, t.Len())
	out := pattern.Builder{L: L}
	for i := first; i <= last; i++ {
		s, ok := arg.ToString(at(t, i))
		if !ok {
			arg.Fail(L, fmt.Sprintf("invalid value (%s) at index %d in table for 'concat'", at(t, i).Type(), i))
		}
		out.Add(s)
		if i < last {
			out.Add(separator)
		}
	}
	return push(L, lua.LString(out.String()))
}

func tableInsert(L *lua.LState) int {
	t := arg.Table(L, 1)
	end := t.Len() + 1
	position := end
	if end >= lua.MaxArrayIndex { // beyond it "#" sees nothing
		arg.Fail(L, fmt.Sprintf("a list has %d elements at most", lua.MaxArrayIndex-1))
	}
	switch L.GetTop() {
	case 2:
	case 3:
		position = arg.Int(L, 2)
		end = max(end, position)
		for i := end; i > position; i-- {
			watch(L, i)
			put(t, i, at(t, i-1))
		}
	default:
		arg.Fail(L, "wrong number of arguments to 'insert'")
	}
	put(t, position, L.Get(L.GetTop()))
	return 0
}

func tableRemove(L *lua.LState) int {
	t := arg.Table(L, 1)
	end := t.Len()
	position := arg.OptInt(L, 2, end)
	if position < 1 || position > end {
		return 0
	}
	removed := at(t, position)
	for i := position; i < end; i++ {
		put(t, i, at(t, i+1))
	}
	put(t, end, lua.LNil)
	t.Remove(-1) // the nil that the list ends with, or each length would be counted past it
	return push(L, removed)
}

func tableMaxn(L *lua.LState) int {
	most := lua.LNumber(0)
	arg.Table(L, 1).ForEach(func(k, _ lua.LValue) {
		if n, ok := k.(lua.LNumber); ok {
			most = max(most, n)
		}
	})
	return push(L, most)
}

func tableForeach(L *lua.LState) int {
	t, f := arg.Table(L, 1), arg.Function(L, 2)
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		if r := call(L, f, k, v); r != lua.LNil {
			return push(L, r)
		}
	}
	return 0
}

func tableForeachi(L *lua.LState) int {
	t := arg.Table(L, 1)
	n, f := t.Len(), arg.Function(L, 2)
	for i := 1; i <= n; i++ {
		if r := call(L, f, lua.LNumber(i), at(t, i)); r != lua.LNil {
			return push(L, r)
		}
	}
	return 0
}
