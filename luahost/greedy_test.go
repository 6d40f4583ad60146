//go:build !race

// The race detector's memory would count as the script's, and it would make these
// tests far slower.

package luahost_test

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"farmrun/luahost"
	"farmrun/luahost/luahosttest"
)

// TestGreedy runs scripts that would use up all memory (testdata/greedy/ways.lua), and
// sees each of them ended at the ceiling, at a line of its own.
func TestGreedy(t *testing.T) {
	text, err := os.ReadFile("testdata/greedy/ways.lua")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range luahosttest.Parse(string(text)) {
		t.Run(s.Name, func(t *testing.T) {
			runtime.GC() // garbage of the earlier scripts must not count for this one
			var e *luahost.Error
			_, err := luahosttest.Run(t, greedyConfig, s.Source, "greedy.lua")
			if !errors.As(err, &e) || e.Kind != luahost.Script || !strings.Contains(err.Error(), "the script needs more than 64 MiB") || len(e.Where) == 0 {
				t.Errorf("got %v", err)
			}
		})
	}
}

var greedyConfig = luahost.Config{
	Modules: []luahost.Module{bench(nil)},
	Timeout: time.Hour,
	Stretch: time.Hour,
	Memory:  64 << 20,
}

// TestAfterGreedy: a function that undoes something runs after the ceiling was
// reached, and a greedy one is ended again.
func TestAfterGreedy(t *testing.T) {
	runtime.GC()
	config := greedyConfig
	undo := func(c *luahost.Call) {
		work, undo := c.Function(1), c.Function(2)
		c.Wait("m.undo", 0, func(ctx context.Context) error {
			_, first := c.Runtime().Call(ctx, luahost.Task{}, work)
			_, second := c.Runtime().Call(context.WithoutCancel(ctx), luahost.Task{Undoes: true}, undo)
			return errors.Join(first, second)
		})
	}
	config.Modules = []luahost.Module{{Name: "m", Funcs: map[string]luahost.Func{"undo": undo}}}
	greedy := `function() local t = {} while true do t[#t + 1] = ("x"):rep(2 ^ 16) end end`
	said, err := luahosttest.Run(t, config, `local kept = ("x"):rep(2 ^ 22)
		require("m").undo(`+greedy+`, function() print(#(kept .. kept)) end)`, "undo.lua")
	if err == nil || said != "8388608\n" {
		t.Errorf("said %q, got %v", said, err)
	}
	_, err = luahosttest.Run(t, config, `require("m").undo(`+greedy+`, `+greedy+`)`, "undo.lua")
	if err == nil || !strings.Contains(err.Error(), "the script needs more than 64 MiB") {
		t.Errorf("got %v", err)
	}
}

// TestNotGreedy: garbage, and values that only look large, are not counted.
func TestNotGreedy(t *testing.T) {
	for name, source := range map[string]string{
		"garbage":       `for i = 1, 100 do local _ = ("x"):rep(2 ^ 24) .. i end`,
		"large keys":    `local t = {} for i = 1, 100 do t[i] = { [20000919] = i } end`,
		"deep sources":  `assert(not loadstring(("("):rep(1e4)))`,
		"long sources":  `assert(loadstring("return {" .. ("1,"):rep(1e4) .. "}"))`,
		"nested resume": `local function f() return coroutine.wrap(f)() end assert(not pcall(f))`,
	} {
		t.Run(name, func(t *testing.T) {
			runtime.GC()
			if _, err := luahosttest.Run(t, greedyConfig, source, "x.lua"); err != nil {
				t.Error(err)
			}
		})
	}
}
