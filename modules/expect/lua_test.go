package expect

import (
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"farmrun/luahost"
	"farmrun/luahost/luahosttest"
)

func TestLua(t *testing.T) {
	defer goleak.VerifyNone(t)
	luahosttest.Files(t, "testdata/expect.lua", luahost.Config{Modules: []luahost.Module{Module(Config{})}})
}

func TestDryRun(t *testing.T) {
	luahosttest.Files(t, "testdata/dry.lua", luahost.Config{Modules: []luahost.Module{Module(Config{DryRun: true})}})
}

// endless are dialogues that never end by themselves. Each begins with a
// session of a program that does not want to go.
var endless = map[string]string{
	"a wait":            `s:expect { "never", timeout = "1h" }`,
	"a wait in a loop":  `while true do pcall(s.expect, s, "never") end`,
	"a chatty program":  `s:send "chat\n" s:expect { "never", timeout = "1h" }`,
	"going on for ever": `s:send "chat\n" s:expect { { "x", require("expect").continue }, timeout = "1h" }`,
	"a send":            `s:send "chat\n" while true do pcall(s.send, s, ("x"):rep(100000)) end`,
}

func TestEndless(t *testing.T) {
	defer goleak.VerifyNone(t)
	const head = `local s = require("expect").spawn { "sh", "-c",
	"trap '' HUP TERM INT; echo pid $$.; read x; while :; do echo x; done" }
local _, m = s:expect [[pid (\d+)\.]]
print(m.groups[1])
`
	for name, source := range endless {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			said, err := luahosttest.Run(t, luahost.Config{
				Modules: []luahost.Module{Module(Config{})}, Timeout: time.Second,
			}, head+source, "endless.lua")
			if took := time.Since(began); err == nil || took > 5*time.Second { // half a second to hang up, the rest for a busy machine
				t.Errorf("it ended with %v after %v", err, took)
			}
			pid, _ := strconv.Atoi(strings.TrimSpace(said))
			if pid == 0 || syscall.Kill(pid, 0) != syscall.ESRCH {
				t.Errorf("the program %q is still there", said)
			}
		})
	}
}
