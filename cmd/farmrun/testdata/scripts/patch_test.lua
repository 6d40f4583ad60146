-- A patch on its way: made of what was changed by hand, applied, taken out, retired.
local trial = require "trial"
trial.writable()
for _, date in ipairs { "2000-09-19", "2000-09-26" } do
  trial.commit("Snapshot-" .. date, [[seq 9 >htdocs/list; printf '# $%s$\nrelease $%s$\nend\n' Id Name >htdocs/version
    cvs -Q add htdocs/list htdocs/version]])
end
trial.run("cvs-pull-snapshot", "2000-09-19")
trial.run("switchrel", "2000-09-19")
trial.on("webserv1", "sed -i 's/Prices/Our prices/' www/htdocs/index.html")
local carried = "grep -c 'Our prices' www/htdocs/index.html; ls www/CVS/farmrun-patches 2>/dev/null || true"

local take = { "patch", "take", "--for", "@web", "--why", "a try", "--id", "prices", "webserv1", "www/htdocs" }
trial.has(trial.dry(unpack(take)), "webserv1: FARM/patches/prices.patch")
trial.run(unpack(take))

trial.same(trial.dry("patch", "apply"), [[
  prices: would be applied on 1 of 2 servers, in already on the others
  webserv2: would apply the patch prices]])
trial.same(trial.run("patch", "apply"), "prices: applied on 1 of 2 servers, in already on the others")
trial.same(trial.on("webserv[1-2]", carried), "1\nprices\n1\nprices")
trial.has(trial.run("patch", "list"), "releases/2000-09-19: webserv[1-2]")
trial.has(trial.ends(1, "patch", "retire", "prices"), "what is on the air on webserv[1-2] carries it still")

trial.same(trial.dry("patch", "revert", "prices"), [[
  prices: would be taken out on 2 of 2 servers
  webserv1: would run: revert a patch of htdocs/index.html in www
  webserv2: would run: revert a patch of htdocs/index.html in www]])
trial.same(trial.run("patch", "revert", "prices"), "prices: taken out on 2 of 2 servers")
trial.same(trial.on("webserv[1-2]", carried), "0\n0")

trial.has(trial.dry("patch", "retire", "prices"), "prices: would be retired")
trial.same(trial.run("patch", "retire", "prices"), "prices: retired")
trial.same(trial.run("patch", "list"), "")
trial.has(trial.ends(1, "patch", "apply", "prices"), "there is no patch prices")
trial.has(trial.ends(2, "patch", "aply", "prices"), 'there is no action "aply"')
trial.has(trial.ends(2, "patch", "apply", "prices", "more"), "wrong number of arguments to apply")

-- What is no patch is not taken in, and the ledger goes on.
local farm = require "farm"
local function write(name, text) farm.here():write(trial.folder .. "/" .. name, text) end
write("note.patch", "--- a note\nto nobody\n")
trial.has(trial.ends(1, "patch", "add", "--why", "a try", trial.folder .. "/note.patch"), "there is no patch in it")
trial.same(trial.run("patch", "list"), "")

-- A context diff is one, and git's, whose first file has no lines. Servers that the
-- site has no more do not matter.
write("list.patch", "*** htdocs/list\n--- htdocs/list\n***************\n*** 4,6 ****\n  4\n! 5\n  6\n--- 4,6 ----\n  4\n! five\n  6\n")
write("tool.patch", "From: anna\nSubject: a tool\n---\ndiff --git a/htdocs/empty b/htdocs/empty\nnew file mode 100644\nindex 0000000..e69de29\n" ..
  "diff --git a/htdocs/tool b/htdocs/tool\nnew file mode 100755\nindex 0000000..ce01362\n--- /dev/null\n+++ b/htdocs/tool\n@@ -0,0 +1 @@\n+hello\n")
trial.run("patch", "add", "--why", "a try", trial.folder .. "/list.patch")
trial.run("patch", "add", "--why", "a try", trial.folder .. "/tool.patch")
write("patches/past.patch", "id: past\nwho: anna\nwhen: 2000-09-20\nwhy: of old\nhosts: webserv[2-6]\n\n" ..
  "--- htdocs/list\n+++ htdocs/list\n@@ -4,3 +4,3 @@\n 4\n-five\n+cinq\n 6\n")

