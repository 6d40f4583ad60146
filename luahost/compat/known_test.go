package compat

import (
	"cmp"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost/compat/internal/random"
)

// program is one that gopher-lua runs otherwise than lua5.1, or did.
type program struct{ name, source string }

func known(t *testing.T) (list []program) {
	t.Helper()
	text, err := os.ReadFile("testdata/known.lua")
	if err != nil {
		t.Fatal(err)
	}
	parts := regexp.MustCompile(`(?m)^--- (.*)$`).Split(string(text), -1)[1:]
	for i, m := range regexp.MustCompile(`(?m)^--- (.*)$`).FindAllStringSubmatch(string(text), -1) {
		list = append(list, program{m[1], parts[i]})
	}
	return list
}

// TestKnown runs programs that gopher-lua, left alone, runs otherwise than lua5.1.
func TestKnown(t *testing.T) {
	programs := known(t)
	var sources []string
	for _, p := range programs {
		sources = append(sources, p.source)
	}
	for i, want := range oracle(t, sources) {
		if got := subject(sources[i], All, true); got != want {
			t.Errorf("%s: %s", programs[i].name, difference(got, want))
		}
	}
}

// TestRefused loads sources that gopher-lua would accept and then run unlike any
// Lua.
func TestRefused(t *testing.T) {
	for _, test := range []struct{ source, want string }{
		{"local t = {}\n;(\"x\").y = t", "p:2: a number or a string has no fields that can be set"},
		{"local t = {};\n(5)[t], t.x = t", "p:2: a number or a string has no fields that can be set"},
		{"local t = {}; (true and -2 ^ 3).y.z = t", ""}, // it fails when it is run
		{"local t = {}; (-2 ^ 3)[1] = t", "p:1: a number or a string has no fields that can be set"},
		{"local t\nf\n(t)", `p:3: ambiguous syntax (function call x new statement): begin the statement with a name, or end the line before it with ";"`},
		{"return " + strings.Repeat("{", 201) + strings.Repeat("}", 201), "p:1: more than 200 brackets and blocks within each other: make functions of some"},
		{strings.Repeat("do ", 20_000) + strings.Repeat("end ", 20_000), "p:1: more than 200 brackets and blocks within each other: make functions of some"},
		{"return " + strings.Repeat("{", 150) + strings.Repeat("}", 150), ""},
		{"local f\nf" + strings.Repeat("()", 20_000), "p:2: more than 10000 operations in one expression, or branches of one if: make several of it"},
		{"return " + strings.Repeat("not ", 20_000) + "nil", "p:1: more than 10000 operations in one expression, or branches of one if: make several of it"},
		{"local x if x then" + strings.Repeat(" elseif x then", 20_000) + " end", "p:1: more than 10000 operations in one expression, or branches of one if: make several of it"},
		{"local x return x" + strings.Repeat(" + x", 9000), ""},
		{"return {1,\n,2}", `p:2: unexpected symbol near ",": remove it`},
		{"return {1,;2}", `p:1: unexpected symbol near ";": remove it`},
		{"return {1;,2}", `p:1: unexpected symbol near ",": remove it`},
		{`return {1, ",", ";", 2,}, {1;}, {}`, ""},
		{"\nlocal function f() return " + strings.Repeat("1,", 201) + "1 end", "p:2: this function has more than 200 local variables, or values of a list, at once: put some of them into a table"},
		{"local " + strings.Repeat("a,", 201) + "b", "p:1: this function has more than 200 local variables, or values of a list, at once: put some of them into a table"},
	} {
		L := lua.NewState()
		_, err := New(L).Load(L, test.source, "p")
		L.Close()
		if got := fmt.Sprint(err); got != cmp.Or(test.want, "<nil>") {
			t.Errorf("%.40q: got %s, want %s", test.source, got, test.want)
		}
	}
}

// TestFaults sees that each fault is still there, so that its repair is needed:
// with the repair switched off a known program goes wrong.
func TestFaults(t *testing.T) {
	repairs := map[string]Repairs{
		"Assignments": Assignments, "Constants": Constants, "Breaks": Breaks, "Loops": Loops,
		"Selves": Selves, "Tables": Tables, "Operators": Operators, "Literals": Literals, "Errors": 0,
	}
	failed := map[string]bool{}
	for _, p := range known(t) {
		kind, _, _ := strings.Cut(p.name, ":")
		without, is := repairs[kind]
		if is && subject(p.source, All&^without, kind != "Errors") != subject(p.source, All, true) {
			failed[kind] = true
		}
	}
	for kind := range repairs {
		if !failed[kind] {
			t.Errorf("without the repair of %s all is well", kind)
		}
	}
}

// TestRandomFaults sees that the random programs find the faults that TestFaults
// does, with one repair switched off, and with all.
func TestRandomFaults(t *testing.T) {
	without := map[string]Repairs{
		"Assignments": Assignments, "Constants": Constants, "Loops": Loops, "Errors": 0, "all": All,
	}
	for seed := uint64(1); len(without) > 0 && seed <= 2000; seed++ {
		source := random.Program(seed)
		want := subject(source, All, true)
		for kind, repairs := range without {
			if subject(source, All&^repairs, kind != "Errors" && kind != "all") != want {
				delete(without, kind)
			}
		}
	}
	for kind := range without {
		t.Errorf("no program shows the fault of %s", kind)
	}
}
