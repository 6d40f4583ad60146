package lualib

import (
	"fmt"
	"math"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost/lualib/arg"
)

// operators are those that make numbers of strings, by metamethod.
var operators = map[string]func(a, b float64) float64{
	"__add": func(a, b float64) float64 { return a + b },
	"__sub": func(a, b float64) float64 { return a - b },
	"__mul": func(a, b float64) float64 { return a * b },
	"__div": func(a, b float64) float64 { return a / b },
	"__mod": mod,
	"__pow": pow,
	"__unm": func(a, _ float64) float64 { return -a },
}

// mod is "a % b".
func mod(a, b float64) float64 { return a - math.Floor(a/b)*b }

// setStringMeta gives strings a metatable that does their arithmetic.
// gopher-lua's own takes "010" for 8 and "1_0" for 10, but asks metamethods
// first.
func setStringMeta(L *lua.LState, config Config) {
	library := L.GetGlobal("string").(*lua.LTable)
	library.RawSetString("__index", lua.LNil) // gopher-lua's is its own metatable
	meta := L.NewTable()
	meta.RawSetString("__index", library)
	for event, operator := range operators {
		f := func(L *lua.LState) int { return arithmetic(L, event, operator) }
		meta.RawSetString(event, config.Function("arithmetic", f))
	}
	L.SetMetatable(lua.LString(""), meta)
}

// arithmetic is an operator of which one operand is a string. An operand that
// is neither a number nor a string may have a metamethod, which goes first.
func arithmetic(L *lua.LState, event string, operator func(a, b float64) float64) int {
	left, right := L.Get(1), L.Get(2)
	if event == "__unm" {
		right = left
	}
	a, isNumber := arg.ToNumber(left)
	b, areNumbers := arg.ToNumber(right)
	if isNumber && areNumbers {
		return pushNumber(L, operator(a, b))
	}
	for _, operand := range []lua.LValue{left, right} {
		if _, is := operand.(lua.LString); is {
			continue
		}
		if f := L.GetMetaField(operand, event); f != lua.LNil {
			return push(L, call(L, f, left, right))
		}
	}
	if isNumber {
		left = right
	}
	arg.Fail(L, "attempt to perform arithmetic on a "+left.Type().String()+" value")
	return 0
}

// Mod is the operator "%" as a function of two operands.
func Mod(L *lua.LState) int {
	a, isNumber := L.Get(1).(lua.LNumber)
	b, areNumbers := L.Get(2).(lua.LNumber)
	if isNumber && areNumbers {
		return pushNumber(L, mod(float64(a), float64(b)))
	}
	return arithmetic(L, "__mod", mod)
}

// Concat returns the operator ".." as a function of its operands, of which there
// are two or more, and of which those are left that it has come to when it fails:
// the last has then not been joined to the one before. It calls reserve before it makes a string of more than large
// bytes; reserve raises an error if there is no room for so many.
func Concat(reserve func(L *lua.LState, bytes int)) lua.LGFunction {
	return func(L *lua.LState) int {
		for last := L.GetTop(); last > 1; {
			right, first := L.Get(last), last
			for first > 1 && isText(L.Get(first-1)) && isText(right) {
				first--
			}
			var result lua.LValue
			if first < last {
				result = join(L, first, last-1, right, reserve)
				last = first
			} else {
				result = concatMeta(L, L.Get(last-1), right)
				last--
			}
			L.SetTop(last)
			L.Replace(last, result)
		}
		return 1
	}
}

// large is how many bytes a string may have that is made without asking.
const large = 1 << 20

// Length is the operator "#" as a function of its operand. Unlike gopher-lua's it
// does not ask the metamethod __len of a table, and does not pass over the items
// of a list that is too long for it.
func Length(L *lua.LState) int {
	switch v := L.Get(1).(type) {
	case lua.LString:
		return pushNumber(L, float64(len(v)))
	case *lua.LTable:
		n := v.Len()
		if n >= lua.MaxArrayIndex-1 {
			arg.Fail(L, fmt.Sprintf("a list has %d elements at most", lua.MaxArrayIndex-1))
		}
		return pushNumber(L, float64(n))
	default:
		if f := L.GetMetaField(v, "__len"); f != lua.LNil {
			return push(L, call(L, f, v))
		}
		arg.Fail(L, "attempt to get length of a "+v.Type().String()+" value")
		return 0
	}
}

func isText(v lua.LValue) bool {
	_, is := arg.ToString(v)
	return is
}

// join concatenates the arguments from first to last and, behind them, a value.
func join(L *lua.LState, first, last int, behind lua.LValue, reserve func(*lua.LState, int)) lua.LValue {
	var few [8]string
	parts, size := few[:0], 0
	for i := first; i <= last+1; i++ {
		v := behind
		if i <= last {
			v = L.Get(i)
		}
		s, _ := arg.ToString(v)
		parts = append(parts, s)
		size += len(s)
	}
	if size > large {
		reserve(L, size)
	}
	return lua.LString(strings.Join(parts, ""))
}

func concatMeta(L *lua.LState, left, right lua.LValue) lua.LValue {
	for _, operand := range []lua.LValue{left, right} {
		if f := L.GetMetaField(operand, "__concat"); f != lua.LNil {
			return call(L, f, left, right)
		}
	}
	if isText(left) {
		left = right
	}
	arg.Fail(L, "attempt to concatenate a "+left.Type().String()+" value")
	return nil
}

// less is the operator "<".
func less(L *lua.LState, a, b lua.LValue) bool {
	if x, ok := a.(lua.LNumber); ok {
		if y, ok := b.(lua.LNumber); ok {
			return x < y
		}
	}
	kind := a.Type().String()
	if a.Type() != b.Type() {
		arg.FailPlain(L, "attempt to compare "+kind+" with "+b.Type().String())
	}
	if x, ok := a.(lua.LString); ok {
		return x < b.(lua.LString)
	}
	if f := L.GetMetaField(a, "__lt"); f != lua.LNil && f == L.GetMetaField(b, "__lt") {
		return lua.LVAsBool(call(L, f, a, b))
	}
	arg.FailPlain(L, "attempt to compare two "+kind+" values")
	return false
}
