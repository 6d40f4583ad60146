package farm_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"farmrun/luahost"
	"farmrun/luahost/console"
	"farmrun/luahost/gate"
	"farmrun/luahost/luahosttest"
	"farmrun/modules/farm"
)

// TestHealthySays: only nothing returned, or true, is yes.
func TestHealthySays(t *testing.T) {
	for returns, want := range map[string]string{
		"":                         "",
		"return":                   "",
		"return true":              "",
		"return true, 'so'":        "",
		"return nil":               "healthy returned nil:",
		"return ('x'):match 'ok'":  "healthy returned nil:",
		"return nil, 'sick'":       `healthy returned nil, "sick":`,
		"return false":             "healthy returned false:",
		"return 0":                 "healthy returned 0:",
		"return 'no'":              `healthy returned "no":`,
		"return {}":                "healthy returned a table:",
		"return h":                 "healthy returned web1:",
		"return pcall(error, 'x')": `healthy returned false, "x":`,
		"error('down', 0)":         "down",
	} {
		_, _, err := run(t, `require("farm").rollout("web1", { within = "1ms", healthy = function(h) `+returns+` end }, function() end)`)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", returns, err, want)
		}
	}
}

// TestUndoStops at the first that fails: the steps before it are left as they are.
func TestUndoStops(t *testing.T) {
	said, log, err := run(t, `
		require("farm").rollout("web1", { on_failure = "undo", healthy = function() end }, function(h)
			h:step("drain", function() end, function() print "enabled" end)
			h:step("watch", function() end, function() print "watched" end)
			h:step("switch", function() end, function() error("does not start", 0) end)
			h:step("warm", function() end, function() print "cooled" end)
			error("broken", 0)
		end)`)
	if said != "web1: cooled\n" || err == nil {
		t.Errorf("said %q, %v", said, err)
	}
	if want := "could not be put back: undo switch: web1: does not start (x.lua:5); not undone: watch, drain"; !strings.Contains(log, want) {
		t.Errorf("the log is\n%s\nwant in it: %s", log, want)
	}
}

// TestAFailedUndoIsTheQuestion: the operator is told why, and can take over.
func TestAFailedUndoIsTheQuestion(t *testing.T) {
	d := &decider{choices: []farm.Choice{farm.Undo, farm.TakeOver, farm.Skip}}
	f := farm.New(farm.Config{Operator: d, Console: &console.Console{Err: new(bytes.Buffer)}})
	_, err := luahosttest.Run(t, luahost.Config{Modules: []luahost.Module{farm.Module(f, nil, nil)}}, `
		require("farm").rollout("web1", { healthy = function() end }, function(h)
			h:step("switch", function() end, function() error("does not start", 0) end)
			h:step("restart", function() error("broken", 0) end)
		end)`, "x.lua")
	want := []string{
		`web1, step "restart": broken? ` + all,
		`web1, step "": could not be put back: undo switch: web1: does not start (x.lua:3)? [2 4 0]`,
		"has a session on web1",
		`web1, step "": could not be put back: undo switch: web1: does not start (x.lua:3)? [2 4 0]`,
	}
	if fmt.Sprint(d.asked) != fmt.Sprint(want) || err == nil {
		t.Errorf("asked %q, want %q; %v", d.asked, want, err)
	}
}

// TestMendNeedsAnAnswer: a host whose line is cut may well be healthy, so it does
// not begin beyond the budget; one that says it is unhealthy does.
func TestMendNeedsAnAnswer(t *testing.T) {
	for _, cut := range []bool{false, true} {
		in(t, farm.Config{}, func(t *testing.T, f *farm.Farm, n *network) {
			n.fail = func(host string, count int) error {
				if cut {
					return errors.New("no route to host")
				}
				return nil
			}
			hosts, _ := f.Hosts("web[1-3]")
			begun := 0
			err := f.Rollout(t.Context(), hosts, farm.Rollout{Mend: true, Healthy: func(ctx context.Context, h *farm.Host) error {
				if err := do(ctx, h); err != nil {
					return err
				}
				return errors.New("answers 503")
			}}, func(context.Context, *farm.Host) error { begun++; return nil })
			if want := map[bool]int{false: 1, true: 0}[cut]; begun != want || err == nil {
				t.Errorf("cut %v: %d turns began, want %d; %v", cut, begun, want, err)
			}
		})
	}
}

// slow is something that takes its time to close.
type slow time.Duration

func (s slow) Close() error { time.Sleep(time.Duration(s)); return nil }

// TestATurnThatClosesSlowly is in time for its grace, and so is an undo that does: the rollout
// goes on as it may, and so does the way back.
func TestATurnThatClosesSlowly(t *testing.T) {
	for options, want := range map[string]string{
		"max_failures = 5":                      "web1 web2 web3",
		`max_failures = 5, on_failure = "undo"`: "web1 undo web1 web2 undo web2 web3 undo web3",
		`on_failure = "rollback", back = function(h) print("back " .. h.name) end`: "web1 back web1",
	} {
		var out bytes.Buffer
		in(t, farm.Config{Console: &console.Console{Out: &out, Err: &out}}, func(t *testing.T, f *farm.Farm, n *network) {
			slowly := luahost.Module{Name: "slow", Funcs: map[string]luahost.Func{
				"open": func(c *luahost.Call) { c.Own(slow(8 * time.Second)) },
				"sleep": func(c *luahost.Call) {
					c.Wait("slow.sleep", 0, func(ctx context.Context) error {
						<-ctx.Done()
						time.Sleep(9 * time.Second) // as a host that ends a command
						return context.Cause(ctx)
					})
				},
			}}
			said := []string{}
			rt := luahost.New(t.Context(), luahost.Config{
				Modules: []luahost.Module{farm.Module(f, nil, nil), slowly},
				Print:   func(_ context.Context, _, text string) { said = append(said, strings.TrimSpace(text)) },
			})
			err := rt.Run(`
				local farm, slow = require "farm", require "slow"
				farm.rollout("web[1-3]", { turn = "1m", healthy = function() end, `+options+` }, function(h)
					print(h.name)
					slow.open()
					h:step("slow", function() slow.open() slow.sleep() end, function()
						print("undo " .. h.name)
						slow.open() slow.sleep()
					end)
				end)`, "x.lua")
			if got := strings.Join(said, " "); got != want || err == nil || errors.Is(err, gate.ErrBusy) {
				t.Errorf("%s: got %q and %v", options, got, err)
			}
			rt.Close()
			time.Sleep(time.Minute)
		})
		if strings.Contains(out.String(), gate.ErrBusy.Error()) {
			t.Errorf("the operator sees\n%s", out.String())
		}
	}
}
