package farm_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"farmrun/luahost"
	"farmrun/luahost/luahosttest"
	"farmrun/modules/farm"
)

// run runs a script that can stop the farm as the operator does: operator.stop().
func run(t *testing.T, source string) (said, log string, err error) {
	t.Helper()
	var out bytes.Buffer
	f := newFarm(t, &out)
	operator := luahost.Module{Name: "operator", Funcs: map[string]luahost.Func{"stop": func(*luahost.Call) { f.Stop() }}}
	said, err = luahosttest.Run(t, luahost.Config{Modules: []luahost.Module{farm.Module(f, nil, nil), operator}}, source, "x.lua")
	return said, out.String(), err
}

// TestStoppedFromOutside: that the operator stopped it is no failure that a
// script can ask to have as a result.
func TestStoppedFromOutside(t *testing.T) {
	said, _, err := run(t, `
		require("farm").each("web[1-3]", { parallel = 1, check = false }, function(h) print(h.name) require("operator").stop() end)
		print "not reached"`)
	if !errors.Is(err, farm.ErrStopped) || strings.TrimSpace(said) != "web1: web1" {
		t.Errorf("got %v, said %q", err, said)
	}
}

// TestExitInside: os.exit in a host's part ends the script whatever it asks
// for; no other host begins.
func TestExitInside(t *testing.T) {
	for name, source := range map[string]string{
		"each":                   `require("farm").each("web[1-3]", { parallel = 1 }, function(h) print(h.name) os.exit(7) end)`,
		"each without check":     `require("farm").each("web[1-3]", { parallel = 1, check = false }, function(h) print(h.name) os.exit(7) end)`,
		"each behind pcall":      `pcall(require("farm").each, "web[1-3]", { parallel = 1 }, function(h) print(h.name) os.exit(7) end)`,
		"a rollout":              `require("farm").rollout("web[1-3]", { healthy = function() end }, function(h) print(h.name) os.exit(7) end)`,
		"a rollout with undo":    `require("farm").rollout("web[1-3]", { healthy = function() end, on_failure = "undo" }, function(h) print(h.name) os.exit(7) end)`,
		"a rollout's each":       `require("farm").rollout("web[1-3]", { healthy = function() end }, function(h) require("farm").each("db1", function() print(h.name) os.exit(7) end) end)`,
		"a rollout behind catch": `pcall(require("farm").rollout, "web[1-3]", { healthy = function() end }, function(h) print(h.name) os.exit(7) end)`,
	} {
		t.Run(name, func(t *testing.T) {
			said, log, err := run(t, source+"\nprint 'not reached'")
			var exit *luahost.ExitRequest
			if !errors.As(err, &exit) || exit.Code != 7 || strings.Count(said, "\n") != 1 || !strings.HasSuffix(said, ": web1\n") {
				t.Errorf("got %v, said %q", err, said)
			}
			if strings.Contains(name, "rollout") && !strings.Contains(log, "2 not touched (web[2-3])") {
				t.Errorf("the log does not say what is left:\n%s", log)
			}
		})
	}
}
