package luahost_test

import (
	"context"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost"
)

// benchModule calls a Lua function on a thread of its own as often as the
// benchmark wants, and has a primitive that waits for nothing.
func benchModule(b *testing.B) luahost.Module {
	return luahost.Module{Name: "bench", Funcs: map[string]luahost.Func{
		"threads": func(c *luahost.Call) {
			work := c.Function(1)
			c.Wait("bench.threads", 0, func(ctx context.Context) error { return threads(ctx, b, c.Runtime(), work) })
		},
		"waits": func(c *luahost.Call) {
			c.Wait("bench.waits", 0, func(context.Context) error { return nil })
		},
		"more": func(c *luahost.Call) { c.Push(b.Loop()) },
		"result": func(c *luahost.Call) {
			c.Push(map[string]any{"stdout": "hello\n", "stderr": "", "text": "hello", "code": 0, "signal": "", "dry": false})
		},
	}}
}

func threads(ctx context.Context, b *testing.B, rt *luahost.Runtime, work *lua.LFunction) error {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := rt.Call(ctx, luahost.Task{Host: "web1"}, work); err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkLua times what each host costs in Lua: a thread of its own, a wait
// in a primitive, the result of a command. The loop is part of the last two.
func BenchmarkLua(b *testing.B) {
	for _, bench := range []struct{ name, script string }{
		{"thread", `bench.threads(function() end)`},
		{"loop", `while bench.more() do end`},
		{"wait", `while bench.more() do bench.waits() end`},
		{"result", `while bench.more() do bench.result() end`},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			rt := luahost.New(b.Context(), luahost.Config{Modules: []luahost.Module{benchModule(b)}})
			defer rt.Close()
			if err := rt.Run(`local bench = require "bench" `+bench.script, "bench.lua"); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkNew times a Runtime without modules, which every start of farmrun
// makes.
func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		luahost.New(b.Context(), luahost.Config{}).Close()
	}
}
