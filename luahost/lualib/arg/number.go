package arg

import (
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost/lazyregexp"
)

// Space has the characters that are white space in C.
const Space = " \t\n\v\f\r"

// ToString returns a string, or a number as a string; false for any other
// value.
func ToString(v lua.LValue) (string, bool) {
	switch v := v.(type) {
	case lua.LString:
		return string(v), true
	case lua.LNumber:
		return FormatNumber(float64(v)), true
	}
	return "", false
}

// ToNumber returns a number, or the number that a string stands for; false for
// any other value.
func ToNumber(v lua.LValue) (float64, bool) {
	switch v := v.(type) {
	case lua.LNumber:
		return float64(v), true
	case lua.LString:
		return ParseNumber(string(v))
	}
	return 0, false
}

// FormatNumber returns a number as tostring shows it, which is C's "%.14g".
func FormatNumber(f float64) string {
	if f == math.Trunc(f) && math.Abs(f) < 1e14 && (f != 0 || !math.Signbit(f)) {
		return strconv.FormatInt(int64(f), 10)
	}
	text := strconv.FormatFloat(f, 'g', 14, 64)
	switch {
	case math.IsInf(f, 0):
		return strings.ToLower(strings.TrimPrefix(text, "+"))
	case math.IsNaN(f) && math.Signbit(f):
		return "-nan"
	case math.IsNaN(f):
		return "nan"
	}
	return text
}

// notANumber is how C's strtod reads a NaN.
var notANumber = lazyregexp.New(`^(?i:[+-]?nan(\([0-9a-z_]*\))?)$`)

// ParseNumber returns the number that s stands for, as C's strtod reads it
// with white space around. Like lua5.1 it stops at a zero byte.
func ParseNumber(s string) (float64, bool) {
	s, _, _ = strings.Cut(s, "\x00")
	s = strings.Trim(s, Space)
	if strings.ContainsAny(s, "nN") && notANumber().MatchString(s) { // rare, and dear to ask of each number
		sign := 1.0
		if s[0] == '-' {
			sign = -1
		}
		return math.Copysign(math.NaN(), sign), true
	}
	if strings.Contains(s, "_") { // which Go reads
		return 0, false
	}
	if strings.ContainsAny(s, "xX") && !strings.ContainsAny(s, "pP") {
		s += "p0" // without which Go reads no hexadecimal number
	}
	f, err := strconv.ParseFloat(s, 64)
	if e, ok := err.(*strconv.NumError); ok && e.Err == strconv.ErrRange {
		err = nil // it is infinite
	}
	return f, err == nil
}

// ToInteger cuts off the fraction, as a conversion from double to long does on
// a machine where one that does not fit is the least long.
func ToInteger(f float64) int64 {
	if f >= -(1<<63) && f < 1<<63 {
		return int64(f)
	}
	return math.MinInt64
}

// ToUnsigned is toInteger for an unsigned long; a negative number wraps around.
func ToUnsigned(f float64) uint64 {
	if f >= 1<<63 {
		return uint64(ToInteger(f-(1<<63))) ^ 1<<63
	}
	return uint64(ToInteger(f))
}
