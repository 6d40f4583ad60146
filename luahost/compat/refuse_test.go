package compat

import (
	"strings"
	"testing"
)

// TestRefusals compares how sources are refused. lua5.1 refuses them, too, but for
// those that begin with "farmrun's".
func TestRefusals(t *testing.T) {
	for _, c := range []struct{ name, source, want string }{
		{"goto", "local x = 1\ngoto done", "x.lua:2: goto and labels are not in Lua 5.1"},
		{"a label", "::done::", "x.lua:1: goto and labels"},
		{"an empty statement", "local x = 1;;", `x.lua:1: unexpected symbol near ";"`},
		{"a call that begins a line", "local f = tostring\n(f or g)(1)", "x.lua:2: ambiguous syntax"},
		{"a call behind a comment", "f() -- g\n(g)()", "x.lua:2: ambiguous syntax"},
		{"a number", "local x = 1e", `x.lua:1: malformed number near "1e"`},
		{"a number in a number", "local x = 3..2", "x.lua:1: malformed number"},
		{"an escape", "\nlocal x = '\\300'", "x.lua:2: escape sequence too large"},
		{"a string", "local x = 'a\nb'", "x.lua:1: unfinished string"},
		{"a long string", "local x = 1\nlocal y = [==[a]]", "x.lua:2: unfinished long string"},
		{"a long comment", "--[[ a", "x.lua:1: unfinished long comment"},
		{"an open function", "local function f()\n  if x then\n    y()\n  end\n", `x.lua:1: no "end" closes the "function" of this line`},
		{"an open if", "while x do\n  if y then\nend\n", `x.lua:1: no "end" closes the "while" of this line`},
		{"an open bracket", "f(\n  function()\n  end\n", `x.lua:1: no ")" closes the "(" of this line`},
		{"a loop without until", "repeat\n x()", `x.lua:1: no "until" closes the "repeat" of this line`},
		{"varargs", "if false then\n  local function f() return ... end\nend", "x.lua:2: cannot use '...' outside a vararg function"},
		{"break", "if false then break end", "x.lua:1: no loop to break"},
		{"the parser", "local x =\nend", `x.lua:2:3: syntax error near "end"`},
		{"many upvalues", upvalues(61), "this function uses more than 60 variables"},
		{"farmrun's: more than three values", "for a in b, c, d, e do end", "x.lua:1: a for takes three values at most"},
		{"farmrun's: a mark", "\ufeffprint(1)", "x.lua:1: the file begins with a byte order mark"},
		{"farmrun's: a helper's name", `local x = "\0farmrun: concat\0"`, "x.lua:1: a string that begins with"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := read(c.source, "x.lua", All)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if strings.HasPrefix(c.name, "farmrun's") {
				return
			}
			if shown := oracle(t, []string{c.source}); !strings.HasPrefix(shown[0], "refused") {
				t.Errorf("lua5.1 takes it: %s", shown[0])
			}
		})
	}
}

// upvalues is a function that uses n variables of the one around it.
func upvalues(n int) string {
	var declared, used strings.Builder
	for range n {
		declared.WriteString("local v" + strings.Repeat("a", used.Len()+1) + " = 1\n")
		used.WriteString("x")
	}
	var sum strings.Builder
	for i := range n {
		sum.WriteString(" + v" + strings.Repeat("a", i+1))
	}
	return declared.String() + "local function f() return 0" + sum.String() + " end"
}

// TestTaken compares sources that look as if they were refused.
func TestTaken(t *testing.T) {
	for _, source := range []string{
		"local a\n(id)(1)", "local s = 'x'\n(id)(1)", "local t = {}\n(id)(1)", "local function f(a)\n(id)(a)\nend",
		"local t = { 1; 2, 3; }", "out(1);", "out('a\\\nb', 'a\\z', '\\x41', [[\n[x]=]\n]], [==[]]]==])",
		"out(id\n'x')", "local arg = 1 out(arg)", "--[==[ a ]] ]==] out(1)", "out(.5, 5., 0xA, 3e-2, 3E+2)", upvalues(60) + " out(f())",
		"return", "out(2^-3^2, -2^2, not 1 == 2, 1 .. 2 == '12', 'a' .. 'b' == 'ab' and 1)",
	} {
		if got, want := subject(source, All, true), oracle(t, []string{source})[0]; got != want {
			t.Errorf("%s: got %s, want %s", source, got, want)
		}
	}
}
