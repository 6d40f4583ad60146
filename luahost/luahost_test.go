package luahost_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"farmrun/luahost"
	"farmrun/luahost/luahosttest"
	"farmrun/luahost/remote"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestLua runs the sections of testdata/*.lua.
func TestLua(t *testing.T) {
	luahosttest.FilesWith(t, "testdata/*.lua", func(*testing.T) luahost.Config {
		return luahost.Config{
			Modules: []luahost.Module{bench(new([]string)), types()},
			Find:    findNamed,
		}
	})
}

// partTimeout is the deadline of a host's part in bench.each, unless it is told
// another.
const partTimeout = time.Minute

// bench is a module of primitives to try the Lua host with.
func bench(events *[]string) luahost.Module {
	var meetings meetings
	return luahost.Module{Name: "bench", Funcs: map[string]luahost.Func{
		"sleep": func(c *luahost.Call) {
			opts := luahost.Options[struct{ Timeout time.Duration }](c, 2)
			d := c.Duration(1)
			c.Wait("bench.sleep", opts.Timeout, func(ctx context.Context) error {
				select {
				case <-time.After(d):
					return nil
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			})
		},
		"open": func(c *luahost.Call) {
			name := c.String(1)
			c.Own(&closeFunc{func() error { *events = append(*events, "closed "+name); return nil }})
		},
		"panic": func(*luahost.Call) { panic("oops") },
		"fail":  func(c *luahost.Call) { c.Raise(failure(c.String(1))) },
		"step": func(c *luahost.Call) {
			defer c.Step(c.String(1))()
			c.Invoke(c.Function(2))
		},
		"meet": meetings.meet,
		"each": each,
	}}
}

// each is bench.each(hosts, [options,] fn): all at once, each with a deadline.
func each(c *luahost.Call) {
	hosts, fn := c.Strings(1), c.Function(c.Count())
	task := luahost.Task{Timeout: partTimeout}
	if c.Count() > 2 {
		task.Timeout = luahost.Options[struct{ Timeout time.Duration }](c, 2).Timeout
	}
	c.Wait("bench.each", 0, func(ctx context.Context) error {
		errs := make(chan error, len(hosts))
		for _, h := range hosts {
			task := task
			task.Host, task.What = h, "the part of "+h
			go func() {
				_, err := c.Runtime().Call(ctx, task, fn, h)
				errs <- err
			}()
		}
		var all []error
		for range hosts {
			all = append(all, <-errs)
		}
		return errors.Join(all...)
	})
}

// meetings are where threads wait for each other.
type meetings struct {
	mu    sync.Mutex
	count map[string]int
	full  map[string]chan struct{}
}

// meet is bench.meet(name, n): it returns when n callers have come.
func (m *meetings) meet(c *luahost.Call) {
	name, n := c.String(1), c.Int(2)
	m.mu.Lock()
	if m.full == nil {
		m.count, m.full = map[string]int{}, map[string]chan struct{}{}
	}
	if m.full[name] == nil {
		m.full[name] = make(chan struct{})
	}
	full := m.full[name]
	if m.count[name]++; m.count[name] == n {
		close(full)
	}
	m.mu.Unlock()
	c.Wait("bench.meet "+name, 5*time.Second, func(ctx context.Context) error {
		select {
		case <-full:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
}

// failure returns an error of Go, as a package that knows no luahost makes it.
func failure(what string) error {
	switch what {
	case "exit":
		result := remote.Result{Code: 3, Stdout: []byte("fine so far\n"), Stderr: []byte("one\ntwo\n")}
		return fmt.Errorf("web1: %w", result.Err(remote.Cmd{Line: "false"}))
	case "signal":
		return remote.Result{Code: -1, Signal: "KILL", Stdout: []byte("last words\n")}.Err(remote.Cmd{Line: "x"})
	case "late":
		return fmt.Errorf("dial: %w", context.DeadlineExceeded)
	case "cancelled":
		return fmt.Errorf("dial: %w", context.Canceled)
	case "worded":
		return fmt.Errorf("outer: %w", wordy{})
	}
	return errors.New(what)
}

// wordy is an error that says more about itself.
type wordy struct{}

func (wordy) Error() string  { return "the link is a directory" }
func (wordy) Kind() string   { return "refused" }
func (wordy) Hint() string   { return "move it away" }
func (wordy) Output() string { return "drwxr-xr-x" }

type closeFunc struct{ f func() error }

func (c *closeFunc) Close() error { return c.f() }

// outcome is what came of a script.
type outcome struct {
	err    error
	said   string
	events []string
}

// run runs source with the bench module.
func run(t *testing.T, source string) outcome {
	t.Helper()
	return runFor(t, 10*time.Minute, source)
}

func runFor(t *testing.T, limit time.Duration, source string) outcome {
	t.Helper()
	var mu sync.Mutex
	var said strings.Builder
	var events []string
	rt := luahost.New(t.Context(), luahost.Config{
		Modules: []luahost.Module{bench(&events)},
		Print:   func(_ context.Context, host, text string) { mu.Lock(); defer mu.Unlock(); said.WriteString(text) },
		Log:     func(text string) { t.Log(text) },
		Stretch: time.Second,
		Timeout: limit,
	})
	defer rt.Close()
	err := rt.Run(source, "test.lua")
	return outcome{err, said.String(), events}
}

func TestNoTimeByPcall(t *testing.T) {
	got := runFor(t, time.Second, `while true do pcall(require("bench").sleep, "1h") end`)
	if want := "the run did not end within 1s"; got.err == nil || !strings.Contains(got.err.Error(), want) {
		t.Errorf("got %v\nwant %s", got.err, want)
	}
}

func TestErrors(t *testing.T) {
	for _, test := range []struct{ name, source, want string }{
		{"success", `print("hello")`, ""},
		{"syntax", "local x =\nend", `test.lua:2:3: syntax error near "end"`},
		{"syntax at the end", "if x then", `test.lua:1: no "end" closes the "if" of this line`},
		{"string", `error("plain")`, "plain (test.lua:1)"},
		{"call of nil", `local site = {}; print(tostring(site.helthy()))`, `attempt to call field 'helthy' (a nil value) (test.lua:1)`},
		{"call of nil in a function", "local site = {}\nlocal function f()\n  site.helthy()\nend\nf()", `attempt to call field 'helthy' (a nil value) (test.lua:3)`},
		{"call of a result", `local f = {}; (f[1] or f)()`, "attempt to call a table value (test.lua:1)"},
		{"strict read", `local x = prnt`, `there is no variable "prnt"; did you mean "print"? (test.lua:1)`},
		{"strict write", `x = 1`, `the variable "x" is not declared (test.lua:1)`},
		{"no module", `require "bensh"`, `there is no module "bensh"; did you mean "bench"? (test.lua:1)`},
		{"no function", `require("bench").sleeep("1s")`, `there is no "sleeep" in module bench; did you mean "sleep"? (test.lua:1)`},
		{"unit", `require("bench").sleep(1)`, `bench.sleep: argument 1: a time with a unit such as "90s" or "10m" expected, got a number (test.lua:1)`},
		{"option", `require("bench").sleep("1s", {timout="2s"})`, `bench.sleep: argument 2: there is no option "timout"; did you mean "timeout"? (test.lua:1)`},
		{"timeout", "\n" + `require("bench").sleep("10s", {timeout="20ms"})`, "bench.sleep did not end within 20ms (test.lua:2)"},
		{"endless", `while true do pcall(function() while true do end end) end`, "Lua ran for 1s without calling any primitive"},
		{"pcall sees fields", `local ok, e = pcall(require("bench").sleep, "1s", {timeout="10ms"}); assert(e.kind == "timeout" and e.where[1] == "test.lua:1"); error(e)`, "bench.sleep did not end within 10ms (test.lua:1)"},
		{"panic", `pcall(require("bench").panic); print("not reached")`, "fault in bench.panic: oops"},
		{"exit", `pcall(os.exit, 3); print("not reached")`, "the script ends with status 3"},
		{"host", `require("bench").each({"web1"}, {timeout="1m"}, function(h) require("bench").sleep("9s", {timeout="10ms"}) end)`, "web1: bench.sleep did not end within 10ms"},
		{"coroutine", `local co = coroutine.wrap(function() require("bench").sleep("9s", {timeout="10ms"}) end); co()`, "bench.sleep did not end within 10ms"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := run(t, test.source)
			if strings.Contains(got.said, "not reached") {
				t.Error("the script went on")
			}
			switch {
			case test.want == "" && got.err != nil:
				t.Errorf("got %v", got.err)
			case test.want != "" && (got.err == nil || !strings.Contains(got.err.Error(), test.want)):
				t.Errorf("got %v\nwant %s", got.err, test.want)
			}
		})
	}
}

func TestOwned(t *testing.T) {
	got := run(t, `
		local bench = require "bench"
		bench.open("outer")
		pcall(bench.each, {"web1"}, function() bench.open("a"); bench.open("b"); error("x") end)
		bench.sleep("1ms")`)
	if got := strings.Join(got.events, ","); got != "closed b,closed a,closed outer" {
		t.Error(got)
	}
}
