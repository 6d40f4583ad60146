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
