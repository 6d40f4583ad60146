package scripts_test

import (
	"strings"
	"testing"

	"farmrun/testdata/farm"
)

// endless are scripts that never end by themselves. Each is given two seconds.
var endless = map[string]string{
	"a command":               `web:run("sleep 7777", { timeout = "2s" })`,
	"a command in a loop":     `while true do pcall(web.run, web, "sleep 7777") end`,
	"children":                `web:run("sleep 7777 & sleep 7777 & wait", { timeout = "2s" })`,
	"deaf to TERM":            `web:run("trap '' TERM HUP INT; while :; do sleep 7777; done", { timeout = "2s" })`,
	"a pipeline":              `web:run("sleep 7777 | cat | cat", { timeout = "2s" })`,
	"output without end":      `web:run("yes 7777", { timeout = "2s", quiet = true })`,
	"input that is not read":  `web:run("sleep 7777", { timeout = "2s", stdin = ("x"):rep(1000000) })`,
	"a query":                 `web:query("tail -f /dev/null; sleep 7777", { timeout = "2s" })`,
	"Lua":                     `while true do end`,
	"Lua behind pcall":        `while true do pcall(function() while true do end end) end`,
	"a pattern":               `return (("a"):rep(100000)):find(("a-"):rep(50) .. "b")`,
	"a string":                `local s = "x" while true do s = s:rep(10) end`,
	"a coroutine":             `local co = coroutine.wrap(function() while true do coroutine.yield() end end) while true do co() end`,
	"sleep":                   `while true do pcall(cli.sleep, "1h") end`,
	"a probe":                 `probe.http(web, "http://localhost/", { status = 418, within = "1h" })`,
	"a log that says nothing": `web:watch("logs/error"):check { good = "never", within = "1h" }`,
	"each":                    `farm.each("webserv[1-3]", { timeout = "2s" }, function(h) while true do pcall(h.run, h, "sleep 7777") end end)`,
	"a turn": `farm.rollout("webserv1", { healthy = function() end, turn = "2s" },
		function(h) while true do pcall(h.run, h, "sleep 7777") end end)`,
	"healthy":  `farm.rollout("webserv1", { healthy = function(h) h:query("sleep 7777") end, within = "1s" }, function() end)`,
	"a socket": `web:ask("localhost:22", "", { timeout = "2s" })`,
}

// TestEndless has each of them ended, by a deadline of its own or that of
// the run, with nothing of theirs left on the host.
func TestEndless(t *testing.T) {
	o := newOperator(t)
	const head = `local cli, farm, probe = require "cli", require "farm", require "probe"
local web = farm.hosts("webserv1")[1]
web:query "true"
`
	for name, source := range endless {
		t.Run(name, func(t *testing.T) {
			o := o.in(t)
			o.write("endless.lua", head+source+"\n")
			got := o.run("--run-timeout", "4s", "endless.lua")
			t.Log(strings.TrimSpace(got.err))
			if got.code == 0 {
				t.Errorf("it ended well:\n%s", got.err)
			}
			if left := farm.Exec(t, "webserv1", "sh", "-c", "pgrep -fl '[s]leep 7777|[y]es 7777|[t]ail -f' || true"); left != "" {
				t.Errorf("left running:\n%s", left)
			}
		})
	}
}
