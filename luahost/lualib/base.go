package lualib

import (
	"runtime"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost/lualib/arg"
)

func baseLibrary(config Config) functions {
	collector := &collector{pause: 200, multiplier: 200}
	loader := loader{config.Compile, config.Call}
	return functions{
		"assert":         assert,
		"collectgarbage": collector.collect,
		"error":          raise,
		"gcinfo":         func(L *lua.LState) int { return pushNumber(L, heap()) },
		"getfenv":        getfenv,
		"getmetatable":   getmetatable,
		"load":           loader.load,
		"loadstring":     loader.loadString,
		"rawequal":       func(L *lua.LState) int { return push(L, lua.LBool(arg.Any(L, 1) == arg.Any(L, 2))) },
		"rawget":         rawget,
		"rawset":         rawset,
		"select":         selectArgs,
		"setfenv":        setfenv,
		"setmetatable":   setmetatable,
		"tonumber":       tonumber,
		"tostring":       func(L *lua.LState) int { return push(L, TextOf(L, arg.Any(L, 1))) },
		"type":           func(L *lua.LState) int { return push(L, lua.LString(arg.Any(L, 1).Type().String())) },
		"unpack":         unpack,
	}
}

// assert is assert(v [, message]).
func assert(L *lua.LState) int {
	if !lua.LVAsBool(arg.Any(L, 1)) {
		arg.Fail(L, cString(arg.OptString(L, 2, "assertion failed!")))
	}
	return L.GetTop()
}

// raise is error(message [, level]).
func raise(L *lua.LState) int {
	level := arg.OptInt(L, 2, 1)
	message := L.Get(1)
	if s, ok := arg.ToString(message); ok && level > 0 {
		message = lua.LString(arg.Position(L, level) + s)
	}
	L.Error(message, 0)
	return 0
}

// collector has the settings of Lua's own collector, which collectgarbage only
// remembers.
type collector struct{ pause, multiplier int }

func (c *collector) collect(L *lua.LState) int {
	option := arg.Option(L, 1, "collect", "stop", "restart", "collect", "count", "step", "setpause", "setstepmul")
	n := arg.OptInt(L, 2, 0)
	switch option {
	case "count":
		return pushNumber(L, heap())
	case "step":
		return push(L, lua.LTrue)
	case "collect":
		runtime.GC()
	case "setpause":
		n, c.pause = c.pause, n
		return pushNumber(L, float64(n))
	case "setstepmul":
		n, c.multiplier = c.multiplier, n
		return pushNumber(L, float64(n))
	}
	return pushNumber(L, 0)
}

// heap returns how much memory farmrun uses, in KiB.
func heap() float64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapAlloc) / 1024
}

func getmetatable(L *lua.LState) int { return push(L, L.GetMetatable(arg.Any(L, 1))) }

func setmetatable(L *lua.LState) int {
	t := arg.Table(L, 1)
	if _, isTable := L.Get(2).(*lua.LTable); !isTable && (L.GetTop() < 2 || L.Get(2) != lua.LNil) {
		arg.Error(L, 2, "nil or table expected")
	}
	if L.GetMetaField(t, "__metatable") != lua.LNil {
		arg.Fail(L, "cannot change a protected metatable")
	}
	t.Metatable = L.Get(2)
	return push(L, t)
}

func rawget(L *lua.LState) int { return push(L, arg.Table(L, 1).RawGet(arg.Any(L, 2))) }

func rawset(L *lua.LState) int {
	t, k, v := arg.Table(L, 1), arg.Any(L, 2), arg.Any(L, 3)
	switch {
	case k == lua.LNil:
		arg.FailPlain(L, "table index is nil")
	case k != k: // NaN alone is not equal to itself
		arg.FailPlain(L, "table index is NaN")
	}
	t.RawSet(k, v)
	return push(L, t)
}

// selectArgs is select(n, …).
func selectArgs(L *lua.LState) int {
	top := L.GetTop()
	if s, ok := L.Get(1).(lua.LString); ok && strings.HasPrefix(string(s), "#") {
		return pushNumber(L, float64(top-1))
	}
	n := arg.Int(L, 1)
	if n < 0 {
		n += top
	}
	if n < 1 {
		arg.Error(L, 1, "index out of range")
	}
	return max(top-n, 0)
}

// TextOf returns v as tostring shows it, by its metamethod if it has one: a
// string, or whatever that returns.
func TextOf(L *lua.LState, v lua.LValue) lua.LValue {
	if f := L.GetMetaField(v, "__tostring"); f != lua.LNil {
		return call(L, f, v)
	}
	if s, ok := arg.ToString(v); ok {
		return lua.LString(s)
	}
	return lua.LString(v.String())
}

// tonumber is tonumber(v [, base]).
func tonumber(L *lua.LState) int {
	base := arg.OptInt(L, 2, 10)
	if base == 10 {
		if f, ok := arg.ToNumber(arg.Any(L, 1)); ok {
			return pushNumber(L, f)
		}
		return push(L, lua.LNil)
	}
	s := arg.String(L, 1)
	if base < 2 || base > 36 {
		arg.Error(L, 2, "base out of range")
	}
	if n, ok := parseUnsigned(s, base); ok {
		return pushNumber(L, float64(n))
	}
	return push(L, lua.LNil)
}

// parseUnsigned reads a whole number as C's strtoul does: a negative one wraps
// around, one too large is the largest.
func parseUnsigned(s string, base int) (uint64, bool) {
	s, _, _ = strings.Cut(s, "\x00")
	s = strings.Trim(s, arg.Space)
	digits := strings.TrimPrefix(s, "-")
	negative := digits != s
	if !negative {
		digits = strings.TrimPrefix(s, "+")
	}
	if base == 16 && len(digits) > 2 && strings.EqualFold(digits[:2], "0x") {
		digits = digits[2:]
	}
	n, err := strconv.ParseUint(digits, base, 64)
	if e, ok := err.(*strconv.NumError); ok && e.Err == strconv.ErrRange {
		return n, true
	}
	if negative {
		n = -n
	}
	return n, err == nil
}

// unpack is unpack(t [, first [, last]]).
func unpack(L *lua.LState) int {
	t := arg.Table(L, 1)
	first := arg.OptInt(L, 2, 1)
	last := arg.OptInt(L, 3, t.Len())
	n := last - first + 1
	if n+L.GetTop() > mostResults {
		arg.Fail(L, "too many results to unpack")
	}
	for i := first; i <= last; i++ {
		L.Push(at(t, i))
	}
	return max(n, 0)
}

// openIterators sets pairs, ipairs and next. Their iterators are plain functions,
// for speed in each turn of a loop.
func openIterators(L *lua.LState, globals *lua.LTable) {
	next := L.NewFunction(next)
	step := L.NewFunction(ipairsStep)
	globals.RawSetString("next", next)
	globals.RawSetString("pairs", L.NewFunction(func(L *lua.LState) int { return push(L, next, arg.Table(L, 1), lua.LNil) }))
	globals.RawSetString("ipairs", L.NewFunction(func(L *lua.LState) int { return push(L, step, arg.Table(L, 1), lua.LNumber(0)) }))
}

func next(L *lua.LState) int {
	k, v := arg.Table(L, 1).Next(L.Get(2))
	if k == lua.LNil {
		return push(L, k)
	}
	return push(L, k, v)
}

func ipairsStep(L *lua.LState) int {
	t, i := arg.Table(L, 1), arg.Int(L, 2)+1
	v := at(t, i)
	if v == lua.LNil {
		return 0
	}
	return push(L, lua.LNumber(i), v)
}
