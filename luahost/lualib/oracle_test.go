package lualib_test

import (
	_ "embed"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"farmrun/luahost"
	"farmrun/luahost/luahosttest"
	"farmrun/testdata/need"
)

var (
	cases = flag.Int("lualib.cases", 2000, "how many random calls are compared with lua5.1")
	seed  = flag.Uint64("lualib.seed", 0, "of the random calls; 0 is a new one")
)

//go:embed testdata/show.lua
var show string

// program is a Lua program that shows the results of cases, a line each.
func program(list []string) string {
	var b strings.Builder
	b.WriteString(show)
	for i, c := range list {
		fmt.Fprintf(&b, "case(%d, function() %s end)\n", i, c)
	}
	return b.String()
}

// compare runs cases in farmrun and in lua5.1 and reports each that differs.
func compare(t *testing.T, list []string) {
	t.Helper()
	need.Program(t, "lua5.1")
	source := program(list)
	t.Chdir(t.TempDir()) // some cases write files
	ours, err := luahosttest.Run(t, luahost.Config{}, source, "cases.lua")
	if err != nil {
		t.Fatalf("%v\nin: %s", err, list[strings.Count(ours, "\n")])
	}
	theirs, err := lua51(t, source)
	if err != nil {
		t.Fatalf("lua5.1: %v\nin: %s", err, list[strings.Count(theirs, "\n")])
	}
	got, want := strings.Split(ours, "\n"), strings.Split(theirs, "\n")
	if len(got) != len(want) {
		t.Fatalf("%d lines, want %d", len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("%s\n got %s\nwant %s", list[i], got[i], want[i])
		}
	}
}

// lua51 runs a program in PUC's own interpreter, in the time zone of the test.
func lua51(t *testing.T, source string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "cases.lua"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("lua5.1", "cases.lua")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ="+time.Local.String())
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	return string(out), err
}

// batch is how many cases go into one program.
const batch = 1000

func TestRandomCallsDoAsInLua51(t *testing.T) {
	s := *seed
	if s == 0 {
		s = rand.Uint64()
	}
	t.Logf("-lualib.seed=%d", s)
	rng := random{rand.New(rand.NewPCG(s, 0))}
	for left := *cases; left > 0; left -= batch {
		inZone(t, pick(rng, "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"))
		list := make([]string, min(left, batch))
		for i := range list {
			list[i] = rng.call()
		}
		compare(t, list)
	}
}

//go:embed testdata/known.txt
var known string

func TestKnownCasesDoAsInLua51(t *testing.T) {
	var list []string
	for line := range strings.Lines(known) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "--") {
			list = append(list, line)
		}
	}
	for _, zone := range []string{"UTC", "Europe/Berlin"} {
		inZone(t, zone)
		compare(t, list)
	}
}

// inZone sets the local time zone until the end of the test.
func inZone(t *testing.T, name string) {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	before := time.Local
	t.Cleanup(func() { time.Local = before })
	time.Local = zone
}
