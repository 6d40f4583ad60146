--- a question and an answer
local expect = require "expect"
local s = expect.spawn { "sh", "-c", "printf 'name: '; read n; echo hello $n; exit 3" }
print(s)                                            --= sh -c 'printf '\''name: '\''; read n; echo hello $n; exit 3'
s:expect "name: "
s:send "ken\n"
local value, m = s:expect { { [[hello (\w+)]], "greeted" } }
print(value, m.text, m.groups[1])         --= greeted	hello ken	ken
print((s:expect { on_end = "over" }))               --= over
print(s:close())                                    --= 3

--- a prompt is the last that is said
local expect = require "expect"
local s = expect.spawn { "sh", "-c", "printf 'a# '; sleep 0.05; echo; printf 'b# '; read x" }
local _, m = s:expect { { "# $", quiet = "2s" } }
print(m.before:gsub("%s", "."), m.cut)              --= a#...b	0
local _, e = pcall(s.expect, s, { { "# $", quiet = "soon" } })
print(e.message:match "case 1: quiet")              --= case 1: quiet

--- the echo is not matched
local expect = require "expect"
local s = expect.spawn { "sh", "-c", "printf '? '; read x; echo done" }
s:expect { text = "? " }
s:send "done\n"
local _, m = s:expect "done"
print(#m.before)                                    --= 0

--- several cases, functions and going on
local expect = require "expect"
local s = expect.spawn { "sh", "-c", "for i in 1 2 3; do echo --More--; read x; done; echo 'end of it'" }
local pages = 0
local value, m = s:expect {
  { "no such", "bad" },
  { text = "--More--", function(m) pages = pages + 1 s:send "\n" return expect.continue end },
  { "end of (..)", function(m) return m.groups[1] end },
}
print(value, pages, m.text)                         --= it	3	end of it

--- the first of several sessions
local expect = require "expect"
local a = expect.spawn { "sh", "-c", "read x; echo a is up; read x" }
local b = expect.spawn { "sh", "-c", "echo b is up; read x" }
local s, value, m = expect.first({ a, b }, { { "(.) is up", "up" }, timeout = "10m" })
print(s == b, value, m.groups[1])                   --= true	up	b
a:send "\n"
s, value = expect.first({ a, b }, { { "is (.*)\r\n", function(m) return m.groups[1] end } })
print(s == a, value)                                --= true	up
b:send "\n"
s, value = expect.first({ a, b }, { on_end = "over" })
print(s == b, value)                                --= true	over
print((select(2, pcall(expect.first, {}, "x"))).message)         --= expect.first: there is no session
print((select(2, pcall(expect.first, { a, "b" }, "x"))).message) --= expect.first: item 2 is no session

--- without a value, it is what matched
local s = require("expect").spawn { "echo", "uid=0(root) gid=0" }
print((s:expect [[uid=\d+]]))                       --= uid=0
print((s:expect { [[gid=\d+]] }))                   --= gid=0

--- what follows a match stays
local s = require("expect").spawn { "echo", "one two three" }
print((s:expect "one"), (s:expect "two"), (s:expect "three"), s.before == " ")  --= one	two	three	true

--- bytes are no regular expression
local s = require("expect").spawn { "printf", "caf\\351 au lait" }
local ok, e = pcall(s.expect, s, { "never", "caf\233" })
print(e.message:match "case 2: invalid UTF%-8", e.hint) --= case 2: invalid UTF-8	write { text = "…" } for bytes, such as Latin-1
print((s:expect { text = "caf\233" }) == "caf\233")  --= true

--- the first case wins, wherever it is
local s = require("expect").spawn { "sh", "-c", "echo a b; exit" }
s:expect "b"
print("(" .. s.before .. ")")                       --= (a )

--- always
local expect = require "expect"
local s = expect.spawn { "sh", "-c", "echo WARNING: low; echo ready; read x; echo WARNING: lower; echo gone" }
local warnings = {}
s:always { { "WARNING: (\\w+)", function(m) warnings[#warnings + 1] = m.groups[1] return expect.continue end } }
s:expect "ready"
s:send "\n"
s:expect "gone"
print(table.concat(warnings, " "))                  --= low lower

--- a deadline, with what was said by then
local s = require("expect").spawn { "sh", "-c", "printf 'web1, user: '; sleep 100" }
s:expect "web1, "                                   -- the rest came with it
local ok, e = pcall(s.expect, s, { "login:", { text = "Password:" }, timeout = "10ms" })
print(e.kind, e.message)                            --= expect	waited 10ms for "login:" or "Password:"
print(e.output)                                     --= web1, user:
print((s:expect "user"))                            --= user

--- the deadline is for the whole wait
local s = require("expect").spawn { "sh", "-c", "while :; do echo chatter; sleep 0.02; done" }
s:expect { "never", timeout = "300ms" }             --! waited 300ms for "never"

--- silence
local s = require("expect").spawn { "sh", "-c", "echo a; sleep 100" }
s:expect { "never", timeout = "50s", silence = "200ms" }  --! nothing was said for 200ms while waiting for "never"

--- silence can be answered
local expect = require "expect"
local s = expect.spawn { "sh", "-c", "read x; echo awake" }
print((s:expect { "awake", silence = "100ms", on_timeout = function(m) s:send "\n" return expect.continue end }))  --= awake

--- after the deadline there is no going on
local expect = require "expect"
local s = expect.spawn { "sleep", "100" }
s:expect { "x", timeout = "50ms", on_timeout = expect.continue }  --! the deadline of the wait has passed, so it cannot go on

--- on_timeout
local s = require("expect").spawn { "sh", "-c", "printf 'begin abc'; sleep 100" }
s:expect "begin "
print((s:expect { "x", timeout = "10ms", on_timeout = function(m) return m.before end }))  --= abc

--- the end
local s = require("expect").spawn { "sh", "-c", "printf 'No route to host\\033[0m\\n'; exit 1" }
local ok, e = pcall(s.expect, s, "login:")
print(e.kind, e.message)                            --= expect	the other end is gone while waiting for "login:"
print(e.output)                                     --= No route to host\x1b[0m
ok, e = pcall(s.send, s, "x\n")
print(e.kind, e.message, e.output)                  --= expect	the other end is gone	No route to host\x1b[0m

--- escapes are stripped
local s = require("expect").spawn { "printf", "\\033[1;32mgreen\\033[0m \\033]0;title\\007light\\n", strip = true }
print((s:expect "green light"))                     --= green light

--- size and type of the terminal
local s = require("expect").spawn { "sh", "-c", "stty size; echo $TERM $A; pwd", env = { A = "b" }, dir = "/" }
print((s:expect "24 1000"), (s:expect "dumb b"), (s:expect "/"))  --= 24 1000	dumb b	/

--- no such program
require("expect").spawn { "/nonexistent/program" }  --! no such file or directory

--- no program
require("expect").spawn {}                          --! no program is named

--- a pattern that is none
local s = require("expect").spawn { "true" }
s:expect { "(" }                                    --! case 1: missing closing ): `(`

--- a case that is none
local s = require("expect").spawn { "true" }
s:expect { { 5 } }                                  --! case 1: a pattern expected

--- a misspelt option
local s = require("expect").spawn { "true" }
s:expect { "x", timout = "1s" }                     --! did you mean "timeout"?

--- a misspelt option of spawn
require("expect").spawn { "true", colums = 80 }     --! did you mean "columns"?

--- a function that fails
local s = require("expect").spawn { "echo", "a" }
s:expect { { "a", function() error("oh", 0) end } } --! oh

--- closed
local s = require("expect").spawn { "cat" }
print(s:close())                                    --= nil
s:expect "x"                                        --! the session is closed while waiting for "x"

--- closed, and sent to
local s = require("expect").spawn { "cat" }
s:close()
s:send "x"                                          --! the session is closed

--- no more is kept than is asked for
local s = require("expect").spawn { "sh", "-c", "head -c 100000 /dev/zero | tr '\\0' x; echo; echo end; sleep 100", keep = 1000 }
local _, m = s:expect "end"
print(#m.before, m.cut)                             --= 997	99005

--- lines that a terminal draws in its own way
for _, set in ipairs { "tab3", "-echoctl" } do
  local s = require("expect").spawn { "sh", "-c", "stty " .. set .. [[; printf '? '; while read -r x; do printf '%s!\n? ' "$x"; done]] }
  s:expect "[?] $"
  s:send "wrong\21a\tb\n"
  local _, m = s:expect "b!"
  s:send "corrr\127ect\n"
  local _, n = s:expect "correct!"
  print(set, (m.before:gsub("%s+", ".")), (n.before:gsub("%s+", ".")))
end
                                                    --= tab3	a.	.?.
                                                    --= -echoctl	a.	.?.

--- much that is sent at once comes back twice
local s = require("expect").spawn { "cat", keep = 2 ^ 20 }
s:send((("x"):rep(99) .. "\n"):rep(2000) .. "the end\n")
local _, m = s:expect { text = "the end\r\n" }
print(select(2, m.before:gsub("x\r\n", "")) >= 2000)  --= true
s:send "\4"
print(s:close())                                    --= 0

--- an echo that is none
local s = require("expect").spawn { "sh", "-c", "stty -echo; printf '? '; read x; echo $x; sleep 100", echo = false }
s:expect { text = "? " }
s:send "the same\n"
print((s:expect "the same"))                        --= the same

--- always, and the deadline is still that of the wait
local expect = require "expect"
local s = expect.spawn { "sh", "-c", "while :; do echo tick; sleep 0.05; done" }
s:always { { "tick", expect.continue } }
s:expect { "never", timeout = "300ms" }             --! waited 300ms for "tick" or "never"

--- what an operator gets where there is none
require("expect").spawn({ "cat" }):interact()       --! there is nobody to give the session to

--- an escape that is none
require("expect").spawn({ "cat" }):interact { escape = "~~" }  --! option "escape": an escape is two characters

--- the screen that a person sees
local s = require("expect").spawn { "sh", "-c", [[printf '10%%\r20%%\r\n--More-- '; read x; printf '\r\033[Kend\n']], strip = "screen", echo = true }
local _, m = s:expect "(?m)^--More-- $"
print((m.before:gsub("\n", ";")))                    --= 20%;
s:key "enter"
print((s:expect "(?m)^end$"))                        --= end

--- a screen that there is not
require("expect").spawn { "true", strip = "sceen" }  --! option "strip": false, true or "screen" expected

--- the program's process, and how it ended
local expect = require "expect"
local s = expect.spawn { "sh", "-c", "echo $$.; read x; exit 3" }
local _, m = s:expect [[(\d+)\.]]
print(s.pid == tonumber(m.groups[1]), s.status, s.signal)  --= true	nil	nil
s:key "enter"
s:expect { on_end = "over" }
s:close()
print(s.status, s.signal)                           --= 3	nil
s = expect.spawn { "sh", "-c", "kill -TERM $$" }
s:expect { on_end = "over" }
print(s:close(), s.status, s.signal)                --= nil	nil	TERM

--- a line that is like the recorded one, and one that is not
local expect = require "expect"
local s = expect.spawn { "sh", "-c", "printf '[21:04:05] web12> '; read x; printf 'Overwrite? '; read x", strip = "screen", timeout = "1s" }
print((s:expect { like = "[7:00:00] web1> " }) .. "|")  --= [21:04:05] web12> |
s:key "enter"
local ok, e = pcall(s.expect, s, { like = "Name: " })
print((e.output:gsub(" +\n", "\n")))
--= [21:04:05] web12>
--= Overwrite?
--= recorded: Name:
--= now:      Overwrite?

--- a prompt is no other one that ends alike
local s = require("expect").spawn { "sh", "-c", "printf 'New password: '; read x", strip = "screen" }
s:expect { { like = "password: ", "the old one" }, timeout = "300ms" }  --! waited 300ms for "password: "

--- the line that was completed is that and no other
local s = require("expect").spawn { "sh", "-c", "printf 'rm log.12 '; read x", strip = "screen" }
s:expect { line = "rm log.12" }
local s = require("expect").spawn { "sh", "-c", "printf 'rm log.13 '; read x", strip = "screen" }
s:expect { line = "rm log.12", timeout = "300ms" }  --! waited 300ms for "rm log.12"

--- matched output is shown
local s = require("expect").spawn { "sh", "-c", [[printf '\033[1mone\033[m\r\ntwo\r\n']], strip = "screen", show = true }
s:expect "(?m)^two\n"
--= one
--= two
