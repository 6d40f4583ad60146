--- what a command does lasts
local s = require("here").host:session { timeout = "1m" }
s:run "cd /usr; umask 027; x='it is'"
print(s:query("pwd; umask; echo \"$x\"").stdout)      --= /usr
                                                    --= 0027
                                                    --= it is
                                                    --= 
print(s:query({ "printf", "%s|", "a b", "it's", "wow!", "100%", "-n", "\\" }).text)  --= a b|it's|wow!|100%|-n|\|

--- both outputs, and the status
local s = require("here").host:session { timeout = "1m" }
local r = s:run("echo out; echo err >&2; (exit 7)", { check = false })
print(r.stdout:gsub("\n", ";"), r.code)             --= out;err;	7
s:run "echo no; (exit 3)"                           --! echo no; (exit 3): exit status 3

--- a script, and the session in step behind it
local s = require("here").host:session { timeout = "1m" }
print(s:run("for i in 1 2; do\n\techo \"$i " .. ("x"):rep(300) .. "\"\ndone").text:gsub("x+", "x"))  --= 1 x
                                                    --= 2 x	2
s:expect { text = "$ " }
s:send "echo $((6*7))\n"
print((s:expect "42"))                              --= 42

--- a deadline interrupts
local s = require("here").host:session { timeout = "1m" }
local ok, e = pcall(s.run, s, "echo begun; sleep 100", { timeout = "2s" })
print(ok, e.kind, e.host)                           --= false	timeout	web1
print(e.message, e.output)                          --= session:run "echo begun; sleep 100" did not end within 2s	begun
print(s:run("echo in step").text)                   --= in step

--- no shell
local s = require("expect").spawn { "cat" }
local ok, e = pcall(s.run, s, "true", { timeout = "300ms" })
print(ok, e.kind)                                   --= false	timeout
print(e.message)                                    --= session:run "true" did not end within 300ms; there is no shell that obeys after ^C, so the session is closed
s:run "true"                                        --! the session is closed

--- a shell that goes
local s = require("here").host:session { timeout = "1m" }
s:run "exit 3"                                      --! web1: the other end is gone while waiting for the shell's answer

--- a command at a prompt that is no shell's
local expect = require "expect"
local s = expect.spawn { "sh", "-c", [[
  while printf 'core9# '; read x; do
    case $x in
      show*) printf 'one\r\n--More-- '; stty -icanon -echo; dd bs=1 count=1 2>/dev/null >&2; stty icanon echo; printf '\r\033[Ktwo\nthree\n' ;;
      conf*) printf 'core9(config)# '; read x ;;
      odd) printf 'rejected: odd\n' ;;
      *) printf '%% Invalid input\n' ;;
    esac
  done]] }
s:expect "# $"
print((s:command("show run").stdout:gsub("\n", ";")))  --= one;two;three;
print(s:command("show run", { pager = { "--More-- $", "q" } }).text:match "two")  --= two
s:command("conf t", { prompt = [[\(config\)# $]] })
s:command("exit", { prompt = "core9# $" })
print(s:command("odd").text)                        --= rejected: odd
local ok, e = pcall(s.command, s, "odd", { errors = "^rejected" })
print(e.kind, e.code, e.message, e.output)          --= exit	1	odd: rejected: odd	rejected: odd
print(s:command("shwo", { check = false }).code)    --= 1
print(s:command("shwo", { errors = false }).code)   --= 0
s:command "shwo"                                    --! shwo: % Invalid input

--- a prompt that is not there
local s = require("expect").spawn { "cat" }
s:command "show"                                    --! the device shows no prompt to wait for again

--- a prompt that does not come
local s = require("expect").spawn { "sh", "-c", "printf '# '; read x; echo one; sleep 100" }
s:expect "# $"
local ok, e = pcall(s.command, s, "show", { silence = "200ms" })
print(e.kind, e.output)                             --= expect	one
print(e.message)                                    --= nothing was said for 200ms while waiting for "(?m)^# *\\z" or "(?im)^ *(?:-+ ?\\(?more\\b|press (?:any key|<?enter>?) to continue|lines? \\d+-\\d+)[^\\n]*\\z"

--- a command of two lines
require("here").host:session():command "a\nb"       --! a command is one line

--- a misspelt option of a command
require("here").host:session():command("a", { prompts = "x" })  --! did you mean "prompt"?

--- the lines that a shell takes, and how it may be set
local s = require("here").host:session { timeout = "1m" }
s:expect { text = "$ " }
print(s:run("cat <<'END'\nit's $x\nEND").text)        --= it's $x
print((s:run("read x || echo no input; cat").text))  --= no input
print((s:run("sleep 100 & echo $! | tr -d 0-9; kill -9 $!; wait $!", { check = false }).code))  --= 137
print(#s:run("printf %s " .. ("x"):rep(6000)).stdout) --= 6000
s:send "echo half"
print(s:run("echo whole").text)                      --= whole
s:send "stty -echo; PS1='@B;new> '\n"
s:expect "new> $"
print(s:run("echo unseen").text, s:query({ "printf", "%s", "B;X0;" }).text)  --= unseen	B;X0;
s:send "exec bash --norc\n"
s:expect "$ ?$"
s:send "PROMPT_COMMAND='echo again'\n"
s:expect "again\r\n"
print(s:run("echo in bash; false", { check = false }).code, s:run("echo $BASH_VERSION | tr -d 0-9.").text:sub(1, 1))  --= 1	(

--- of much output a result keeps some
local s = require("here").host:session { timeout = "1m" }
local r = s:run("head -c 100000 /dev/zero | tr '\\0' x; echo end", { keep = 1000 })
print(#r.stdout:gsub("%b[]", ""), r.stdout:match "^xxx", r.stdout:match "%[.*%]", r.stdout:sub(-5, -2))  --= 1001	xxx	[farmrun: 99005 bytes cut here]	xend

--- a pager that is not asked for, and much output of a command
local s = require("expect").spawn { "sh", "-c", "while printf '# '; read x; do seq 3000; [ \"$x\" = all ] || { printf -- '--More-- '; read x; }; done" }
s:expect "# $"
local ok, e = pcall(s.command, s, "page", { pager = false, silence = "400ms" })
print(e.kind, e.output:match "\n(%d+)\n%-%-More%-%- $")  --= expect	3000
s:send "\r"
s:expect "# $"
local text = s:command("all", { pager = false, keep = 1000 }).stdout
print(#text:gsub("%b[]", ""), text:match "^1\n2\n" ~= nil, text:match "%[.*%]", text:match "\n3000\n$" ~= nil)  --= 998	true	[farmrun: 12897 bytes cut here]	true

--- whether the last command succeeded
local s = require("here").host:session { strip = "screen", echo = false }
s:expect { like = "$ " }
s:send "true\r"
s:expect { like = "$ " }
s:check()
s:expect { like = "$ " }
s:send "cd /nonexistent\r"
s:expect { like = "$ " }
s:check()                                           --! the last command: exit status
