package lualib_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// random makes calls of Lua's library.
type random struct{ *rand.Rand }

func pick[T any](rng random, from ...T) T { return from[rng.IntN(len(from))] }

// chance is true once in n times.
func (rng random) chance(n int) bool { return rng.IntN(n) == 0 }

// The values of each kind, as Lua has them. Those of one kind stand for others
// now and then, too.
var values = map[byte][]string{
	'n': {"0", "1", "2", "3", "-1", "-2", "7", "10", "36", "255", "256", "1.5", "-2.5", "0.1", "0.5", "99.999", "1e15", "1e14", "2^31", "-2^31",
		"2^32 + 1", "2^53", "2^63", "-2^63", "2^64", "123456789012", "1e100", "-1e100", "1e300", "5e-324", "1e-7", "INF", "-INF", "NAN", "NEGZERO",
		"1/3", "3.14159", "'10'", "' 0x1F '", "'1e2'", "'-3.5'", "1000", "951782400", "65"},
	'i': {"0", "1", "2", "3", "4", "5", "-1", "-2", "-3", "-5", "1.9", "-1.9", "2.5", "7", "12", "'2'", "' 3 '", "2^32 + 2", "NAN", "NEGZERO"},
	's': {"''", "'a'", "'abc'", "'Hello World'", "'abcabcabc'", "'a\\0b'", "'\\200\\255'", "'\\195\\164B\\195\\182'", "'10'", "' 10 '", "'0x10'", "'0X1f'",
		"'1e2'", "'1E+2'", "'2e2'", "'5e-07'", "'1_0'", "'010'", "'-3'", "'+5'", "'.5'", "'5.'", "'0x'", "'0x.8'", "'0x1p4'", "'0x1p'", "'1e'", "'1e400'", "'inf'", "'-nan'",
		"'Infinity'", "'nan(1)'", "'0b1'", "'\\t12\\v\\r\\n'", "'1 2'", "'- 1'", "'--1'", "'10\\0x'", "'ff'", "'zz'", "'7fffffffffffffff'", "'123456789012345678901234567890'",
		"'a\\nb\\r\\\\\"'", "12", "-1.5", "1e14", "1/3", "X99", "X100", "'%d %s'"},
	'p': {"'a'", "'b+'", "'%d+'", "'(.)'", "'(%a)(%a)'", "'^a'", "'x*'", "'c$'", "'()b'", "'%s'", "'.'", "'[a-c]+'", "10", "''"},
	'r': {"''", "'x'", "'<%0>'", "'%1'", "'%%'", "5", "1.5", "{a = 'A', b = false, [1] = 2}", "function(c) return c end", "function() end", "function() return 1/3 end"},
	't': {"{}", "{1}", "{1, 2, 3}", "{'a', 'b', 'c'}", "{3, 1, 2}", "{5, 3, 8, 1, 9, 2, 7}", "{'x', 'b', 'ab', '', 'B'}", "{1.5, 1e15, 'z'}", "{1, 1, 1, 1, 1, 1}", "{n = 5, 1}",
		"{[0] = 'zero', [-1] = 'minus', 'one'}", "{9, 8, 7, 6, 5, 4, 3, 2, 1, 0}", "{1, {}, 2}"},
	'c': {"function(a, b) return a < b end", "function(a, b) return a > b end", "function() return true end", "function() return false end", "function() end",
		"function(a, b) return tostring(a) < tostring(b) end"},
	'F': {"function() end", "function(...) return ... end", "function(a, b) return b end", "type", "function(k, v) if v == 2 then return k end end"},
	'x': {"nil", "true", "false", "0", "1.5", "'abc'", "'10'", "{}", "type", "function() end", "coroutine.create(function() end)", "INF"},
	'b': {"2", "8", "10", "16", "36", "37", "1", "0", "'16'", "2.9"},
	'm': {"setmetatable({}, {__tostring = function() return 'T' end})", "setmetatable({}, {__tostring = function() return 5 end})", "setmetatable({}, {__metatable = 'locked'})",
		"setmetatable({}, {__index = {sec = 5, year = 2000}})", "setmetatable({1, 2}, {__len = function() return 9 end})", "io", "string", "''"},
	'o': {"'collect'", "'stop'", "'restart'", "'setpause'", "'setstepmul'", "'nosuch'", "''", "nil"},
	'l': {"nil", "'C'", "'POSIX'", "'nosuch'", "'de_DE'"},
	'L': {"'all'", "'time'", "'nosuch'", "nil"},
	'S': {"'return 1'", "'return 1, ...'", "''", "'return \"a\" .. 1'"},
	'P': {"'/nonexistent/a'", "'/nonexistent/b\\0c'", "''", "'/dev/null/x'"},
	'M': {"'r'", "'w'", "'a'", "'r+'", "'rb'", "'zz'", "''", "'+r'"},
	'#': {"'#'", "'#x'", "'x'", "1", "2", "-1", "-2", "0", "5", "-9", "1.9", "'2'"},
}

