package expect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"farmrun/luahost"
	"farmrun/luahost/luahosttest"
	"farmrun/luahost/remote"
	"farmrun/luahost/remote/local"
	"farmrun/luahost/secret"
	"farmrun/modules/telnet"
	"farmrun/testdata/need"
)

// machine is a host that is this machine.
type machine struct{ local.Shell }

func (machine) Name() string { return "web1" }

func (machine) Terminal(_ context.Context, o remote.TerminalOptions) (remote.Terminal, error) {
	if o.Term == "none" {
		return nil, errors.New("web1: no terminal is to be had")
	}
	if o.Term == "telnet" {
		here, there := net.Pipe()
		go func() {
			defer there.Close()
			for got := make([]byte, 2); ; { // IAC and a command at a time
				if _, err := io.ReadFull(there, got); err != nil {
					return
				}
				fmt.Fprintf(there, "%x\r\n", got)
			}
		}()
		return telnet.New(here, o), nil
	}
	return Start(Program{Args: []string{"sh"}, Env: map[string]string{"PS1": "$ "}, Terminal: o})
}

// modules are expect; here, of which host is a host with sessions; and word, of
// which secret is one.
func modules(config Config) []luahost.Module {
	var ring secret.Keyring
	ring.Hide(hunter)
	config.Mask = func(to io.Writer) Masker { return ring.Masker(to) }
	word := luahost.Module{Name: "word", Values: map[string]any{"secret": (&luahost.Type[secret.Secret]{Name: "secret"}).Value(hunter)}}
	return []luahost.Module{Module(config), luahosttest.Host(&machine{}, Methods(config)), word}
}

var hunter = secret.New("hunter2!")

func TestLua(t *testing.T) {
	defer goleak.VerifyNone(t)
	luahosttest.Files(t, "testdata/expect.lua", luahost.Config{Modules: modules(Config{})})
	luahosttest.Files(t, "testdata/session.lua", luahost.Config{Modules: modules(Config{})})
	luahosttest.Files(t, "testdata/shell.lua", luahost.Config{Modules: modules(Config{})})
}

// TestPrograms has dialogues with programs that draw, edit and ask.
func TestPrograms(t *testing.T) {
	need.Program(t, "busybox", "perl", "bash")
	luahosttest.Files(t, "testdata/programs.lua", luahost.Config{Modules: modules(Config{})})
}

func TestDryRun(t *testing.T) {
	luahosttest.Files(t, "testdata/dry.lua", luahost.Config{Modules: modules(Config{DryRun: true})})
}

// endless are dialogues that never end by themselves, and whose time is over
// when they are running. Each begins with a session of a program that does not
// want to go.
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
			ctx, cancel := context.WithCancelCause(t.Context())
			pid := 0
			rt := luahost.New(ctx, luahost.Config{
				Modules: []luahost.Module{Module(Config{})}, Timeout: time.Hour,
				Print: func(_ context.Context, _, text string) {
					pid, _ = strconv.Atoi(strings.TrimSpace(text))
					time.AfterFunc(100*time.Millisecond, func() { cancel(context.DeadlineExceeded) })
				},
			})
			defer rt.Close()
			if err := rt.Run(head+source, "endless.lua"); err == nil {
				t.Error("it has ended by itself")
			}
			if pid == 0 || syscall.Kill(pid, 0) != syscall.ESRCH {
				t.Errorf("the program %d is still there", pid)
			}
		})
	}
}

// seat is an operator who types keys.
type seat struct{ *desk }

// Close is for TakenScreen.
func (seat) Close() error { return nil }

// TestLuaInteract gives sessions to an operator, who gives one back by the escape of the
// script's, and leaves the shell of another.
func TestLuaInteract(t *testing.T) {
	for keys, want := range map[string]string{"echo $((6*7))\r~.\r\x1d": "true\n", "exit 3\r": "false\t3\n"} {
		at := newDesk(t)
		config := Config{Screen: func(context.Context) (TakenScreen, error) {
			go at.typing(keys)
			return seat{at}, nil
		}}
		said, err := luahosttest.Run(t, luahost.Config{Modules: modules(config)}, `
			local s = require("here").host:session { timeout = "1m" }
			s:expect { text = "$ " }
			local back = s:interact { escape = "\29" }
			if back then print(back) else print(back, s:close()) end`, "interact.lua")
		if err != nil || said != want {
			t.Errorf("%q: got %q, %v, want %q", keys, said, err, want)
		}
		if !strings.Contains(at.sees(), "^] gives it back") {
			t.Errorf("the operator saw %q", at.sees())
		}
	}
}
