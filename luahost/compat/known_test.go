package compat

import (
	"os"
	"regexp"
	"strings"
	"testing"

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
