package compat

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost/lualib"
)

// newBoth returns a state of plain gopher-lua and one with this package, with the
// same options, and a context as all of farmrun's threads have.
func newBoth(b *testing.B) (plain, ours *lua.LState, l *Lua) {
	states := [2]*lua.LState{}
	for i := range states {
		states[i] = lua.NewState(lua.Options{CallStackSize: 1000, MinimizeStackMemory: true, RegistryMaxSize: 1 << 18, RegistrySize: 1 << 10, RegistryGrowStep: 1 << 10})
		states[i].SetContext(b.Context())
		b.Cleanup(states[i].Close)
	}
	l = New(states[1])
	lualib.Open(states[1], lualib.Config{Compile: l.Load})
	l.open(states[1])
	return states[0], states[1], l
}

// race runs both in turns, so that whatever else the machine does hits both, and
// reports how many times the processor time of plain ours takes: the median of
// the rounds, between their quartiles.
func race(b *testing.B, plain, ours func()) {
	var ratios []float64
	plain()
	ours()
	for b.Loop() {
		start := processor()
		plain()
		middle := processor()
		ours()
		ratios = append(ratios, float64(processor()-middle)/float64(middle-start))
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "x-plain")
	b.ReportMetric(ratios[len(ratios)/4], "x-plain-p25")
	b.ReportMetric(ratios[len(ratios)*3/4], "x-plain-p75")
}

// processor is the time that this process has run, on all processors.
func processor() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkRun compares the operations of a script. Each body runs 200 times in
// one call, so that the call does not count.
func BenchmarkRun(b *testing.B) {
	const loop = `local function work() end
local function fail() error("no") end
local value = {}
local function raise() error(value) end
local function wrong() return value.x.y end
local function handler(e) return e end
local a, b, c, d, e, t = "a", "b", "c", "d", "e", {1, 2}
local m = 7
local forever = coroutine.wrap(function() while true do coroutine.yield(1) end end)
return function() for i = 1, 200 do BODY end end`
	for _, bench := range []struct{ name, body string }{
		{"pcall", `pcall(work)`},
		{"pcall with a closure", `pcall(function() return i end)`},
		{"pcall of a string", `pcall(fail)`},
		{"pcall of a table", `pcall(raise)`},
		{"pcall of an index", `pcall(wrong)`},
		{"pcall in pcall", `pcall(pcall, work)`},
		{"xpcall", `xpcall(work, handler)`},
		{"xpcall of a string", `xpcall(fail, handler)`},
		{"coroutine", `local next = coroutine.wrap(function() coroutine.yield(1) end) next() next()`},
		{"resume", `forever()`},
		{"two joined", `local s = a .. i`},
		{"five joined", `local s = a .. b .. c .. d .. e`},
		{"modulo", `local k = i % m`},
		{"swap", `a, b = b, a`},
		{"swap of items", `t[1], t[2] = t[2], t[1]`},
		{"method", `local s = a:upper()`},
		{"numeric for", `for j = 1, #t do end`},
		{"for of variables", `local from, to = 1, 3 for j = from, to do end`},
		{"generic for", `for k, v in pairs(t) do end`},
	} {
		b.Run(strings.ReplaceAll(bench.name, " ", "_"), func(b *testing.B) {
			plain, ours, l := newBoth(b)
			source := strings.Replace(loop, "BODY", bench.body, 1)
			original, err := plain.Load(strings.NewReader(source), "bench")
			if err != nil {
				b.Fatal(err)
			}
			repaired, err := l.Load(ours, source, "bench")
			if err != nil {
				b.Fatal(err)
			}
			race(b, calling(plain, original), calling(ours, repaired))
		})
	}
}

// calling returns a call of the function that chunk returns.
func calling(L *lua.LState, chunk *lua.LFunction) func() {
	L.Push(chunk)
	L.Call(0, 1)
	fn := L.Get(-1)
	L.Pop(1)
	return func() {
		L.Push(fn)
		L.Call(0, 0)
	}
}

// BenchmarkLoad compares the loading of scripts.
func BenchmarkLoad(b *testing.B) {
	paths, err := filepath.Glob("../../scripts/*.lua")
	if err != nil || len(paths) == 0 {
		b.Fatal(paths, err)
	}
	scripts := make([]string, len(paths))
	for i, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			b.Fatal(err)
		}
		scripts[i] = string(text)
	}
	for _, bench := range []struct {
		name    string
		sources []string
	}{{"scripts", scripts}, {"site", []string{site(1000)}}} {
		b.Run(bench.name, func(b *testing.B) {
			plain, ours, l := newBoth(b)
			each := func(load func(source string) (*lua.LFunction, error)) func() {
				return func() {
					for _, source := range bench.sources {
						if _, err := load(source); err != nil {
							b.Fatal(err)
						}
					}
				}
			}
			race(b, each(func(source string) (*lua.LFunction, error) { return plain.Load(strings.NewReader(source), "bench") }),
				each(func(source string) (*lua.LFunction, error) { return l.Load(ours, source, "bench") }))
		})
	}
}

// site is a site file of n hosts, each with an entry of its own.
func site(n int) string {
	var s strings.Builder
	s.WriteString("return { hosts = {\n")
	for i := range n {
		fmt.Fprintf(&s, "  web%d = { address = \"10.0.%d.%d\", login = \"ssh\", user = \"web\", groups = { \"web\", \"rack%d\" } },\n", i, i/256, i%256, i/40)
	}
	s.WriteString("} }\n")
	return s.String()
}

// BenchmarkTable times the loading of a table of so many names. Plain gopher-lua
// takes a hundred times as long for ten times as many.
func BenchmarkTable(b *testing.B) {
	for _, n := range []int{1e3, 1e4, 1e5} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			_, ours, l := newBoth(b)
			var s strings.Builder
			s.WriteString("return {\n")
			for i := range n {
				fmt.Fprintf(&s, "  name%d = %d,\n", i, i)
			}
			s.WriteString("}\n")
			start := processor()
			for b.Loop() {
				if _, err := l.Load(ours, s.String(), "bench"); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(processor()-start)/float64(b.N)/float64(n), "cpu-ns/name")
		})
	}
}