-- A dry run knows what would be in by then.
trial.same(trial.dry("patch", "apply"), [[
  list: would be applied on 2 of 2 servers
  past: would be applied on 1 of 1 servers
  tool: would be applied on 2 of 2 servers
  webserv1: would apply the patch list
  webserv1: would apply the patch tool
  webserv2: would apply the patch list
  webserv2: would apply the patch past
  webserv2: would apply the patch tool]])
trial.same(trial.run("patch", "apply"), [[
  list: applied on 2 of 2 servers
  past: applied on 1 of 1 servers
  tool: applied on 2 of 2 servers]])
trial.same(trial.on("webserv[1-2]", "cd www/htdocs; sed -n 5p list; test -x tool && test -f empty && echo whole"), "five\nwhole\ncinq\nwhole")
trial.run("status", "--check")
for _, id in ipairs { "tool", "past", "list" } do trial.run("patch", "revert", id) end
trial.same(trial.on("webserv[1-2]", "cd www/htdocs; sed -n 5p list; ls -A | grep -e tool -e empty -e orig -e farmrun || :"), "5\n5")

-- Where it cannot be noted it does not stay, on any server.
trial.on("webserv2", "rmdir www/CVS/farmrun-patches; : >www/CVS/farmrun-patches")
trial.has(trial.ends(1, "patch", "apply", "tool"), "webserv2: note that www carries the patch tool")
trial.same(trial.on("webserv[1-2]", "cd www; ls -A htdocs | grep -e tool -e empty || :; ls CVS/farmrun-patches/* 2>/dev/null || echo none"), "none\nnone")
trial.on("webserv2", "rm www/CVS/farmrun-patches")

-- What the release has is not taken out of it. What was done by hand everywhere is
-- the patch's.
write("patches/list.patch", farm.here():read(trial.folder .. "/patches/list.patch"):gsub("\nhosts: [^\n]*", "\nhosts: webserv1"))
for _, id in ipairs { "past", "tool" } do trial.run("patch", "retire", id) end
trial.commit("Snapshot-2000-09-26", "sed -i s/5/five/ htdocs/list")
trial.has(trial.run("cvs-pull-snapshot", "2000-09-26"), "webserv1: patch list: the release has it; it can be retired")
write("patches/list.patch", farm.here():read(trial.folder .. "/patches/list.patch"):gsub("a try", "news"))
trial.has(trial.run("status", "--all"), "webserv1: releases/2000-09-26 lacks patch list")
trial.has(trial.run("patch", "--release", "2000-09-26", "apply"), "webserv1: patch list: the release has it; it can be retired")
local status = trial.run("status", "--all")
if status:find("2000-09-26 lacks", 1, true) then error(status) end
trial.same(trial.run("patch", "--release", "2000-09-26", "revert", "list"), "list: taken out on 0 of 2 servers")
trial.same(trial.on("webserv1", "sed -n 5p releases/2000-09-26/htdocs/list"), "five")
trial.on("webserv1", "sed -i s/5/five/ www/htdocs/list")
trial.same(trial.run("patch", "apply"), "list: applied on 0 of 1 servers, in already on the others")
trial.same(trial.run("patch", "revert", "list"), "list: taken out on 1 of 2 servers")
trial.run("patch", "retire", "list")

-- One that is made of a file with keywords fits the next release, and goes again.
trial.on("webserv1", "sed -i '2a by hand' www/htdocs/version; echo page >>www/htdocs/index.html")
trial.run("patch", "take", "--why", "a try", "webserv1", "www/htdocs/version")
trial.on("webserv1", "rm -r releases/2000-09-26")
trial.has(trial.run("cvs-pull-snapshot", "--hosts", "webserv1", "2000-09-26"), "patch htdocs-version: applied")
trial.same(trial.on("webserv1", "sed 's/Id: .* web /Id: /; 1d' releases/2000-09-26/htdocs/version"), "release $Name: Snapshot-2000-09-26 $\nby hand\nend")
trial.run("patch", "revert", "htdocs-version")
trial.same(trial.on("webserv1", "cd www/htdocs; cvs -q diff version; tail -n 2 version"), "release $Name: Snapshot-2000-09-19 $\nend")

