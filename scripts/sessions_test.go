package scripts_test

import (
	"strings"
	"testing"
)

// dialogues has a session on each of three hosts with a shell that edits its
// lines, at a terminal that is dumb and at one that is not. What is waited for
// is in what is sent, too.
const dialogues = `
require "site"
local long = ("x"):rep(300)
require("farm").each("webserv[1,4,7]", { parallel = 1 }, function(host)
  for _, o in ipairs { { timeout = "20s" }, { timeout = "20s", term = "xterm", columns = 80, strip = true } } do
    local s = host:session(o)
    s:expect "[$] $"
    for i = 1, 5 do
      local tail = long:sub(1, o.columns and i or i * 60) -- a narrow terminal wraps its echo
      s:send("echo answer $((6*7)) " .. tail .. "; echo over\n")
      s:expect "over"
      assert(s.before:find("answer 42 " .. tail, 1, true), i .. " " .. s.before)
      assert(not s.before:find("6*7", 1, true), i .. " " .. s.before)
      s:expect "[$] $"
    end
    s:resize(33, 99)
    s:send "stty size\n"
    s:expect "33 99"
    s:send "exit 3\n"
    s:expect { on_end = "" }
    print("ended", s:close())
  end
  print "well"
end)
`

// TestSessions: the echo of what was sent is no answer, however one logs in.
func TestSessions(t *testing.T) {
	o := newMixedOperator(t)
	o.write("dialogues.lua", dialogues)
	got := o.ok("dialogues.lua")
	if strings.Count(got.out, "well") != 3 || strings.Count(got.out, "ended\t3\n") != 4 || strings.Count(got.out, "ended\tnil\n") != 2 {
		t.Errorf("got:\n%s%s", got.out, got.err)
	}
}
