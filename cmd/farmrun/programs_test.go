//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"farmrun/testdata/need"
)

// programDialogues are dialogues with programs in sessions, on this machine and on a host.
// Each prints a line of results that a person would read off.
const programDialogues = `
local farm, expect, _ = require "farm", require "expect", require "site"
local prompt, dialogues = { { [[\$ $]], quiet = "200ms" } }, {}

-- open opens a session, with a shell of known prompt in a directory of its own.
local function open(h, o)
	local s = h:session(o)
	s:expect { { "[$#%] ?$", quiet = "300ms" } }
	s:send "PS1='$ ' ENV= exec sh\r"
	s:expect(prompt)
	s:run "cd $(mktemp -d) && echo hello >f"
	s:expect(prompt)
	return s
end

function dialogues.top(h)
	local s = open(h, { term = "xterm", columns = 80, strip = "screen" })
	s:send "top -d 600\r"
	local _, m = s:expect [[(?m)^Tasks: +(\d+) total]]
	s:expect "PID USER"
	s:key "space"
	s:expect "PID USER"
	s:send "q"
	return s, tonumber(m.groups[1]) > 0
end

function dialogues.python3(h)
	local s = open(h)
	s:send "PYTHON_BASIC_REPL=1 python3\r"
	s:expect ">>> $"
	s:send "for i in range(3):\r"
	s:expect "[.]{3} $"
	s:send "    print(i, i * i)\r"
	s:expect "[.]{3} $"
	s:key "enter"
	s:expect ">>> $"
	local squares, sum = s.before, s:command "'farm' + 'run'"
	local _, e = pcall(s.command, s, "1/0")
	local _, unread = pcall(s.command, s, "1 +")
	s:send("def f(x):\r    return x * 2\r\rf(21)\r", { prompt = "(>>>|[.]{3}) $" })
	local twice = s.before
	s:send "raise SystemExit\r"
	return s, squares, sum.text, e.message, e.output:match "[^\n]*$", unread.message, twice
end

function dialogues.sftp(h)
	local s = open(h)
	s:send "sftp -q -D /usr/lib/openssh/sftp-server\r"
	s:expect "sftp> $"
	local put = s:command("rename f g").stdout
	local names, _, e = s:command("ls").text, pcall(s.command, s, "get f")
	s:command "get g h"
	s:send "bye\r"
	s:expect(prompt)
	s:send "cat h\r"
	return s, put, names, (e.message:gsub("/.*/", "")), (s:expect "hello")
end

function dialogues.telnet(h)
	local s = open(h)
	s:send "telnet\r"
	s:expect "telnet> $"
	local _, e = pcall(s.command, s, "foo")
	local status = s:command "status"
	s:send "open 127.0.0.1 PORT\r"
	s:expect "login: $"
	s:send "web\r"
	s:expect { { "[$#] $", quiet = "200ms" } }
	local answer = s:query "echo $((6*7))"
	s:send "\29"
	s:expect "telnet> $"
	s:send "quit\r"
	return s, e.message, status.text:match "[^\n]+", answer.text
end

-- A menu of boxes, keys of the cursor, and a screen of its own.
function dialogues.tmux(h)
	local s = open(h, { term = "xterm", columns = 80, strip = "screen" })
	s:send "TMUX= tmux -S $PWD/s -f /dev/null new 'ENV= exec sh'\r"
	s:expect { { [[\[0\] 0:]], quiet = "200ms" } }
	s:send "tmux menu -x 0 -y 9 one 1 'run \"echo 1 >f\"' two 2 'run \"echo 2 >f\"; wait -S menu'; tmux wait menu; exit\r"
	s:expect [[two +\(2\)]]
	s:key("down", "enter")
	s:expect "exited"
	s:expect(prompt)
	s:send "cat f\r"
	return s, (s:expect [[\d]])
end

for _, line in ipairs { farm.here(), farm.hosts("h")[1] } do
	for _, name in ipairs { "python3", "sftp", "telnet", "tmux", "top" } do
		local results = { dialogues[name](line) }
		local s = table.remove(results, 1)
		s:expect(prompt)
		s:run "rm -r $PWD"
		for i, r in ipairs(results) do results[i] = tostring(r):gsub("%s+", " ") end
		s:send "exit 3\r"
		print(line.name, name, table.concat(results, ";"), s:close())
	end
end
`

// programResults are the lines, on each host.
const programResults = `python3	 0 0 1 1 2 4 ;'farmrun';1/0: Traceback (most recent call last):;ZeroDivisionError: division by zero;1 +: SyntaxError: invalid syntax;42 	3
sftp	;g ;get f: File "f" not found.;hello	3
telnet	foo: ?Invalid command;No connection.;42	3
tmux	2	3
top	true	3
`

// TestProgramsInSessions has programs that people use, in a terminal of this machine, and
// of a host by sshd.
func TestProgramsInSessions(t *testing.T) {
	const sftp = "/usr/lib/openssh/sftp-server"
	need.Program(t, "/usr/sbin/sshd", "/usr/sbin/telnetd", "bash", "python3", sftp, "sftp", "telnet", "tmux", "top")
	dir := t.TempDir()
	home := filepath.Join(dir, "h")
	kindDirs(t, dir)
	kindHost(t, dir, home, kindOfHost{})
	kindLink(t, dir)
	login := filepath.Join(dir, "login")
	kindFile(t, dir, "login", fmt.Sprintf(kindLogin, home, ""))
	if err := os.Chmod(login, 0o700); err != nil {
		t.Fatal(err)
	}
	served := strings.Fields(kindTelnet(t, login))
	kindFile(t, dir, "site.lua", `require("farm").site { hosts = { h = {} } }`)
	kindFile(t, dir, "programs.lua", strings.ReplaceAll(programDialogues, "PORT", served[len(served)-1]))
	cmd := kindCommand(dir, "programs.lua")
	cmd.Env = append(cmd.Env, "SHELL=/bin/bash", "HISTFILE=")
	var errors strings.Builder
	cmd.Stderr = &errors
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("%v\n%s", err, errors.String())
	}
	var want strings.Builder
	for _, host := range []string{"here", "h"} {
		for line := range strings.Lines(programResults) {
			want.WriteString(host + "\t" + line)
		}
	}
	if diff := cmp.Diff(want.String(), string(out)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
