package luahost_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost"
)

// TestExit has scripts end themselves in odd places: nothing of theirs runs
// afterwards, whatever they catch.
func TestExit(t *testing.T) {
	for name, source := range map[string]string{
		"in the main script": `pcall(os.exit, 3)`,
		"in a coroutine":     `pcall(coroutine.wrap(function() os.exit(3) end))`,
		"in a comparator":    `pcall(table.sort, {2, 1}, function() os.exit(3) end)`,
		"in a replacement":   `pcall(string.gsub, "x", "x", function() os.exit(3) end)`,
		"in a metamethod":    `pcall(function() return setmetatable({}, {__index = function() os.exit(3) end}).x end)`,
		"in a step":          `pcall(require("bench").step, "x", function() os.exit(3) end)`,
		"in a host's part":   `pcall(require("bench").each, {"web1", "web2"}, function() os.exit(3) end)`,
		"in a part in a part": `pcall(require("bench").each, {"web1"}, function()
			pcall(require("bench").each, {"web2"}, function() os.exit(3) end)
			print("not reached")
		end)`,
		"with true and false": `pcall(function() pcall(os.exit, true) end)`,
	} {
		t.Run(name, func(t *testing.T) {
			got := run(t, source+` print("not reached")`)
			var exit *luahost.ExitRequest
			if !errors.As(got.err, &exit) || exit.Code != 3 && name != "with true and false" {
				t.Errorf("got %v", got.err)
			}
			if got.said != "" {
				t.Errorf("went on and said %q", got.said)
			}
		})
	}
	for _, arg := range []string{"256", "-1", "1.5", "'x'"} {
		var e *luahost.Error
		if got := run(t, "os.exit("+arg+")"); !errors.As(got.err, &e) || e.Kind != luahost.Script {
			t.Errorf("os.exit(%s): got %v", arg, got.err)
		}
	}
	for arg, want := range map[string]int{"": 0, "true": 0, "false": 1, "0": 0, "7": 7} {
		var exit *luahost.ExitRequest
		if got := run(t, "os.exit("+arg+")"); !errors.As(got.err, &exit) || exit.Code != want {
			t.Errorf("os.exit(%s): got %v, want %d", arg, got.err, want)
		}
	}
}

// TestPrintDoesNotHold has one thread stuck on a terminal that takes nothing
// (^S) and sees that it is not ended for it.
func TestPrintDoesNotHold(t *testing.T) {
	stuck := make(chan bool)
	rt := luahost.New(t.Context(), luahost.Config{
		Modules: []luahost.Module{bench(nil)},
		Stretch: 20 * time.Millisecond,
		Print: func(_ context.Context, host, text string) {
			if host == "stuck" {
				<-stuck
			} else {
				close(stuck)
			}
		},
	})
	defer rt.Close()
	err := rt.Run(`require("bench").each({"stuck", "free"}, {timeout = "10s"}, function(name)
		if name == "free" then require("bench").meet("both", 2); require("bench").sleep("100ms") end
		if name == "stuck" then require("bench").meet("both", 2) end
		print(name)
	end)`, "print.lua")
	if err != nil {
		t.Error(err)
	}
}

// TestCancelled has the run ended from outside, in Lua and in a primitive.
func TestCancelled(t *testing.T) {
	why := errors.New("the operator said so")
	for name, source := range map[string]string{
		"in Lua":         `print "here" while true do pcall(function() while true do end end) end`,
		"in a primitive": `print "here" while true do pcall(require("bench").sleep, "1h") end`,
		"in parts":       `require("bench").each({"a", "b"}, {timeout = "1h"}, function() print "here" while true do pcall(require("bench").sleep, "1h") end end)`,
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			var once sync.Once
			rt := luahost.New(ctx, luahost.Config{
				Modules: []luahost.Module{bench(nil)},
				Print:   func(context.Context, string, string) { once.Do(func() { go cancel(why) }) },
			})
			defer rt.Close()
			if err := rt.Run(source, "x.lua"); !errors.Is(err, why) {
				t.Errorf("got %v, want %v", err, why)
			}
		})
	}
}

// TestCallAfterClose: a closed Runtime runs nothing.
func TestCallAfterClose(t *testing.T) {
	rt := luahost.New(t.Context(), luahost.Config{Print: func(context.Context, string, string) { t.Error("ran") }})
	rt.Close()
	if err := rt.Run(`print "x"`, "x.lua"); err == nil {
		t.Error("no error")
	}
}

// slowCloser is closed late or wrongly.
type slowCloser struct{ close func() error }

func (c slowCloser) Close() error { return c.close() }

