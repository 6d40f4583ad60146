package lualib

import (
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost/lualib/arg"
	"farmrun/luahost/pattern"
)

// format is string.format(format, …).
func format(L *lua.LState) int {
	text := arg.String(L, 1)
	out := pattern.Builder{L: L}
	n := 1
	for {
		before, rest, more := strings.Cut(text, "%")
		out.Add(before)
		switch {
		case !more:
			return push(L, lua.LString(out.String()))
		case strings.HasPrefix(rest, "%"):
			out.Add("%")
			text = rest[1:]
			continue
		}
		if n++; n > L.GetTop() {
			arg.Error(L, n, "no value")
		}
		v, after, wrong := parseVerb(rest)
		if wrong != "" {
			arg.Fail(L, wrong)
		}
		out.Add(v.value(L, n))
		text = after
	}
}

// verb is a conversion of C's printf.
type verb struct {
	minus, plus, blank, alternate, zero bool
	width, precision                    int // precision is -1 if there is none
	kind                                byte
}

const flags = "-+ #0"

// parseVerb reads the conversion at the beginning of text, behind its "%". It
// returns the rest of text, or a message about an invalid conversion.
func parseVerb(text string) (v verb, rest, wrong string) {
	rest = strings.TrimLeft(text, flags)
	set := text[:len(text)-len(rest)]
	if len(set) > len(flags) {
		return v, "", "invalid format (repeated flags)"
	}
	has := func(flag string) bool { return strings.Contains(set, flag) }
	v = verb{minus: has("-"), plus: has("+"), blank: has(" "), alternate: has("#"), zero: has("0"), precision: -1}
	v.width, rest = twoDigits(rest)
	if after, dot := strings.CutPrefix(rest, "."); dot {
		v.precision, rest = twoDigits(after)
	}
	switch {
	case rest == "":
		return v, "", "invalid option '%' to 'format'"
	case isDigit(rest[0]):
		return v, "", "invalid format (width or precision too long)"
	case rest[0] == 0:
		return v, "", "invalid option '%' to 'format'"
	case !strings.Contains("cdiouxXeEfgGqs", rest[:1]):
		return v, "", "invalid option '%" + rest[:1] + "' to 'format'"
	}
	v.kind = rest[0]
	return v, rest[1:], ""
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// twoDigits reads a number of two digits at most.
func twoDigits(text string) (n int, rest string) {
	for i := 0; i < 2 && text != "" && isDigit(text[0]); i++ {
		n, text = n*10+int(text[0]-'0'), text[1:]
	}
	return n, text
}

// value converts argument n.
func (v verb) value(L *lua.LState, n int) string {
	switch v.kind {
	case 'c':
		return v.character(arg.Integer(L, n))
	case 'd', 'i':
		return v.signed(arg.ToInteger(arg.Number(L, n)))
	case 'o', 'u', 'x', 'X':
		return v.unsigned(arg.ToUnsigned(arg.Number(L, n)))
	case 'q':
		return `"` + escapes.Replace(arg.String(L, n)) + `"`
	case 's':
		return v.text(arg.String(L, n))
	}
	return v.float(arg.Number(L, n))
}

var escapes = strings.NewReplacer(`"`, `\"`, `\`, `\\`, "\n", "\\\n", "\r", `\r`, "\x00", `\000`)

// text is a "%s". lua5.1 hands short strings to C, for which they end at a
// zero byte.
func (v verb) text(s string) string {
	if v.precision < 0 && len(s) >= 100 {
		return s
	}
	s = cString(s)
	if v.precision >= 0 {
		s = s[:min(v.precision, len(s))]
	}
	return v.pad("", s, false)
}

// character is a "%c". A number that is no C int has the byte 0, which ends the
// text.
func (v verb) character(n int64) string {
	if n != int64(int32(n)) {
		n = 0
	}
	return cString(v.pad("", string([]byte{byte(n)}), false))
}

func (v verb) signed(n int64) string {
	magnitude := uint64(n)
	if n < 0 {
		magnitude = -magnitude
	}
	return v.pad(v.sign(n < 0), v.digits(magnitude, 10), v.precision < 0)
}

func (v verb) unsigned(n uint64) string {
	base, prefix := 10, ""
	switch v.kind {
	case 'o':
		base = 8
	case 'x', 'X':
		base = 16
	}
	digits := v.digits(n, base)
	switch {
	case !v.alternate || base == 10:
	case base == 16 && n != 0:
		prefix = "0x"
	case base == 8 && !strings.HasPrefix(digits, "0"):
		digits = "0" + digits
	}
	text := v.pad(prefix, digits, v.precision < 0)
	if v.kind == 'X' {
		text = strings.ToUpper(text)
	}
	return text
}

// digits are those of n, at least as many as the precision asks for.
func (v verb) digits(n uint64, base int) string {
	if n == 0 && v.precision == 0 {
		return ""
	}
	digits := strconv.FormatUint(n, base)
	return strings.Repeat("0", max(0, v.precision-len(digits))) + digits
}

func (v verb) float(f float64) string {
	text, finite := "", false
	switch magnitude := math.Abs(f); {
	case math.IsNaN(f):
		text = "nan"
	case math.IsInf(f, 0):
		text = "inf"
	default:
		text, finite = v.decimal(magnitude), true
	}
	text = v.pad(v.sign(math.Signbit(f)), text, finite)
	if v.kind == 'E' || v.kind == 'G' {
		text = strings.ToUpper(text)
	}
	return text
}

// decimal is a finite number that is not negative.
func (v verb) decimal(f float64) string {
	precision := v.precision
	if precision < 0 {
		precision = 6
	}
	switch v.kind {
	case 'f':
		return v.point(strconv.FormatFloat(f, 'f', precision, 64))
	case 'e', 'E':
		return v.point(strconv.FormatFloat(f, 'e', precision, 64))
	}
	precision = max(precision, 1)
	text := strconv.FormatFloat(f, 'e', precision-1, 64)
	mantissa, exponent, _ := strings.Cut(text, "e")
	if n, _ := strconv.Atoi(exponent); -4 <= n && n < precision {
		return v.trim(strconv.FormatFloat(f, 'f', precision-1-n, 64))
	}
	return v.trim(mantissa) + "e" + exponent
}

// trim takes the zeros off the end of a fraction.
func (v verb) trim(text string) string {
	if v.alternate || !strings.Contains(text, ".") {
		return v.point(text)
	}
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// point adds the decimal point that "#" asks for.
func (v verb) point(text string) string {
	if !v.alternate || strings.Contains(text, ".") {
		return text
	}
	mantissa, exponent, scientific := strings.Cut(text, "e")
	if scientific {
		return mantissa + ".e" + exponent
	}
	return text + "."
}

func (v verb) sign(negative bool) string {
	switch {
	case negative:
		return "-"
	case v.plus:
		return "+"
	case v.blank:
		return " "
	}
	return ""
}

// pad fills up to the width: on the right, with zeros behind the sign where
// that makes a number, or on the left.
func (v verb) pad(sign, text string, number bool) string {
	fill := max(0, v.width-len(sign)-len(text))
	switch {
	case v.minus:
		return sign + text + strings.Repeat(" ", fill)
	case v.zero && number:
		return sign + strings.Repeat("0", fill) + text
	}
	return strings.Repeat(" ", fill) + sign + text
}
