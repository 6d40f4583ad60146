package lualib

import (
	"maps"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost/lualib/arg"
	"farmrun/luahost/pattern"
)

// mostResults is how many values a function's arguments and results may be
// together: lua5.1 has a stack of 8,000 for each.
const mostResults = 8000

func stringLibrary() functions {
	library := functions{
		"byte":    stringByte,
		"char":    stringChar,
		"dump":    stringDump,
		"format":  format,
		"len":     func(L *lua.LState) int { return push(L, lua.LNumber(len(arg.String(L, 1)))) },
		"lower":   func(L *lua.LState) int { return push(L, mapBytes(arg.String(L, 1), 'A', 'Z')) },
		"reverse": stringReverse,
		"sub":     stringSub,
		"upper":   func(L *lua.LState) int { return push(L, mapBytes(arg.String(L, 1), 'a', 'z')) },
	}
	maps.Copy(library, pattern.Library())
	return library
}

func stringDump(L *lua.LState) int {
	arg.Fail(L, "string.dump is not offered here")
	return 0
}

// relative turns a position that counts from the end into one that counts from
// the front of a string, or 0 if it is before it.
func relative(position int64, length int) int64 {
	if position < 0 {
		position += int64(length) + 1
	}
	return max(position, 0)
}

// within returns the part of s that arguments of sub and byte, positions from 1,
// choose.
func within(s string, first, last int64) string {
	first, last = max(first, 1), min(last, int64(len(s)))
	if first > last {
		return ""
	}
	return s[first-1 : last]
}

func stringByte(L *lua.LState) int {
	s := arg.String(L, 1)
	first := relative(arg.OptInteger(L, 2, 1), len(s))
	last := relative(arg.OptInteger(L, 3, first), len(s))
	chosen := within(s, first, last)
	if len(chosen)+L.GetTop() > mostResults {
		arg.Fail(L, "stack overflow (string slice too long)")
	}
	for _, b := range []byte(chosen) {
		L.Push(lua.LNumber(b))
	}
	return len(chosen)
}

func stringChar(L *lua.LState) int {
	bytes := make([]byte, L.GetTop())
	for i := range bytes {
		n := arg.Int(L, i+1)
		if bytes[i] = byte(n); int(bytes[i]) != n {
			arg.Error(L, i+1, "invalid value")
		}
	}
	return push(L, lua.LString(bytes))
}

func stringSub(L *lua.LState) int {
	s := arg.String(L, 1)
	first := relative(arg.Integer(L, 2), len(s))
	last := relative(arg.OptInteger(L, 3, -1), len(s))
	return push(L, lua.LString(within(s, first, last)))
}

func stringReverse(L *lua.LState) int {
	bytes := []byte(arg.String(L, 1))
	slices.Reverse(bytes)
	return push(L, lua.LString(bytes))
}

// mapBytes turns letters from first to last into those of the other case. The
// locale is C: bytes above 127 are no letters.
func mapBytes(s string, first, last byte) lua.LString {
	bytes := []byte(s)
	for i, b := range bytes {
		if first <= b && b <= last {
			bytes[i] ^= 'a' - 'A'
		}
	}
	return lua.LString(bytes)
}