// signatures are the functions and the kinds of their arguments: those behind
// a "|" may be missing. A "!" wraps the results.
var signatures = []string{
	"string.byte s|ii", "string.char |nnn", "string.len s", "string.lower s", "string.upper s", "string.reverse s", "string.rep si", "string.sub si|i",
	"string.find sp|ix", "string.match sp|i", "string.gsub spr|i", "string.format s|xnsx",
	"keep table.insert tx", "keep table.insert tix", "keep table.remove t|i", "keep table.sort t|c", "table.concat t|sii", "table.getn t", "table.maxn t",
	"table.foreach tF", "table.foreachi tF", "table.setn ti", "unpack t|ii",
	"math.abs n", "math.ceil n", "math.floor n", "math.fmod nn", "math.mod nn", "math.modf n", "math.frexp n", "math.ldexp ni", "math.max n|nn", "math.min n|nn", "math.sqrt n",
	"near math.acos n", "near math.asin n", "near math.atan n", "near math.atan2 nn", "near math.cos n", "near math.cosh n", "near math.deg n", "near math.exp n", "near math.log n",
	"near math.log10 n", "near math.pow nn", "near math.rad n", "near math.sin n", "near math.sinh n", "near math.tan n", "near math.tanh n",
	"kinds math.random |ii", "math.randomseed n",
	"tonumber s|b", "tonumber n", "tonumber x", "tostring x", "tostring n", "tostring m", "type x", "select #|xxx", "rawget tx", "rawset txx", "rawequal xx", "rawequal nn",
	"getmetatable m", "getmetatable x", "assert x|s", "error x|i", "kinds collectgarbage o|i", "kinds gcinfo |x", "kinds loadstring S|s", "kinds load F|s",
	"ipairs t", "ipairs x", "kinds pairs x", "keep rawset tix", "kinds setmetatable tx", "setmetatable mx",
	"kinds os.clock |x", "os.difftime n|n", "os.getenv s", "os.remove P", "os.rename PP", "io.open PM", "io.type x", "os.setlocale l|L", "kinds string.gmatch sp", "kinds string.gfind sp",
}

// call makes a case: the body of a function without arguments.
func (rng random) call() string {
	switch rng.IntN(12) {
	case 0, 1:
		return rng.format()
	case 2:
		return rng.date()
	case 3:
		return rng.time()
	case 4:
		return rng.operator()
	}
	words := strings.Fields(pick(rng, signatures...))
	wrap := ""
	if words[0] == "keep" || words[0] == "near" || words[0] == "kinds" {
		wrap, words = words[0], words[1:]
	}
	name, needed, optional := words[0], "", ""
	if len(words) > 1 {
		needed, optional, _ = strings.Cut(words[1], "|")
	}
	args := rng.args(needed, optional)
	if strings.HasPrefix(needed, "sp") && len(args) > 1 && strings.Contains(args[1], `\0`) {
		args[1] = "'b'" // where lua5.1's pattern ends at a zero byte
	}
	switch {
	case wrap == "keep":
		return rng.keep(name, args)
	case wrap != "":
		return fmt.Sprintf("return %s(%s(%s))", wrap, name, strings.Join(args, ", "))
	case strings.HasPrefix(name, "string.") && len(args) > 0 && strings.HasPrefix(args[0], "'") && rng.chance(3):
		return fmt.Sprintf("return (%s):%s(%s)", args[0], strings.TrimPrefix(name, "string."), strings.Join(args[1:], ", "))
	}
	return fmt.Sprintf("return %s(%s)", name, strings.Join(args, ", "))
}

// args makes arguments of these kinds, now and then one of another kind, too
// few, or too many.
func (rng random) args(needed, optional string) []string {
	kinds := needed + optional[:rng.IntN(len(optional)+1)]
	switch {
	case kinds != "" && rng.chance(12):
		kinds = kinds[:rng.IntN(len(kinds))]
	case rng.chance(12):
		kinds += "x"
	}
	var args []string
	for _, kind := range []byte(kinds) {
		if rng.chance(10) {
			kind = pick(rng, []byte("xsi")...)
		}
		args = append(args, pick(rng, values[kind]...))
	}
	return args
}

