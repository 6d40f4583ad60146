--- checkout
local cvs, here = require "cvs", require "here"
local host = here.host
local o = { root = here.root, module = "site", dir = "new", tag = "Snapshot-1" }
host:sh "mkdir new"
print(cvs.checkout(host, o), host:sh "ls -d new/h*")         --= 4	new/htdocs
local ok, e = pcall(cvs.checkout, host, o)
print(ok, e.kind, e.hint)                                 --= false	refused	there is nothing to pull

--- update, status, diff and tag
local cvs, here = require "cvs", require "here"
local host = here.host
cvs.checkout(host, { root = here.rel, module = "site", dir = "w", timeout = "1m" })
host:sh "echo more >>w/htdocs/numbers; echo new >w/new"
local files, notes = cvs.update(host, { dir = "w" })
for _, f in ipairs(files) do print(f.status, f.path) end
--= ?	new
--= M	htdocs/numbers
print(#notes)                                             --= 0
for _, f in ipairs(cvs.status(host, { dir = "w" })) do
  if f.status ~= "Up-to-date" then print(f.status, f.working, f.path) end
end
--= Unknown		new
--= Locally Modified	1.1.1.1	htdocs/numbers
print(cvs.diff(host, { dir = "w" }):match("%+(more)"))    --= more
print(cvs.diff(host, { dir = "w", files = { "htdocs/index.html" } }) == "")  --= true
cvs.tag(host, "From-Lua", { dir = "w" })
print(cvs.find_tag(host, "From-Lua", { dir = "w" }).files)  --= 4
local ok, e = pcall(cvs.tag, host, "From-Lua", { dir = "w" })
print(ok, e.kind)                                         --= false	refused
cvs.tag(host, "Clean", { dir = "w", clean = true })       --! files are locally changed

--- tags of a module
local cvs, here = require "cvs", require "here"
cvs.rtag(here.host, "site", "Line", { root = here.root, from = "Snapshot-1", branch = true })
for _, t in ipairs(cvs.tags(here.host, { root = here.root, module = "site" })) do
  if t.name ~= "From-Lua" then print(t.name, t.branch, t.files) end
end
--= Line	true	4
--= Snapshot-1	false	4
--= V	true	4
local ok, e = pcall(cvs.find_tag, here.host, "Snapshot-2", { root = here.root, module = "site" })
print(ok, e.kind, e.message)                              --= false	refused	no file of site has the tag Snapshot-2
print(e.hint:match("^there is Snapshot%-1"))              --= there is Snapshot-1

--- conflicts
local cvs, here = require "cvs", require "here"
local host = here.host
cvs.checkout(host, { root = here.root, module = "site", dir = "w" })
host:sh("cvs -Q -d '" .. here.root .. "' co -d theirs site; cd theirs; sed -i s/^3$/three/ htdocs/numbers; cvs -Q ci -m three")
host:sh "sed -i s/^3$/drei/ w/htdocs/numbers"
local ok, e = pcall(cvs.update, host, { dir = "w", look = true })
print(ok, e.kind, e.message)  --= false	refused	cvs update in w: conflict in htdocs/numbers
local ok, e = pcall(cvs.update, host, { dir = "w" })
print(ok, e.kind, e.message)  --= false	failed	cvs update in w: conflict in htdocs/numbers
cvs.update(host, { dir = "w", clean = true, files = { "htdocs" } })
print(host:sh "cd w/htdocs; grep three numbers; grep drei .#numbers.conflict")  --= three
--= drei

--- a tunnel that is not there
local cvs, here = require "cvs", require "here"
local ok, e = pcall(cvs.tags, here.host, { root = ":pserver:anon@127.0.0.1:1/cvsroot", module = "site" })
print(ok, e.kind, e.hint)                                 --= false	unreachable	is the tunnel open?

--- no root
local cvs, here = require "cvs", require "here"
cvs.checkout(here.host, { module = "site", dir = "x" })   --! option "root" is missing

--- a misspelt option
local cvs, here = require "cvs", require "here"
cvs.update(here.host, { fils = { "a" } })                 --! did you mean "files"?

--- add, remove, commit, and what has changed since
local cvs, here = require "cvs", require "here"
local host, o = here.host, { root = here.rel, module = "site", dir = "w" }
cvs.checkout(host, o)
host:sh "cd w; mkdir -p htdocs/new/deep new; echo a >htdocs/new/deep/a; printf '\\0\\1' >new/gif; echo more >>htdocs/index.html; rm htdocs/numbers"
cvs.add(host, { dir = "w", files = { "new", "htdocs/new", "htdocs/new/deep" } })
cvs.add(host, { dir = "w", files = { "htdocs/new/deep/a" } })
cvs.add(host, { dir = "w", files = { "new/gif" }, binary = true })
cvs.remove(host, { dir = "w", files = { "htdocs/numbers" } })
print(cvs.commit(host, { dir = "w", message = "a try" }), cvs.commit(host, { dir = "w", message = "again" }))  --= true	false
host:sh("cvs -Q -d '" .. here.root .. "' co -d theirs site; cd theirs; cmp new/gif ../w/new/gif; ls htdocs; grep kb new/CVS/Entries")
for _, c in ipairs(cvs.changes(host, { root = here.root, module = "site", from = "Snapshot-1" })) do print(c.how, c.path, c.from .. ">" .. c.to) end
--= changed	htdocs/index.html	1.1.1.1>1.2
--= removed	htdocs/numbers	1.1.1.1>
--= new	htdocs/new/deep/a	>1.1
--= new	new/gif	>1.1
host:sh "cd theirs; echo theirs >>htdocs/index.html; cvs -Q ci -m theirs; cd ../w; echo mine >>htdocs/index.html"
cvs.commit(host, { dir = "w", message = "mine" })         --! conflict

--- a working copy that is moved
local cvs, here = require "cvs", require "here"
local host, o = here.host, { root = here.root, module = "site", tag = "Snapshot-1" }
cvs.checkout(host, { root = here.root, module = "site", dir = "w", tag = "V" })
host:sh "rm w/htdocs/numbers; touch w/stray"
local to = { dir = "w", tag = "Snapshot-1", revisions = cvs.revisions(host, o), look = true }
print(#cvs.move(host, to), host:sh "ls w/htdocs/numbers || echo none") --= 1	none
to.look = nil
print(select("#", pcall(cvs.move, host, to)), host:sh "ls w/htdocs/numbers || echo none") --= 2	none
host:sh "rm w/stray"
local fetched = cvs.move(host, to)
print(#fetched, fetched[1], host:sh "cat w/htdocs/CVS/Tag") --= 1	htdocs/numbers	NSnapshot-1
