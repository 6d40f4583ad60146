--- a pager
local s = require("expect").spawn { "sh", "-c", "seq 100 | busybox less; echo left; exit 3", term = "xterm", rows = 10, columns = 80, strip = "screen" }
s:expect "standard input"
s:send "G"
s:expect "100\n"
s:expect "END"
s:send "q"
s:expect "left"
print(s:close())                                    --= 3

--- an editor
local s = require("expect").spawn { "sh", "-c", [[f=$(mktemp); busybox vi "$f"; echo "code $?"; od -An -c "$f"; rm "$f"]], term = "xterm", rows = 24, columns = 80 }
s:expect "~"
s:send "ihello\rthere"
s:key "esc"
s:expect [[- \S+ .Modified.]]
s:send ":wq\r"
print((s:expect [[code \d+]]), (s:expect [[h   e   l   l   o  \\n   t   h   e   r   e  \\n]]))  --= code 0	h   e   l   l   o  \n   t   h   e   r   e  \n

--- a calculator, and the code of one that says nothing when it exits
local s = require("expect").spawn { "busybox", "bc" }
s:expect [[contributors\r\n\x1b\[6n]]
s:send "6*7\r"
print((s:expect [[(\d+)\r\n]]) == "42\r\n")        --= true
s:send "quit\r"
print(s:close())                                    --= 0

--- a debugger at its prompt
local s = require("expect").spawn { "perl", "-de", "$x = 6; $y = $x * 7; 1", env = { PERLDB_OPTS = "ReadLine=0" } }
s:expect [[DB<\d+> $]]
s:send "n\r"
s:expect [[DB<\d+> $]]
s:send "n\r"
s:expect [[DB<\d+> $]]
s:send "p $y\r"
local _, m = s:expect [[(\d+)\s+DB<\d+> $]]
print(m.groups[1])                                  --= 42
s:send "q\r"
print(s:close())                                    --= 0

--- a shell that edits its line
local s = require("expect").spawn { "bash", "--norc", "-i", env = { PS1 = "b> ", INPUTRC = "/dev/null" }, columns = 40 }
s:expect "b> $"
s:send("echo " .. ("0123456789 "):rep(8) .. "end\r")
local _, m = s:expect "b> $"
print(m.before == ("0123456789 "):rep(8) .. "end\r\n") --= true
s:send "false\rexit\r"
print(s:close())                                    --= 1
