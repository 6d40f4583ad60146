--- a release takes its name when it is complete
local release, host = require "release", require("here").host
host:sh "mkdir releases"
local made = release.build(host, "releases/1", { notes = { tag = "One" } }, function(new)
  print(host:sh "ls releases" == "", new.from == "", new.dry)  --= true	true	false
  host:sh("cd " .. new.dir .. "; echo a >a; mkdir d; echo b >d/b")
end)
print(made.dir, made.files, made.notes.tag, made.bad == "")  --= releases/1	2	One	true
local seen = release.inspect(host, "releases/1")
print(seen.time == made.time, host:sh "ls releases")     --= true	1

--- one that fails leaves nothing
local release, host = require "release", require("here").host
host:sh "mkdir releases"
local ok, err = pcall(release.build, host, "releases/1", {}, function() error("no luck", 0) end)
print(ok, err.message, host:sh "ls -A releases" == "")  --= false	no luck	true
local ok, err = pcall(release.build, host, "releases/1", {}, function() end)
print(ok, err.message:match "there is no file in it", host:sh "ls -A releases" == "")  --= false	there is no file in it	true

local function half(new) host:sh("cd " .. new.dir .. "; mkdir -p d/CVS; echo >a; echo >d/.new.b; echo /b/1.1/// >d/CVS/Entries") end
local ok, err = pcall(release.build, host, "releases/1", {}, half)
print(ok, err.message:match "there is .*", host:sh "ls -A releases" == "")  --= false	there is d/.new.b	true
local ok, err = pcall(release.build, host, "releases/1", {}, half, function() end)
print(ok, err.message:match "there is .*", host:sh "ls -A releases" == "")  --= false	there is d/.new.b	true

