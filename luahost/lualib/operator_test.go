package lualib_test

import (
	"errors"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost/lualib"
)

// TestOperatorsAsFunctions has the results that lua5.1 gives for the operators.
func TestOperatorsAsFunctions(t *testing.T) {
	L := lua.NewState()
	defer L.Close()
	lualib.Open(L, lualib.Config{})
	L.SetGlobal("concat", L.NewFunction(lualib.Concat(func(L *lua.LState, bytes int) { L.RaiseError("no room for %d", bytes) })))
	L.SetGlobal("mod", L.NewFunction(lualib.Mod))
	for source, want := range map[string]string{
		`concat("a", "b")`:          "ab",
		`concat(1, 2, 3)`:           "123",
		`concat(1e15, "|", 1/3)`:    "1e+15|0.33333333333333",
		`concat(2^53, "")`:          "9.007199254741e+15",
		`concat("a", nil)`:          "error: attempt to concatenate a nil value",
		`concat({}, "a")`:           "error: attempt to concatenate a table value",
		`concat("a", {}, nil)`:      "error: attempt to concatenate a table value",
		`concat("a", M, "b", "c")`:  "a<Mbc>",
		`concat("a", "b", M)`:       "a<bM>",
		`concat(M, "b", "c")`:       "<Mbc>",
		`concat(M, M)`:              "<MM>",
		`concat(X, X)`:              "error: no room for 67108866",
		`mod(7, 3)`:                 "1",
		`mod(-7, 3)`:                "2",
		`mod(7, -3)`:                "-2",
		`mod("7", "4")`:             "3",
		`mod(5, 1/0)`:               "nan",
		`mod(1e300, 7)`:             "0",
		`mod(nil, 1)`:               "error: attempt to perform arithmetic on a nil value",
		`mod(1, {})`:                "error: attempt to perform arithmetic on a table value",
		`mod(1, M)`:                 "M",
		`mod("x", M)`:               "M",
		`"1" + setmetatable({}, A)`: "A",
		`setmetatable({}, A) + "x"`: "A",
	} {
		if got := eval(L, source); got != want {
			t.Errorf("%s: got %s, want %s", source, got, want)
		}
	}
}

const operands = `
local function text(v) return type(v) == "table" and "M" or v end
M = setmetatable({}, {
  __concat = function(a, b) return "<" .. text(a) .. text(b) .. ">" end,
  __mod = function() return "M" end,
})
A = { __add = function() return "A" end }
X = X or ("x"):rep(2 ^ 25 + 1)
return `

// eval returns the value of an expression as a string, without the sign of a
// NaN, or the error.
func eval(L *lua.LState, expression string) string {
	if err := L.DoString(operands + expression); err != nil {
		var api *lua.ApiError
		errors.As(err, &api)
		_, message, _ := strings.Cut(api.Object.String(), ": ")
		return "error: " + message
	}
	result := lualib.TextOf(L, L.Get(-1)).String()
	L.Pop(1)
	return strings.Replace(result, "-nan", "nan", 1)
}
