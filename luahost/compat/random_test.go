package compat

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost/compat/internal/random"
	"farmrun/luahost/lualib"
)

var (
	programs = flag.Int("programs", 2000, "how many random programs to compare with lua5.1")
	seed     = flag.Uint64("seed", rand.Uint64()>>32, "the seed of the first random program")
)

const driver = "internal/random/driver.lua"

// oracle runs programs by lua5.1 and returns the output of each.
func oracle(t *testing.T, sources []string) []string {
	t.Helper()
	dir := t.TempDir()
	for i, source := range sources {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), []byte(source), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	script := fmt.Sprintf(`dofile(%q)
for i = 0, %d do
  local f = io.open(%q .. "/" .. i)
  io.write(run(f:read("*a")), "\0")
  f:close()
end`, driver, len(sources)-1, dir)
	// Some programs double a string in each round.
	output, err := exec.Command("sh", "-c", `ulimit -v 1000000 && exec lua5.1 -e "$0"`, script).Output()
	if err != nil {
		t.Fatalf("lua5.1: %v", err)
	}
	return strings.Split(strings.TrimSuffix(string(output), "\x00"), "\x00")
}

// subject runs a program by gopher-lua with some repairs.
func subject(source string, repairs Repairs, protect bool) (shown string) {
	L := lua.NewState(lua.Options{CallStackSize: 1000, MinimizeStackMemory: true, RegistryMaxSize: 1 << 18, RegistrySize: 1 << 10, RegistryGrowStep: 1 << 10})
	defer L.Close()
	defer func() {
		if v := recover(); v != nil {
			shown = fmt.Sprint("panic: ", v)
		}
	}()
	l := New(L)
	lualib.Open(L, lualib.Config{Compile: func(L *lua.LState, source, path string) (*lua.LFunction, error) {
		return l.load(L, source, path, repairs)
	}})
	l.Reserve = func(L *lua.LState, bytes int) {
		if bytes > 1<<26 {
			L.RaiseError("not enough memory")
		}
	}
	if protect {
		l.open(L)
	}
	if err := L.DoFile(driver); err != nil {
		return err.Error()
	}
	L.SetContext(&budget{Context: context.Background(), left: instructions})
	if err := L.CallByParam(lua.P{Fn: L.GetGlobal("run"), NRet: 1, Protect: true}, lua.LString(source)); err != nil {
		return err.Error()
	}
	return L.Get(-1).String()
}

// instructions is how many a program may take; none that runs right comes near.
const instructions = 2e8

// budget is a context that is done after some instructions: gopher-lua asks
// before each.
type budget struct {
	context.Context
	left int
}

var done = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

func (b *budget) Done() <-chan struct{} {
	if b.left--; b.left < 0 {
		return done
	}
	return nil
}

func (b *budget) Err() error {
	if b.left < 0 {
		return context.DeadlineExceeded
	}
	return nil
}

// open has L's pcall and the like be those of l.
func (l *Lua) open(L *lua.LState) {
	L.SetGlobal("pcall", L.NewFunction(l.PCall))
	L.SetGlobal("xpcall", L.NewFunction(l.XPCall))
	L.SetGlobal("error", L.NewFunction(l.Error))
	for name, f := range l.Coroutines(L) {
		L.SetField(L.GetGlobal("coroutine"), name, f)
	}
}

// TestRandom compares random programs with lua5.1.
func TestRandom(t *testing.T) {
	const batch = 500
	failed := 0
	for first := 0; first < *programs && failed < 5; first += batch {
		var sources []string
		for i := first; i < min(first+batch, *programs); i++ {
			sources = append(sources, random.Program(*seed+uint64(i)))
		}
		for i, want := range oracle(t, sources) {
			got := subject(sources[i], All, true)
			if strings.HasPrefix(got, "refused: ") && strings.HasPrefix(want, "refused: ") {
				got = want
			}
			if got != want && !apart(got+want) {
				failed++
				t.Errorf("program -seed %d:\n%s\n%s", *seed+uint64(first+i), numbered(sources[i]), difference(got, want))
				if failed == 5 {
					break
				}
			}
		}
	}
}

// apart tells whether a program shows one of the differences that are meant: how
// deep calls go, how much memory there is, and that __newindex takes a nil key.
func apart(shown string) bool {
	for _, text := range []string{"stack overflow", "not enough memory", "table index is nil", "table index is NaN"} {
		if strings.Contains(shown, text) {
			return true
		}
	}
	return false
}

func numbered(source string) string {
	var b bytes.Buffer
	for i, line := range strings.Split(source, "\n") {
		fmt.Fprintf(&b, "%3d %s\n", i+1, line)
	}
	return b.String()
}

func difference(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("line %d:\n got %s\nwant %s", i+1, a[i], b[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(a), len(b))
}
