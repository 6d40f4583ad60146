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
