--- applied, seen to be in, and taken out
local patch, host = require "patch", require("here").host
host:sh "mkdir w; cd w; seq 1 20 >n; ln n other"
local text = host:sh "cd w; sed 's/^7$/seven/; s/^15$/fifteen/' n | diff -u --label n --label n n - || :" .. "\n"
local o = { dir = "w" }
print(patch.look(host, text, o), patch.files(text)[1], #patch.files(text))  --= fits	n	1
print(patch.apply(host, text, o), patch.apply(host, text, o))       --= true	false
print(patch.look(host, text, o), host:sh "cd w; echo *; grep -c n n; grep -c seven other || :")
--= applied	n n.orig other
--= 2
--= 0
print(patch.revert(host, text, o), patch.revert(host, text, o))     --= true	false
print(host:sh "cd w; echo *; cmp n other && echo same")
--= n other
--= same

--- one that does not fit changes nothing, and shows why
local patch, host = require "patch", require("here").host
host:sh "mkdir w; cd w; seq 1 20 >n; echo a >m"
local text = "--- a/m\n+++ a/m\n@@ -1 +1 @@\n-a\n+b\n" ..
  "--- a/n\n+++ a/n\n@@ -1,3 +1,3 @@\n 1\n-2\n+two\n 3\n@@ -14,3 +14,3 @@\n 14\n-fuenfzehn\n+15\n 16\n"
local ok, err = pcall(patch.apply, host, text, { dir = "w", strip = 1 })
print(ok, err.kind, err.message)  --= false	refused	the patch does not fit w: hunk 2 of n
print((err.output:gsub("\n ", "\n")))
--= n:
--= @@ -14,3 +14,3 @@
--= 14
--= -fuenfzehn
--= +15
--= 16
print(host:sh "cd w; echo *; cat m")
--= m n
--= a

--- a file that is made, and one that goes
local patch, host = require "patch", require("here").host
host:sh "mkdir w; cd w; echo bye >gone"
local text = "--- /dev/null\n+++ new/file\n@@ -0,0 +1 @@\n+-- hello\n--- gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-bye\n"
print(table.concat(patch.files(text), " "))          --= new/file gone
print(patch.apply(host, text, { dir = "w" }), patch.look(host, text, { dir = "w" }))  --= true	applied
print(host:sh "cd w; cat new/file; ls gone 2>/dev/null || echo is gone")
--= -- hello
--= is gone
patch.revert(host, text, { dir = "w" })
print(host:sh "cd w; cat gone; ls new 2>/dev/null || echo is gone")
--= bye
--= is gone

--- a line that is added
local patch, host = require "patch", require("here").host
host:sh "seq 1 9 >n"
local text = "--- n\n+++ n\n@@ -3,2 +3,3 @@\n 3\n+three and a half\n 4\n"
patch.apply(host, text)
print(patch.look(host, text), patch.apply(host, text))  --= applied	false

--- a file that is not there
local patch, host = require "patch", require("here").host
patch.apply(host, "--- n\n+++ n\n@@ -1 +1 @@\n-a\n+b\n")  --! No file to patch

--- no patch
local patch, host = require "patch", require("here").host
patch.look(host, "hello\n")                              --! there is no patch in the text

--- a patch of what is elsewhere
local patch, host = require "patch", require("here").host
patch.look(host, "--- ../n\n+++ ../n\n@@ -1 +1 @@\n-a\n+b\n")  --! not in its directory

--- a line that is added beside another one than it was made for
local patch, host = require "patch", require("here").host
host:sh "echo other >n"
patch.apply(host, "--- n\n+++ n\n@@ -1 +1,2 @@\n a\n+b\n")  --! the patch does not fit: hunk 1 of n
