--- applied, seen to be in, and taken out
local patch, host = require "patch", require("here").host
host:sh "mkdir w; cd w; seq 1 20 >n; ln n other"
local text = host:sh "cd w; sed 's/^7$/seven/; s/^15$/fifteen/' n | diff -u --label n --label n n - || :" .. "\n"
local o = { dir = "w" }
local function both(first, paths) return tostring(first) .. " " .. table.concat(paths, " ") end
print(both(patch.look(host, text, o)), table.concat(patch.files(text), " "))  --= fits n	n
print(both(patch.apply(host, text, o)), both(patch.apply(host, text, o)))     --= true n	false n
print((patch.look(host, text, o)), host:sh "cd w; echo *; grep -c n n; grep -c seven other || :")
--= applied	n other
--= 2
--= 0
print(both(patch.revert(host, text, o)), both(patch.revert(host, text, o)))   --= true n	false n
print(host:sh "cd w; ls -A; cmp n other && echo same")
--= n
--= other
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
print((patch.apply(host, text, { dir = "w" })), (patch.look(host, text, { dir = "w" })))  --= true	applied
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
print((patch.look(host, text)), (patch.apply(host, text)))  --= applied	false

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

--- git's names: quoted ones, with a/ and b/ before them or not
local patch, host = require "patch", require("here").host
host:sh [[mkdir w; cd w; git init -q; mkdir d
  for f in "caf$(printf '\303\251').html" "quote'\".html" 'back\slash.html' "$(printf 'tab\there')" 'a b' "$(printf 'line\nend')" -dash '$HOME' '~'; do
    seq 9 >"d/$f"; done; seq 9 >top; git add .; sed -i s/5/five/ d/* ./top; mkdir ../b; cp -a d top ../b]]
for _, prefix in ipairs { "", "--no-prefix", "--src-prefix=i/ --dst-prefix=w/" } do
  local text = host:sh("cd w; git diff " .. prefix) .. "\n"
  print((patch.look(host, text, { dir = "b" })), #patch.files(text))      --= applied	10
  print((patch.revert(host, text, { dir = "b" })), #host:sh "grep -l five b/d/* b/top || true")
  print((patch.look(host, text, { dir = "b" })), (patch.apply(host, text, { dir = "b" })), #host:sh "diff -r w/d b/d; diff w/top b/top")
end
--= true	0
--= fits	true	0
--= applied	10
--= true	0
--= fits	true	0
--= applied	10
--= true	0
--= fits	true	0

--- git's headers: modes, empty files, renames, links
local patch, host = require "patch", require("here").host
host:sh [[mkdir w; cd w; git init -q; for f in edit mode both old; do seq 9 >$f; done; ln -s edit link; git add .; git write-tree >../was
  cp -a . ../b; rm -r ../b/.git; mkdir bin; echo new >bin/tool; chmod 755 bin/tool mode both; echo 10 >>both; >empty; git mv old new; ln -sf mode link
  git add .]]
for _, how in ipairs { "--no-prefix", "" } do
  local text = host:sh("cd w; git diff --cached -M $(cat ../was) " .. how) .. "\n"
  local state, paths = patch.look(host, text, { dir = "b" })
  print(state, table.concat(paths, " "))
  print((patch.apply(host, text, { dir = "b" })), (patch.apply(host, text, { dir = "b" })), host:sh "diff -r --exclude=.git w b; cd b; ls -ld bin/tool mode both link | cut -c 1-10")
  print((patch.revert(host, text, { dir = "b" })), (patch.revert(host, text, { dir = "b" })), host:sh "cd b; ls; ls -l mode both | cut -c 1-10; readlink link")
end
--= fits	bin/tool both empty link mode old new
--= true	false	-rwxr-xr-x
--= -rwxr-xr-x
--= lrwxrwxrwx
--= -rwxr-xr-x
--= true	false	both
--= edit
--= link
--= mode
--= old
--= -rw-r--r--
--= -rw-r--r--
--= edit
--= fits	bin/tool both empty link mode old new
--= true	false	-rwxr-xr-x
--= -rwxr-xr-x
--= lrwxrwxrwx
--= -rwxr-xr-x
--= true	false	both
--= edit
--= link
--= mode
--= old
--= -rw-r--r--
--= -rw-r--r--
--= edit

--- context diffs, those of cvs, and what comes by mail
local patch, host = require "patch", require("here").host
host:sh [[mkdir w; cd w; seq 20 >n; sed 's/^5$/five/; /^15$/d; $a end' n >new; diff -c n new >../c || :; diff n new >../normal || :
  sed -i '1s/.*/*** n/; 2s/.*/--- n/' ../c; (echo 'Index: n'; echo '======'; cat ../normal) >../cvs
  (printf 'From: anna\nSubject: why: it is\n\n---\n n | 3 +-\n\n'; diff -u --label n --label n n new; printf -- '-- \n2.39\n\n') >../mail || :]]