// TestClosers: what a function opened is closed when it ends, without the
// lock, and what cannot be closed is told.
func TestClosers(t *testing.T) {
	var rt *luahost.Runtime
	var log []string
	module := luahost.Module{Name: "m", Funcs: map[string]luahost.Func{
		"own": func(c *luahost.Call) {
			c.Own(slowCloser{func() error { rt.Locked(func() {}); return io.ErrClosedPipe }})
		},
	}}
	rt = luahost.New(t.Context(), luahost.Config{Modules: []luahost.Module{module}, Log: func(s string) { log = append(log, s) }})
	defer rt.Close()
	if err := rt.Run(`require("m").own()`, "x.lua"); err != nil {
		t.Error(err)
	}
	if got, want := fmt.Sprint(log), "[closing: io: read/write on closed pipe]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestClosingHasOneTime for all that functions within one another opened when
// their deadline passes. When it is over the rest is closed at once, and nobody waits.
func TestClosingHasOneTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		closed, log := 0, 0
		module := luahost.Module{Name: "m", Funcs: map[string]luahost.Func{
			"own": func(c *luahost.Call) {
				takes := c.Duration(1)
				c.Own(slowCloser{func() error {
					time.Sleep(takes)
					mu.Lock()
					defer mu.Unlock()
					closed++
					return nil
				}})
			},
			"call": func(c *luahost.Call) {
				fn := c.Function(1)
				c.Wait("m.call", 0, func(ctx context.Context) error {
					_, err := c.Runtime().Call(ctx, luahost.Task{Host: "web1"}, fn)
					return err
				})
			},
			"sleep": func(c *luahost.Call) {
				c.Wait("m.sleep", 0, func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) })
			},
			"turn": func(c *luahost.Call) {
				fn := c.Function(1)
				c.Wait("m.turn", 0, func(ctx context.Context) error {
					began := time.Now()
					c.Runtime().Call(ctx, luahost.Task{Host: "web1", What: "the turn", Timeout: time.Minute}, fn)
					if d := time.Since(began); d != time.Minute+luahost.CloseWithin {
						t.Errorf("the turn took %v", d)
					}
					mu.Lock()
					defer mu.Unlock()
					if closed != 1 || log != 5 {
						t.Errorf("%d were closed and %d not in time, want 1 and 5", closed, log)
					}
					return nil
				})
			},
		}}
		rt := luahost.New(t.Context(), luahost.Config{Modules: []luahost.Module{module}, Log: func(string) { log++ }})
		if err := rt.Run(`
			local m = require "m"
			m.turn(function()
				m.own "500ms" m.own "8s"
				m.call(function() m.own "500ms" m.own "8s" m.own "8s" m.own "8s" m.sleep() end)
			end)`, "x.lua"); err != nil {
			t.Error(err)
		}
		rt.Close()
		time.Sleep(time.Minute)
		synctest.Wait()
		if closed != 6 {
			t.Errorf("%d were closed at last, want all 6", closed)
		}
	})
}

// BenchmarkSleepers measures a thread that waits in a primitive: 10,000 of
// them, asleep at once.
func BenchmarkSleepers(b *testing.B) {
	const threads = 10_000
	for b.Loop() {
		asleep, wake := make(chan bool, threads), make(chan bool)
		rt := luahost.New(b.Context(), luahost.Config{Modules: []luahost.Module{{Name: "m", Funcs: map[string]luahost.Func{
			"sleep": func(c *luahost.Call) {
				c.Wait("m.sleep", 0, func(context.Context) error { asleep <- true; <-wake; return nil })
			},
			"each": func(c *luahost.Call) {
				fn := c.Function(1)
				c.Wait("m.each", 0, func(ctx context.Context) error { return callAll(ctx, c.Runtime(), threads, fn) })
			},
		}}}})
		before := inUse()
		ended := make(chan error)
		go func() {
			ended <- rt.Run(`local m = require "m"; m.each(function() local n = 0; m.sleep(); n = n + 1 end)`, "x.lua")
		}()
		for range threads {
			<-asleep
		}
		b.ReportMetric(float64(inUse()-before)/threads, "B/thread")
		close(wake)
		if err := <-ended; err != nil {
			b.Fatal(err)
		}
		rt.Close()
	}
}

func callAll(ctx context.Context, rt *luahost.Runtime, n int, fn *lua.LFunction) error {
	errs := make(chan error, n)
	for i := range n {
		go func() {
			_, err := rt.Call(ctx, luahost.Task{Host: fmt.Sprint("web", i), What: "x", Timeout: time.Hour}, fn)
			errs <- err
		}()
	}
	var all []error
	for range n {
		all = append(all, <-errs)
	}
	return errors.Join(all...)
}

// inUse returns the bytes of heap and stacks.
func inUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// TestManyThreads has a thread for each of 2,000 hosts asleep at once, all of
// which share a table. (The race detector takes 8,128 goroutines at most.)
func TestManyThreads(t *testing.T) {
	const threads = 2_000
	var asleep sync.WaitGroup
	asleep.Add(threads)
	wake := make(chan bool)
	rt := luahost.New(t.Context(), luahost.Config{Modules: []luahost.Module{{Name: "m", Funcs: map[string]luahost.Func{
		"sleep": func(c *luahost.Call) {
			c.Wait("m.sleep", 0, func(context.Context) error { asleep.Done(); <-wake; return nil })
		},
		"each": func(c *luahost.Call) {
			fn := c.Function(1)
			c.Wait("m.each", 0, func(ctx context.Context) error { return callAll(ctx, c.Runtime(), threads, fn) })
		},
	}}}})
	defer rt.Close()
	go func() { asleep.Wait(); close(wake) }()
	err := rt.Run(`
		local m, count, seen = require "m", 0, {}
		m.each(function() m.sleep(); count = count + 1; seen[count] = true end)
		assert(count == 2000 and #seen == 2000, count)`, "x.lua")
	if err != nil {
		t.Error(err)
	}
}
