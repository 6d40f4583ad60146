--- a shell on a host
local s = require("here").host:session { timeout = "1m" }
print(s)                                            --= the session on web1
s:expect { text = "$ " }
s:send "cd /; pwd; stty size; echo $TERM\n"
s:expect [[/\r\n24 1000\r\ndumb\r\n]]
s:expect { text = "$ " }
s:send "exit 3\n"
print((s:expect { on_end = "over" }), s:close())    --= over	3

--- the size of its terminal
local s = require("here").host:session { rows = 50, columns = 132, term = "vt100" }
s:expect { text = "$ " }
s:send "echo $TERM; stty size\n"
s:expect [[vt100\r\n50 132\r\n]]
s:resize(25, 80)
s:send "stty size\n"
s:expect { text = "25 80" }

--- no size
require("here").host:session():resize(0, 80)        --! rows and columns from 1 to 65535 expected

--- no terminal
local ok, e = pcall(function() require("here").host:session { term = "none" } end)
print(e.message)                                    --= web1: no terminal is to be had

--- an error says on which host it was
local s = require("here").host:session()
local ok, e = pcall(s.expect, s, { "never", timeout = "10ms" })
print(e.host, e.kind, e.message)                    --= web1	expect	waited 10ms for "never"

--- a misspelt option
require("here").host:session { colums = 80 }        --! did you mean "columns"?

--- not a host
require("here").host.session {}                     --! call it with a colon, as in host:session(…)

--- a secret is typed, and a script gets all as it is
local s = require("expect").spawn { "sh", "-c", "stty -echo; printf 'Password: '; read x; stty echo; echo; [ \"$x\" = 'hunter2!' ] && echo right; echo it was $x; sleep 100" }
s:expect "Password: "
s:send_secret(require("word").secret)
local _, m = s:expect "it was (.*)\r\n"
print(m.before:match "right", m.text:match "hunt", m.groups[1])  --= right	hunt	hunter2!
local ok, e = pcall(s.expect, s, { "never", timeout = "10ms" })
print(tostring(e):find "hunt" ~= nil)                --= true

--- a secret is no string
require("here").host:session():send_secret "hunter2!"  --! a secret, such as cli.password gives, expected, got a string

--- keys have names
local s = require("here").host:session { timeout = "1m" }
s:expect { text = "$ " }
s:send "stty -icanon -echo; od -An -tx1 -N11; exit"
s:key "enter"
s:expect { "\n", silence = "2s", on_timeout = "" }
s:key("up", "f5", "esc", "tab", "backspace")
print((s:expect { "1b.*7f" }))                       --= 1b 5b 41 1b 5b 31 35 7e 1b 09 7f

--- a key that there is not
require("here").host:session():key "entr"           --! there is no key "entr"; did you mean "enter"?

--- a line without a break key
require("here").host:session():key "break"          --! break: unsupported operation

--- the break key of telnet
local s = require("here").host:session { term = "telnet" }
s:key "break"
print((s:expect "[0-9a-f]{4}"))                      --= fff3

--- lines that are typed one after the other
local s = require("expect").spawn { "sh", "-c", [[printf "cfg# "; while read x; do case $x in b*) echo "% bad $x";; esac; printf "cfg# "; done; echo end]], echo = true }
s:expect "cf"
s:send("one\rtwo\nthree\r\n\rlast", { prompt = "cfg# " })
print(s.before == "")                                --= true
s:send("\r", { prompt = { "cfg# ", quiet = "10ms" }, delay = "1ms" })
s:always { { "%.*", function(m) error(m.text, 0) end } }
s:send("four\rbad\rfive\r", { prompt = "cfg# " })    --! % bad

--- keys that are typed one after the other
local s = require("expect").spawn { "sh", "-c", [[printf "cfg# "; while read x; do echo "got $x"; printf "cfg# "; done]], echo = true }
s:expect "cfg# "
s:send("six\r", { key_delay = "1ms" })
s:expect "cfg# "
print((s.before:gsub("\r?\n", ";")))                  --= got six;

--- a prompt that does not come
local s = require("expect").spawn { "cat", timeout = "200ms" }
s:send("a\rb\r", { prompt = "cfg# " })               --! waited 200ms for "cfg# "

--- how the shell on a host ended
local s = require("here").host:session { timeout = "1m" }
s:expect { text = "$ " }
s:send "exit 3\n"
s:expect { on_end = "over" }
print(s:close(), s.status, s.signal)                 --= 3	3	nil

--- a program that was told to exit, or has said goodbye, has time for it
local expect, all = require "expect", {}
for i, farewell in ipairs { "sleep 0.1; exit 3", "echo bye; sleep 0.1; exit 4", "while :; do sleep 1; done" } do
  local s = expect.spawn { "sh", "-c", "printf '? '; read x; " .. farewell }
  s:expect "[?] $"
  s:send "q\n"
  if i == 2 then s:expect "bye\r\n" end
  all[i] = tostring(s:close())
end
print(table.concat(all, " "))                        --= 3 4 nil

--- a program at a prompt is ended
local s = require("expect").spawn { "sh", "-c", "printf '? '; read x" }
s:expect "[?] $"
print(s:close(), s.signal)                           --= nil	HUP

--- a host's shell that is told to exit
local s = require("here").host:session { timeout = "1m" }
s:expect { text = "$ " }
s:send "exit 3\n"
print(s:close())                                     --= 3