for _, name in ipairs { "c", "cvs", "mail" } do
  local text = host:sh("cat " .. name) .. "\n"
  print(table.concat(patch.files(text), " "), (patch.apply(host, text, { dir = "w" })), host:sh "cmp w/n w/new", (patch.revert(host, text, { dir = "w" })))
end
--= n	true		true
--= n	true		true
--= n	true		true

--- line ends: as patch has them, and its reason
local patch, host = require "patch", require("here").host
host:sh [[mkdir w; cd w; printf '1\r\n2\r\n3' >n; printf '1\r\ntwo\r\n3' >new; diff -u --label n --label n n new >../one || :; sed 's/\r*$/\r/' ../one >../all]]
local text = host:sh "cat one" .. "\n"
print((patch.apply(host, text, { dir = "w" })), host:sh "cmp w/n w/new", (patch.revert(host, text, { dir = "w" })))  --= true		true
local ok, err = pcall(patch.look, host, host:sh "cat all" .. "\n", { dir = "w" })
print(err.message)  --= the patch does not fit w: hunk 1 of n (different line endings)
print(err.hint)     --= make the patch with the line ends that the files have

--- a file of the site whose name ends in .orig
local patch, host = require "patch", require("here").host
host:sh "mkdir w; cd w; echo 1 >n; cp n n.orig; echo other >m.orig; echo 1 >m"
local text = "--- n.orig\n+++ n\n@@ -1 +1 @@\n-1\n+2\n--- m\n+++ m\n@@ -1 +1 @@\n-1\n+2\n"
patch.apply(host, text, { dir = "w" })
print(host:sh "cd w; cat n n.orig m m.orig | tr -d '\\n'")   --= 212other
patch.revert(host, text, { dir = "w" })
print(host:sh "cd w; cat n n.orig m m.orig | tr -d '\\n'")   --= 111other

--- keywords of cvs read otherwise in each release
local patch, host = require "patch", require("here").host
local text = "--- n\n+++ n\n@@ -1,3 +1,4 @@\n # $Id: n,v 1.2 2000/09/19 anna Exp $\n-release $Name:  $\n+release $Name: Snapshot-2000-09-19 $\n+<p>by hand\n end\n"
host:sh [[mkdir w; cd w; printf '# $%s: n,v 1.7 & \\ / 2000 $\nrelease $%s: Snapshot-2000-09-26 $\nend\n' Id Name >n; cp n was; chmod 444 n]]
print((patch.look(host, text, { dir = "w" })), (patch.apply(host, text, { dir = "w" })), (patch.look(host, text, { dir = "w" })))  --= fits	true	applied
print(host:sh "cd w; cat n; ls -l n | cut -c 1-10")
--= # $Id: n,v 1.7 & \ / 2000 $
--= release $Name: Snapshot-2000-09-26 $
--= <p>by hand
--= end
--= -r--r--r--
print((patch.revert(host, text, { dir = "w" })), host:sh "cd w; cmp n was && echo same")  --= true	same

