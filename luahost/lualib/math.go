package lualib

import (
	"math"
	"math/rand/v2"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost/lualib/arg"
)

func mathLibrary() functions {
	random := &generator{rand.New(rand.NewPCG(rand.Uint64(), 0))}
	library := functions{
		"fmod": modulo, "mod": modulo, "modf": modf, "frexp": frexp, "ldexp": ldexp, "max": mostOf, "min": leastOf,
		"random": random.number, "randomseed": random.seed,
		"atan2": func(L *lua.LState) int { return pushNumber(L, math.Atan2(twoNumbers(L))) },
		"pow":   func(L *lua.LState) int { return pushNumber(L, pow(twoNumbers(L))) },
	}
	for name, f := range map[string]func(float64) float64{
		"abs": math.Abs, "acos": math.Acos, "asin": math.Asin, "atan": math.Atan, "ceil": math.Ceil, "cos": math.Cos, "cosh": math.Cosh,
		"deg": degrees, "exp": math.Exp, "floor": math.Floor, "log": log, "log10": log10, "rad": radians, "sin": math.Sin,
		"sinh": math.Sinh, "sqrt": math.Sqrt, "tan": math.Tan, "tanh": math.Tanh,
	} {
		library[name] = func(L *lua.LState) int { return pushNumber(L, f(arg.Number(L, 1))) }
	}
	return library
}

func pushNumber(L *lua.LState, f float64) int { return push(L, lua.LNumber(f)) }

// twoNumbers reads two arguments, the second first, as lua5.1 does: it tells in
// which of two wrong ones an error is found.
func twoNumbers(L *lua.LState) (a, b float64) {
	b = arg.Number(L, 2)
	return arg.Number(L, 1), b
}

const degree = math.Pi / 180

func degrees(f float64) float64 { return f / degree }
func radians(f float64) float64 { return f * degree }

// Go's logarithm and power are wrong for numbers close to zero, so these are
// made larger first.
const (
	closeToZero = 0x1p-1000
	larger      = 1 << 60
)

func pow(a, b float64) float64 {
	if 0 < a && a < closeToZero {
		return math.Pow(a*larger, b) / math.Pow(larger, b)
	}
	return math.Pow(a, b)
}

func logarithm(log func(float64) float64, f float64) float64 {
	if 0 < f && f < closeToZero {
		return log(f*larger) - log(larger)
	}
	return log(f)
}

func log(f float64) float64 { return logarithm(math.Log, f) }

// log10 is exact for powers of ten, which Go's is not: its log10(1000) is less
// than 3.
func log10(f float64) float64 {
	result := logarithm(math.Log10, f)
	if whole := math.Round(result); math.Pow10(int(whole)) == f {
		return whole
	}
	return result
}

func modulo(L *lua.LState) int { return pushNumber(L, math.Mod(twoNumbers(L))) }

func modf(L *lua.LState) int {
	f := arg.Number(L, 1)
	whole, fraction := math.Trunc(f), 0.0
	if !math.IsInf(f, 0) {
		fraction = f - whole
	}
	return push(L, lua.LNumber(whole), lua.LNumber(math.Copysign(fraction, f)))
}

func frexp(L *lua.LState) int {
	fraction, exponent := math.Frexp(arg.Number(L, 1))
	return push(L, lua.LNumber(fraction), lua.LNumber(exponent))
}

func ldexp(L *lua.LState) int {
	exponent := arg.Int(L, 2)
	return pushNumber(L, math.Ldexp(arg.Number(L, 1), exponent))
}

func mostOf(L *lua.LState) int {
	most := arg.Number(L, 1)
	for i := 2; i <= L.GetTop(); i++ {
		if f := arg.Number(L, i); f > most {
			most = f
		}
	}
	return pushNumber(L, most)
}

func leastOf(L *lua.LState) int {
	least := arg.Number(L, 1)
	for i := 2; i <= L.GetTop(); i++ {
		if f := arg.Number(L, i); f < least {
			least = f
		}
	}
	return pushNumber(L, least)
}

// generator makes the random numbers of a state.
type generator struct{ *rand.Rand }

func (g *generator) seed(L *lua.LState) int {
	g.Rand = rand.New(rand.NewPCG(uint64(arg.Int(L, 1)), 0))
	return 0
}

// number is math.random([[low,] high]).
func (g *generator) number(L *lua.LState) int {
	low, high := 1, 0
	switch L.GetTop() {
	case 0:
		return pushNumber(L, g.Float64())
	case 1:
		high = arg.Int(L, 1)
	case 2:
		low, high = arg.Int(L, 1), arg.Int(L, 2)
	default:
		arg.Fail(L, "wrong number of arguments")
	}
	if low > high {
		arg.Error(L, L.GetTop(), "interval is empty")
	}
	return pushNumber(L, float64(low+g.IntN(high-low+1)))
}