--- a file whose name is like that of half a one, and a record that came with the source
local release, host = require "release", require("here").host
host:sh "mkdir releases"
release.build(host, "releases/1", {}, function(new)
  host:sh("cd " .. new.dir .. "; echo a >.new.css; mkdir .new.d; echo b >.new.d/x; mkdir -p .farmrun/farmrun-patches; echo p >.farmrun/farmrun-patches/p; ln .new.css css; echo '-rw-r--r-- 0:0 1 css' >.farmrun/farmrun-source")
end, function() end)
release.build(host, "releases/2", {}, function(new)
  host:sh("cd " .. new.dir .. "; echo a >.new.css; mkdir CVS; echo /.new.css/1.1/// >CVS/Entries")
end)
print(#release.carried(host, "releases/1"), release.inspect(host, "releases/1").files, release.inspect(host, "releases/2").files)  --= 0	3	1
print(#release.changes(host, "releases/1"))  --= 0

--- what releases have from their source is compared
local release, host = require "release", require("here").host
host:sh "mkdir releases"
local function make(name, line, adapt)
  return release.build(host, "releases/" .. name, {}, function(new)
    host:sh("cd " .. new.dir .. "; echo a >a; mkdir d; echo b >'d/b c'; ln -s nowhere l; mkdir CVS; echo root >CVS/Root; " .. line)
  end, function(new) host:sh("cd " .. new.dir .. "; echo patched >a; " .. (adapt or "")) end).content
end
local one = make("1", "")
print(one == make("2", "chmod go-r a; mkdir e; echo moved >CVS/Root", "ln -s a more"), one == release.inspect(host, "releases/1").content)  --= true	true
for name, line in pairs { x = "chmod +x a", y = "echo A >a", z = "rm l; ln -s somewhere l", new = ": >new", gone = "rm 'd/b c'" } do
  if make(name, line) == one then print(name .. " is not found") end
end
for _, record in ipairs(release.list(host, "releases", { content = true })) do
  if (record.content == one) ~= (record.name == "1" or record.name == "2") then print(record.name) end
end
print(#release.differences(host, host, "releases/1"))  --= 0

--- what the source has now
local release, host = require "release", require("here").host
host:sh "mkdir releases"
local function make(name) return release.build(host, "releases/" .. name, {}, function(new) host:sh("cd " .. new.dir .. "; cp -r /dev/null a; cat ~/f >b") end) end
host:sh "echo 1 >f"
make "1"
host:sh "echo 2 >f; cat f >releases/1/b; rm releases/1/a"
release.keep(host, "releases/1", { "a", "b" }, { source = true })
make "2"
host:sh "rm releases/2/a"
release.keep(host, "releases/2", { "a" })
print(release.inspect(host, "releases/1").content == release.inspect(host, "releases/2").content)  --= false
release.keep(host, "releases/2", { "a" }, { source = true })
print(release.inspect(host, "releases/1").content == release.inspect(host, "releases/2").content)  --= true
release.note_source(host, "releases/2", { b = "123" })
print(release.inspect(host, "releases/1").content == release.inspect(host, "releases/2").content)  --= false
release.keep(host, "releases/2", { "b" }, { source = true })
print(release.inspect(host, "releases/1").content == release.inspect(host, "releases/2").content)  --= true

--- a name that is taken
local release, host = require "release", require("here").host
host:sh "mkdir -p releases/1"
release.build(host, "releases/1", {}, function() end)    --! the name is taken

--- changes, and what is kept of them
local release, host = require "release", require("here").host
host:sh "mkdir releases"
release.build(host, "releases/1", {}, function(new)
  host:sh("cd " .. new.dir .. "; for f in a b c 'd e' x; do echo $f >\"$f\"; done; ln -s a l; ln -s b m; mkdir CVS; echo T1 >CVS/Tag")
end)
local function show()
  for _, change in ipairs(release.changes(host, "releases/1")) do print(change.how, change.path) end
end
show()
host:sh "cd releases/1; touch -r a t; echo A >a; touch -r t a; rm b t; echo n >'n w'; chmod a+w c; rm l; ln -s c l; rm x; mkdir x; touch x/y"
host:sh "cd releases/1; echo T2 >CVS/Tag; echo zz >'d e'; touch CVS/Entries; rm -r 'd e'; ln -s c 'd e'"
show()
--= changed	CVS/Tag
--= changed	a
--= missing	b
--= mode	c
--= changed	d e
--= link	l
--= link	m
--= new	n w
--= missing	x
--= new	x/y
release.keep(host, "releases/1", { "a", "b", "n w", "d e", "l", "m", "CVS/Tag" })
print "kept"
--= kept
show()
--= mode	c
--= missing	x
--= new	x/y

--- a note that is written down later
local release, host = require "release", require("here").host
host:sh "mkdir releases"
release.build(host, "releases/1", { notes = { tag = "T", ["has it"] = "1" } }, function(new) host:sh("echo >" .. new.dir .. "/a") end)
release.note(host, "releases/1", "has it", "2")
release.note(host, "releases/1", "has", "3")
local record = release.inspect(host, "releases/1")
print(record.notes.tag, record.notes["has it"], record.notes.has, record.files)  --= T	2	3	1
print(select(2, pcall(release.note, host, "releases/1", "a", "b\nc")).message)    --= "a": "b\nc" is no note of a line
release.note(host, "releases", "a", "b")                                         --! the release is not complete

--- a name with a line end is kept as any other
local release, host = require "release", require("here").host
host:sh "mkdir releases"
release.build(host, "releases/1", {}, function(new) host:sh("cd " .. new.dir .. "; echo 1 >'a\nb'; echo 1 >c") end)
host:sh "cd releases/1; echo 2 >'a\nb'; echo 2 >c"
release.keep(host, "releases/1", { "a\nb" })
for _, change in ipairs(release.changes(host, "releases/1")) do print(change.how, change.path) end
--= changed	c

--- a release that begins with another
local release, host = require "release", require("here").host
host:sh "mkdir releases"
release.build(host, "releases/1", {}, function(new)
  host:sh("cd " .. new.dir .. "; mkdir CVS d d/CVS; for f in a b c d/d; do echo 1 >$f; done; echo T1 >CVS/Tag; cp CVS/Tag d/CVS; ln -s a l")
end, function(new) host:sh("cd " .. new.dir .. "; cp a a.orig; rm a; echo patched >a") end)
host:sh "cd releases/1; rm b; echo 2 >b; echo more >more"
release.build(host, "releases/2", { from = "releases/1" }, function(new)
  print(host:sh("cd " .. new.dir .. "; echo *; ls -A CVS"))
--= CVS c d l
--= Tag
--= farmrun-began
--= farmrun-source
  host:sh("cd " .. new.dir .. "; echo T2 >CVS/Tag; echo T2 >d/CVS/Tag; echo 3 >a; echo 3 >b; rm c; echo 3 >c")
end)
print(host:sh "cd releases; cat 1/CVS/Tag 1/d/CVS/Tag 1/c; stat -c %h 1/d/d 2/c")
--= T1
--= T1
--= 1
--= 2
--= 1
print(#release.changes(host, "releases/2"), release.inspect(host, "releases/2").files)  --= 0	5

--- what is changed out of sight
local release, host = require "release", require("here").host
host:sh "mkdir releases"
local function fill(new)
  host:sh("cd " .. new.dir .. [[; umask 022; mkdir CVS d e d/CVS; echo R | tee CVS/Root >d/CVS/Root; touch 'a -> b' d/f "a
b"; ln -s d 'c -> d']])
end
release.build(host, "releases/1", {}, fill)
local function show()
  for _, change in ipairs(release.changes(host, "releases/1")) do print(change.how, change.path) end
end
show()
host:sh [[cd releases/1; chmod 777 . d; mkdir .git n d/.git; touch .git/x d/.git/y CVS/Entries CVS/hidden d/CVS/farmrun-x n/n 'n
l' CVS/Template; echo more >"a
b"; ln -sfn e 'c -> d']]
show()
--= mode	.
--= new	.git/x
--= new	CVS/hidden
--= changed	a?b
--= link	c ?> d
--= mode	d
--= new	d/.git/y
--= new	d/CVS/farmrun-x
--= new	n/n
--= new	n?l

--- nothing that was done to a release by hand is in one that begins with it
local release, host = require "release", require("here").host
host:sh "mkdir releases"
release.build(host, "releases/1", {}, function(new)
  host:sh("cd " .. new.dir .. [[; umask 022; mkdir CVS d d/CVS e e/CVS; echo R | tee CVS/Root d/CVS/Root >e/CVS/Root; touch f g d/f e/f]])
end)
host:sh [[cd releases/1; chmod 777 d; mkdir .git n n/CVS d/.git; touch .git/x d/.git/y CVS/Hidden n/CVS/Entries n/n; ln -s n 'l -> n'; touch 'n
l'; rm f; mkdir f; mkfifo fifo; rm -r e/CVS]]
local function begun(new) return new.from, host:sh("cd " .. new.dir .. "; find . -name 'farmrun-*' -prune -o -printf '%M %p\n' | sort") end
release.build(host, "releases/2", { from = "releases/1" }, function(new)
  print(begun(new))
--= releases/1	-rw-r--r-- ./CVS/Root
--= -rw-r--r-- ./d/CVS/Root
--= -rw-r--r-- ./d/f
--= -rw-r--r-- ./g
--= drwxr-xr-x .
--= drwxr-xr-x ./CVS
--= drwxr-xr-x ./d
--= drwxr-xr-x ./d/CVS
end)
host:sh "rm releases/2/CVS/Root"
release.build(host, "releases/3", { from = "releases/2" }, function(new)
  print(new.from == "", begun(new))                      --= true		drwxr-xr-x .
  host:sh("touch " .. new.dir .. "/x")
end)

--- a file that is shared, but has got another name
local release, host = require "release", require("here").host
host:sh "mkdir releases"
release.build(host, "releases/1", {}, function(new) host:sh("cd " .. new.dir .. "; echo a >a; echo b >b; echo c >c") end)
release.build(host, "releases/2", { from = "releases/1" }, function() end, function(new)
  host:sh("cd " .. new.dir .. [[; mv a a.orig; echo A >a; ln b 'b -> b'; mv c 'it''s $c']])
end)
print(#release.changes(host, "releases/2"), release.inspect(host, "releases/2").files)  --= 0	5
host:sh "echo more >>releases/1/b"
for _, change in ipairs(release.changes(host, "releases/2")) do print(change.how, change.path) end
--= changed	b
--= changed	b -> b

--- what nobody has touched since it was read is not read again
local release, host = require "release", require("here").host
host:sh "mkdir releases"
local function same(new) return host:sh("cd " .. new.dir .. "; echo *") end
local function build(name, from, fill)
  return release.build(host, "releases/" .. name, { from = from }, fill or function(new) print(name, same(new)) end)
end
build("1", nil, function(new) host:sh("cd " .. new.dir .. "; echo a >a; echo b >b; echo c >c; echo d >d") end)
local list = "releases/1/.farmrun/farmrun-files"
host:sh("sed -i 's/^\\([^ ]* [^ ]*\\) [0-9]* b$/\\1 1 b/' " .. list)
build("2", "releases/1")                                 --= 2	a c d
build("3", "releases/2")                                 --= 3	a c d
host:sh "cd releases/3; touch -r a t; echo A >a; touch -r t a; rm t"  -- it is the file of 1 and 2 as well
build("4", "releases/3")                                 --= 4	c d
build("5", "releases/2", function(new)
  print("5", same(new))                                  --= 5	c d
  host:sh("cd releases/2; touch -r c t; until [ -n \"$(find c -cnewer ../../" .. new.dir ..
    "/.farmrun/farmrun-source)\" ]; do echo C >c; touch -r t c; done; rm t")
end)
build("6", "releases/5")                                 --= 6	d

--- what a build leaves that died is cleared away, and no other
local release, host = require "release", require("here").host
host:sh "mkdir -p releases/.farmrun-new.1.elsewhere-1.X releases/.farmrun-new.11.elsewhere-1.X; touch -d '3 days ago' releases/.farmrun-new.1*"
host:sh "mkdir -p releases/.farmrun-new.1.elsewhere-1.Y; mkdir releases/.farmrun-new.1.$(hostname | tr -c 'a-zA-Z0-9\\n' -)-99999999.Z"
release.build(host, "releases/1", {}, function(new) host:sh("echo a >" .. new.dir .. "/a") end)
print(host:sh "cd releases; echo .f* *")                 --= .farmrun-new.1.elsewhere-1.Y .farmrun-new.11.elsewhere-1.X 1
for _, r in ipairs(release.list(host, "releases")) do print(r.dir, r.time ~= nil) end
--= releases/1	true
--= releases/.farmrun-new.1.elsewhere-1.Y	false
--= releases/.farmrun-new.11.elsewhere-1.X	false

--- what is left of anything is swept away
local release, host = require "release", require("here").host
host:sh [[mkdir releases; cd releases; mkdir 1 .farmrun-gone.17 .farmrun-gone.17/d .farmrun-pull.1.17.X .farmrun-pull.2.17.X .farmrun-new.1.elsewhere-1.X
touch .farmrun-gone.17/d/f; chmod a-w .farmrun-gone.17/d; mkdir .farmrun-new.1.5.$(hostname | tr -c 'a-zA-Z0-9\n' -)-99999999.Z; touch -d '3 days ago' .farmrun-pull.2*]]
for _, r in ipairs(release.list(host, "releases")) do print((r.dir:gsub("%d%.[^.]*%-9.*", "dead"))) end
--= releases/1
--= releases/.farmrun-new.1.dead
--= releases/.farmrun-new.1.elsewhere-1.X
--= releases/.farmrun-pull.1.17.X
--= releases/.farmrun-pull.2.17.X
--= releases/.farmrun-gone.17
print(#release.sweep(host, "releases"), #release.sweep(host, "releases"))  --= 3	0
print(host:sh "ls -A releases")
--= .farmrun-new.1.elsewhere-1.X
--= .farmrun-pull.1.17.X
--= 1

--- what cannot be swept away does not keep the rest, and a name of two lines is no other one
local release, host = require "release", require("here").host
host:sh [[mkdir -p releases/.farmrun-gone.1 releases/.farmrun-gone.2 releases/2000-09-19 'releases/.farmrun-new.x
old 2000-09-19' 'releases/y
dir: z'
chmod 0 releases/.farmrun-gone.2]]
for _, r in ipairs(release.list(host, "releases")) do print(r.dir) end
--= releases/2000-09-19
--= releases/y?dir: z
--= releases/.farmrun-new.x?old 2000-09-19
--= releases/.farmrun-gone.1
--= releases/.farmrun-gone.2
print(#release.sweep(host, "releases"), host:sh "ls -d releases/2*")  --= 2	releases/2000-09-19

--- what a link leads to is not removed
local release, host = require "release", require("here").host
host:sh [[mkdir -p releases/1/d releases/10; ln -s releases/1/./d www; ln -s www more; ln -s releases/10 ten; ln -s nowhere dead]]
local ok, err = pcall(release.remove, host, "releases/1", { unless = { "dead", "ten", "more" } })
print(ok, err.kind, err.message)  --= false	refused	remove the release releases/1: it is in use: ./more leads to it
release.remove(host, "releases/1", { unless = { "ten", "dead" } })
print(host:sh "ls releases")      --= 10

--- a release takes the place of another when it is complete, unless a link leads to that
local release, here = require "release", require "here"
local host, links = here.host, { "www", "other" }
host:sh "mkdir releases"
local function build(text, replace, fails)
  return release.build(host, "releases/1", { from = text ~= "a" and "releases/1" or nil, replace = replace }, function(new)
    host:sh("rm -f " .. new.dir .. "/f; echo " .. text .. " >" .. new.dir .. "/f")
    if fails then error(fails, 0) end
  end)
end
print(build("a", links).files, select(2, pcall(build, "b")).kind)  --= 1	refused
print(tostring(select(2, pcall(build, "b", links, "no"))):match "%w+")  --= no
print(host:sh "cat releases/1/f")                                  --= a
host:sh "ln -s releases/1 www"
print(select(2, pcall(build, "b", links)).message)  --= name the release releases/1: it is in use: ./www leads to it
print(host:sh "cat releases/1/f; cd releases; echo $(ls -A)")   --= a
--= 1
host:sh "rm www; ln -s . releases/away; ln -s . other"
print(build("b", links).files, host:sh "cat releases/1/f; cd releases; echo $(ls -A)")  --= 1	b
--= 1 away
print(select(2, pcall(release.build, host, "releases/away", { replace = links }, print)).kind)  --= refused

--- what the application writes is no change
local release, host = require "release", require("here").host
host:sh "mkdir releases"
release.build(host, "releases/1", {}, function(new) host:sh("cd " .. new.dir .. "; mkdir cache; echo a >a; echo b >cache/b") end)
host:sh "cd releases/1; echo A >a; mkdir cache/d; echo >cache/d/x; rm cache/b; echo >t.tmp; echo >cached"
for _, change in ipairs(release.changes(host, "releases/1", { own = { "cache/", "*.tmp" } })) do print(change.how, change.path) end
--= changed	a
--= new	cached

--- a release that goes leaves those as they are that have files of it
local release, host = require "release", require("here").host
host:sh "mkdir releases"
release.build(host, "releases/1", {}, function(new) host:sh("cd " .. new.dir .. "; mkdir d; echo a >d/a; chmod 444 d/a; chmod 555 d") end)
release.build(host, "releases/2", { from = "releases/1" }, function() end)
release.remove(host, "releases/1")
print(#release.changes(host, "releases/2"), host:sh "ls -A releases")  --= 0	2

--- those that are complete, the newest first
local release, host = require "release", require("here").host
host:sh "mkdir -p releases/half; for name in 3 2 1 .farmrun-new.4.elsewhere-1.X; do mkdir -p releases/$name/.farmrun; done"
host:sh "cd releases; for name in 3 1 2 .f*; do echo \"time: 2000-09-19T22:1$((n+=1)):00Z\" >$name/.farmrun/farmrun-release; done"
for _, r in ipairs(release.list(host, "releases", { complete = true })) do print(r.name, r.dir) end
--= 2	releases/2
--= 1	releases/1
--= 3	releases/3

--- patches that a release carries
local release, host = require "release", require("here").host
host:sh "mkdir releases"
release.build(host, "releases/1", {}, function(new) host:sh("echo a >" .. new.dir .. "/a") end)
release.carry(host, "releases/1", "17", "a text\nwithout an end")
release.carry(host, "releases/1", "9", "")
for _, p in ipairs(release.carried(host, "releases/1")) do print(p.id, #p.text, p.hash == release.hash(p.text)) end
--= 17	21	true
--= 9	0	true
release.drop(host, "releases/1", "9")
print(#release.carried(host, "releases/1"), #release.changes(host, "releases/1"))  --= 1	0
release.drop(host, "releases/1", "9")                    --! the release carries no such patch

--- what cannot be a name
local release, host = require "release", require("here").host
host:sh "mkdir -p releases/1"
for _, id in ipairs { "", "../1", ".new", "a/b", "a\nb" } do
  for _, f in ipairs { release.carry, release.drop } do
    local _, e = pcall(f, host, "releases/1", id, f == release.carry and "text" or nil)
    assert(e.message:find("cannot be the name of a patch", 1, true), e.message)
  end
end
for _, dir in ipairs { "releases/..", "releases/.new", "/", "." } do
  local _, e = pcall(release.build, host, dir, {}, error)
  assert(e.message:find("cannot be the name of a release", 1, true), e.message)
end
for _, notes in ipairs { { ["tag: x"] = "1" }, { tag = "1\n2" } } do
  local _, e = pcall(release.build, host, "releases/2", { notes = notes }, function(new) host:sh("echo >" .. new.dir .. "/a") end)
  assert(e.message:find("is more than a line", 1, true), e.message)
end
print(host:sh "find releases")
--= releases
--= releases/1

--- a release that is bad, and one that goes
local release, host = require "release", require("here").host
host:sh "mkdir releases"
release.build(host, "releases/1", {}, function(new) host:sh("echo a >" .. new.dir .. "/a") end)
release.condemn(host, "releases/1", "the shop is empty")
release.condemn(host, "releases/1", "the till is empty")
print(release.inspect(host, "releases/1").bad)           --= the till is empty
release.condemn(host, "releases/1", "")
print(release.inspect(host, "releases/1").bad == "")     --= true
host:sh "chmod a-w releases/1"
release.remove(host, "releases/1")
print(host:sh "ls -A releases" == "")                     --= true
release.remove(host, "releases/1")                       --! there is no such directory