--- a patch of one of several places that are alike is not applied twice
local patch, host = require "patch", require("here").host
host:sh "mkdir w; cd w; printf 'a\\nb\\nc\\na\\nb\\nc\\n' >n"
local text = "--- n\n+++ n\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n"
print((patch.apply(host, text, { dir = "w" })), (patch.apply(host, text, { dir = "w" })), host:sh "cat w/n | tr -d '\\n'")  --= true	false	aBcabc
local only = "--- n\n+++ n\n@@ -2,0 +3 @@\n+new\n"
print((patch.apply(host, only, { dir = "w" })), (patch.apply(host, only, { dir = "w" })), (patch.revert(host, only, { dir = "w" })))  --= true	false	true

--- a patch that leaves files to which it would fit again
local patch, host = require "patch", require("here").host
local function try(was, text)
  host:sh("printf '" .. was .. "' >n")
  local ok, err = pcall(patch.apply, host, text)
  local again, is = pcall(patch.apply, host, text)
  print(ok, ok and err or err.message, again and is, host:sh "tr -d '\\n' <n")
end
try("a\\n", "--- n\n+++ n\n@@ -1 +1,2 @@\n+a\n a\n")            --= true	true	false	aa
try("a\\nb\\n", "--- n\n+++ n\n@@ -1,2 +1 @@\n-a\n b\n")      --= true	true	false	b
try("a\\na\\na\\n", "--- n\n+++ n\n@@ -1,2 +1 @@\n-a\n a\n")
--= false	the patch does not fit: it fits, and it fits to be taken out: it needs more lines of context	false	aaa

--- what cannot be taken out again is not applied
local patch, host = require "patch", require("here").host
host:sh "mkdir w; cd w; git init -q; seq 9 >a; git add .; git write-tree >../was; cp a c; echo 10 >>a; git add ."
local text = host:sh "cd w; git diff --cached --no-prefix -C $(cat ../was); seq 9 >a; rm c" .. "\n"
patch.apply(host, text, { dir = "w" })  --! taking it out again would not give the files back

--- a patch after others
local patch, host = require "patch", require("here").host
host:sh "mkdir w; cd w; echo 1 >n"
local first, second = "--- n\n+++ n\n@@ -1 +1 @@\n-1\n+2\n", "--- a/n\n+++ b/n\n@@ -1 +1 @@\n-2\n+3\n"
print((patch.look(host, second, { dir = "w", after = { first } })), (patch.look(host, first, { dir = "w", after = { first } })), host:sh "cat w/n")  --= fits	applied	1
patch.look(host, second, { dir = "w" })  --! hunk 1 of n

--- a name in the way, a link that leads elsewhere, a directory that is none
local patch, host = require "patch", require("here").host
host:sh "mkdir w shared; cd w; echo 1 >n; ln -s ../shared s; echo 1 >s/f; mkdir in; ln -s in l; echo 1 >l/f"
local function try(path)
  local text = "--- n\n+++ n\n@@ -1 +1 @@\n-1\n+2\n--- /dev/null\n+++ " .. path .. "\n@@ -0,0 +1 @@\n+2\n"
  local _, looked = pcall(patch.look, host, text, { dir = "w" })
  local ok, err = pcall(patch.apply, host, text, { dir = "w" })
  print(ok, looked.message == err.message, err.message, host:sh "cat w/n; find w shared -name '*.farm*' -o -name g")
end
try "n/g"  --= false	true	the patch does not fit w: Invalid file name "n/g" -- skipping patch	1
host:sh "echo >w/file"
try "file/g"  --= false	true	the files cannot be changed: file is no directory	1
try "s/g"  --= false	true	the files cannot be changed: s leads elsewhere	1
local text = "--- l/f\n+++ l/f\n@@ -1 +1 @@\n-1\n+2\n"
print((patch.apply(host, text, { dir = "w" })), host:sh "cat w/in/f; cd w; find . -type l | sort")
--= true	2
--= ./l
--= ./s

--- a patch that is cut off
local patch, host = require "patch", require("here").host
host:sh "seq 9 >n"
patch.look(host, "--- n\n+++ n\n@@ -1,3 +1,3 @@\n 1\nno line of it\n")  --! patch(1) failed: patch: **** malformed patch at line 5