// keep makes a case that changes a table, which has lost some of its last
// elements.
func (rng random) keep(name string, args []string) string {
	if len(args) == 0 || !strings.HasPrefix(args[0], "{") {
		return fmt.Sprintf("return %s(%s)", name, strings.Join(args, ", "))
	}
	shorten := strings.Repeat("t[#t] = nil ", rng.IntN(4))
	if args[0] == "{}" || strings.HasPrefix(args[0], "{n") || strings.HasPrefix(args[0], "{[") {
		shorten = ""
	}
	return fmt.Sprintf("local t = %s %s return keep(t, %s(%s))", args[0], shorten, name, strings.Join(append([]string{"t"}, args[1:]...), ", "))
}

// format makes a call of string.format, mostly with arguments that fit.
func (rng random) format() string {
	var format, args strings.Builder
	for range 1 + rng.IntN(3) {
		format.WriteString(pick(rng, "", "x", "%%", " \\0"))
		verb := pick(rng, []byte("cdiouxXeEfgGqsdsxsgfy%")...)
		format.WriteString("%" + rng.flags() + string(verb))
		kind := byte('n')
		if strings.ContainsRune("qs", rune(verb)) {
			kind = 's'
		}
		if rng.chance(10) {
			kind = 'x'
		}
		if !rng.chance(15) {
			args.WriteString(", " + pick(rng, values[kind]...))
		}
	}
	return fmt.Sprintf("return string.format('%s'%s)", format.String(), args.String())
}

func (rng random) flags() string {
	var b strings.Builder
	for range max(0, rng.IntN(5)-2) {
		b.WriteString(pick(rng, "-", "+", " ", "#", "0"))
	}
	b.WriteString(pick(rng, "", "", "", "1", "5", "10", "20", "99", "100"))
	b.WriteString(pick(rng, "", "", "", ".", ".0", ".1", ".3", ".10", ".20", ".99", ".100"))
	return b.String()
}

// seconds is a time between the years 1600 and 2400, a number, or a turn of
// the clock.
func (rng random) seconds() string {
	if rng.chance(8) {
		return pick(rng, "0", "-1", "1e9", "2^31", "-2^31", "1e12", "1e17", "-1e17", "1e300", "NAN", "951782399.9", "'951782400'")
	}
	return fmt.Sprint(rng.Int64N(25e9) - 11676e6)
}

func (rng random) date() string {
	var format strings.Builder
	for range 1 + rng.IntN(4) {
		format.WriteString(pick(rng, "", "-", " ", "T", "\\0", "!") + "%" + string(rune(33+rng.IntN(94))))
	}
	text := strings.NewReplacer(`\`, `\\`, `'`, `\'`, `\0`, `\0`).Replace(format.String())
	switch rng.IntN(8) {
	case 0:
		return fmt.Sprintf("local d = os.date('%s', %s) or {} return d.year, d.month, d.day, d.hour, d.min, d.sec, d.wday, d.yday, d.isdst", pick(rng, "*t", "!*t"), rng.seconds())
	case 1:
		return fmt.Sprintf("return os.date('!%s', %s)", text, rng.seconds())
	case 2:
		return fmt.Sprintf("return kinds(os.date(%s))", strings.Join(rng.args("", "ss"), ", "))
	}
	return fmt.Sprintf("return os.date('%s', %s)", text, rng.seconds())
}

func (rng random) time() string {
	var fields []string
	middle := []int{2000, 6, 15, 12, 30, 30}
	for i, name := range []string{"year", "month", "day", "hour", "min", "sec"} {
		value := fmt.Sprint(rng.IntN(2*middle[i] + 1))
		switch {
		case name == "year":
			value = fmt.Sprint(1970 + rng.IntN(100))
		case name == "sec" && rng.chance(6):
			value = fmt.Sprint(rng.IntN(6000) - 3000)
		case name != "sec" && rng.chance(6):
			value = fmt.Sprint(rng.IntN(1e6) - 5e5)
		case rng.chance(12):
			value = pick(rng, "'7'", "' 08 '", "1.9", "-1.9", "'x'", "true", "2^32 + 3", "NAN", "{}")
		}
		if !rng.chance(20) {
			fields = append(fields, name+" = "+value)
		}
	}
	if rng.chance(3) {
		fields = append(fields, "isdst = "+pick(rng, "true", "false", "nil", "0"))
	}
	return fmt.Sprintf("return steady(os.time({%s}))", strings.Join(fields, ", "))
}

// operator makes an arithmetic operation with a string among its operands.
func (rng random) operator() string {
	text := ""
	for !strings.HasPrefix(text, "'") {
		text = pick(rng, values['s']...)
	}
	other := pick(rng, values[pick(rng, []byte("nnssx")...)]...)
	sign := pick(rng, "+", "-", "*", "/", "%", "^")
	switch rng.IntN(5) {
	case 0:
		return fmt.Sprintf("return operation(function() return -%s end)", text)
	case 1, 2:
		text, other = other, text
	}
	return fmt.Sprintf("local a, b = %s, %s return operation(function() return a %s b end)", text, other, sign)
}