-- So does one of a file that has the values alone, and one that has a blank in its name.
-- A commit on the branch is no part of one.
trial.run("patch", "retire", "htdocs-version")
for _, date in ipairs { "2000-09-19", "2000-09-26" } do
  trial.commit("Snapshot-" .. date, [[printf 'VERSION="$%s$"\n1\n2\n3\n' Name >'htdocs/the version'; cvs -Q add -kkv 'htdocs/the version'
    cvs -Q commit -m kv; cvs -Q admin -kv 'htdocs/the version'; cvs -Q update -A]])
end
for _, server in ipairs { "webserv1", "webserv2" } do
  trial.on(server, "rm -rf releases/2000-09-26; ln -sfn releases/2000-09-12 www; rm -r releases/2000-09-19")
end
trial.run("cvs-pull-snapshot", "2000-09-19")
trial.run("switchrel", "2000-09-19")
trial.on("webserv1", "cd www/htdocs; sed -i '$a by hand' 'the version'; echo more >>list")
trial.run("patch", "take", "--id", "kv", "--why", "a try", "webserv1", "www/htdocs/the version")
local text = farm.here():read(trial.folder .. "/patches/kv.patch")
if text:find "\n%-%w" then error(text) end
trial.run("cvs-pull-snapshot", "--hosts", "webserv1", "2000-09-26")
trial.same(trial.on("webserv1", "sed -n '1p; $p' 'releases/2000-09-26/htdocs/the version'"), 'VERSION="Snapshot-2000-09-26"\nby hand')
trial.commit("Snapshot-2000-09-19", "sed -i 1d htdocs/list")
trial.has(trial.ends(1, "patch", "take", "--why", "a try", "webserv1", "www/htdocs/list"), "htdocs/list is another one on the branch, too")

-- It is the second release of a day that is meant.
trial.has(trial.ends(1, "patch", "--release", "2000-09-19.2", "apply", "kv"), "releases/2000-09-19.2: there is no such directory")

-- A patch that the release has is told from ours, though one of ours is of the same file.
for _, action in ipairs { "revert", "retire" } do trial.run("patch", action, "kv") end
local function of_list(id, line, to)
  write("patches/" .. id .. ".patch", ("id: %s\nwho: anna\nwhen: 2000-09-20\nwhy: a try\nhosts: webserv1\n\n"):format(id)
    .. ("--- htdocs/list\n+++ htdocs/list\n@@ -%d,3 +%d,3 @@\n %d\n-%d\n+%s\n %d\n"):format(line - 1, line - 1, line - 1, line, to, line + 1))
end
of_list("a-ours", 2, "two")
of_list("b-theirs", 5, "five")
trial.on("webserv1", "rm -r releases/2000-09-26")
local said = trial.run("cvs-pull-snapshot", "--hosts", "webserv1", "2000-09-26")
trial.has(said, "patch a-ours: applied")
trial.has(said, "patch b-theirs: the release has it; it can be retired")

-- Changes by hand in a file do not make a patch that the release has one of ours.
local apply = { "patch", "--hosts", "webserv1", "--release", "2000-09-26", "apply", "c-theirs" }
of_list("c-theirs", 5, "five")
trial.run("patch", "retire", "b-theirs")
trial.on("webserv1", "echo by hand >>releases/2000-09-26/htdocs/list")
trial.has(trial.ends(1, unpack(apply)), "htdocs/list has more changes by hand than the patch c-theirs")
trial.on("webserv1", "sed -i '/by hand/d' releases/2000-09-26/htdocs/list")
trial.has(trial.run(unpack(apply)), "patch c-theirs: the release has it; it can be retired")

-- The error about a set of hosts names the file.
write("patches/c-theirs.patch", farm.here():read(trial.folder .. "/patches/c-theirs.patch"):gsub("\nhosts: [^\n]*", "\nhosts: webserv[1"))
trial.has(trial.ends(1, "cvs-pull-snapshot", "--hosts", "webserv2", "2000-09-26"), "FARM/patches/c-theirs.patch: hosts: ")
