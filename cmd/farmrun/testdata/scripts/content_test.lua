-- A release is the same on all servers, whatever its source has done meanwhile: the
-- pull fetches what is right, or refuses.
local farm, trial = require "farm", require "trial"
local function use(name, was) trial.site { ["site.source = " .. ("%q"):format(was)] = "site.source = " .. ("%q"):format(name) } end
-- What the files of a release have in them, which must be the same on both servers.
local function sums(date)
  local function on(host) return trial.on(host, "cd releases/" .. date .. " && find . -type f ! -path '*/CVS/*' ! -path './.farmrun/*' -print0 | sort -z | xargs -0 cat") end
  local one, two = on "webserv1", on "webserv2"
  if one ~= two then error(("webserv1:\n%s\nwebserv2:\n%s"):format(one, two), 2) end
  return one
end

-- CVS: a commit on the branch between two pulls.
trial.writable()
local cvs = "Snapshot-2000-09-19"
trial.commit("", [[printf 'VERSION="$Name$"\n' >htdocs/kv.txt; cvs -Q add -kkv htdocs/kv.txt; cvs -Q commit -m kv; cvs -Q admin -kv htdocs/kv.txt
  for tag in 2000-09-19 2000-09-26; do cvs -Q rtag -F -b -r HEAD Snapshot-$tag site; done]])
trial.run("cvs-pull-snapshot", "2000-09-19")
trial.commit(cvs, "echo '<p>one' >>htdocs/index.html")

-- It keeps its name until the new one is complete, and for who works with it.
trial.on("webserv1", "echo '<p>by hand' >>releases/2000-09-19/htdocs/prices.html")
trial.has(trial.ends(1, "cvs-pull-snapshot", "2000-09-19"), "but 1 files were changed in it by hand, such as htdocs/prices.html")
trial.on("webserv1", "cd releases/2000-09-19/htdocs && sed -i /hand/d prices.html")
trial.has(trial.locked_out("cvs-pull-snapshot", "2000-09-19"), "the farm is locked")
farm.here():write(trial.folder .. "/no.patch", "--- gone\n+++ gone\n@@ -1 +1 @@\n-a\n+b\n")
trial.run("patch", "--id", "no", "--why", "it fits nowhere", "add", trial.folder .. "/no.patch")
trial.has(trial.ends(1, "cvs-pull-snapshot", "2000-09-19"), "the patch does not fit")
trial.run("patch", "retire", "no")
trial.same(trial.on("webserv1", "! grep '<p>one' releases/2000-09-19/htdocs/index.html && echo $(ls -A releases)"), "2000-09-12 2000-09-19")
trial.has(trial.run("cvs-pull-snapshot", "2000-09-19"),
  "webserv1: releases/2000-09-19 is pulled anew: 1 files of " .. cvs .. " are others now, such as htdocs/index.html")
trial.has(sums "2000-09-19", "<p>one")
trial.run("switchrel", "--hosts", "webserv1", "2000-09-19")
trial.same(trial.run("cvs-pull-snapshot", "2000-09-19"), "webserv1: releases/2000-09-19 is there already\nwebserv2: releases/2000-09-19 is there already")
trial.commit(cvs, "echo '<p>two' >>htdocs/index.html; rm htdocs/robots.txt; cvs -Q remove htdocs/robots.txt; echo >htdocs/more.html; cvs -Q add htdocs/more.html")
trial.has(trial.ends(1, "cvs-pull-snapshot", "2000-09-19"), "webserv1: releases/2000-09-19 is in use here, and is not what it would be if it were pulled now: 3 files")

-- A server that is new has it as it is now: that is said, and update evens it out.
local differs = "webserv2: releases/2000-09-19 is not that of webserv1: changed htdocs/index.html, new htdocs/more.html, missing htdocs/robots.txt"
local pulled = trial.ends(1, "cvs-pull-snapshot", "--hosts", "webserv2", "2000-09-19")
trial.has(pulled, "is pulled anew")
trial.has(pulled, differs)
trial.has(trial.ends(1, "cutover", "2000-09-19"), differs)
trial.has(trial.ends(1, "status", "--check"), differs)
trial.run("update", "--hosts", "webserv1")
trial.run("cvs-pull-snapshot", "2000-09-19")
trial.run("switchrel", "2000-09-19")
local state = trial.run "status"
if state:find("is not that of", 1, true) then error(state) end

-- A file with the value of $Name$ alone is another one in each release, whether it
-- begins with another release or not.
trial.on("webserv2", "rm -rf releases/2000-09-12; mv releases/2000-09-19 away; ln -sfn away www")
trial.run("cvs-pull-snapshot", "2000-09-26")
trial.has(sums "2000-09-26", 'VERSION="Snapshot-2000-09-26"')
trial.on("webserv2", "mv away releases/2000-09-19; ln -sfn releases/2000-09-19 www")

-- git: a tag that is moved, a repository that has moved, and an address that nobody
-- is to see. Each server has the repository for itself.
use("git", "cvs")
local secret, repository = "http://deploy:SECRET@example.org/site.git", "/tmp/site"
local commits = 0
local function git(line)
  commits = commits + 1
  trial.on("webserv[1-2]", ([[cd %q && { %s; } && git add . && export GIT_AUTHOR_DATE='%d +0000' GIT_COMMITTER_DATE='%d +0000' &&
    git -c user.name=rel -c user.email=rel@example.org commit -qm new && git tag -f Snapshot-2000-10-17 >&2]])
    :format(repository, line, 976000000 + commits, 976000000 + commits))
end
trial.on("webserv[1-2]", ("git init -q %q"):format(repository))
git "mkdir htdocs; echo first >htdocs/page; echo new >htdocs/.new.css"
trial.site {
  ['"git://127.0.0.1:9418/site.git"'] = ("%q"):format(repository),
  ['listen = 9418, server = "dev:9418"'] = ("listen = 0, server = %q"):format(trial.server),
}
trial.run("git-pull-snapshot", "--hosts", "webserv1", "2000-10-17")
git "echo second >htdocs/page"
trial.has(trial.run("git-pull-snapshot", "2000-10-17"), "webserv1: releases/2000-10-17 is pulled anew: it came from ")
trial.same(sums "2000-10-17", "new\nsecond")
trial.on("webserv[1-2]", ("mv %q %q.moved && git config --global url.%q.insteadOf %q"):format(repository, repository,
  repository .. ".moved", (secret:gsub("deploy:SECRET@", ""))))
trial.site { [("%q"):format(repository)] = ("%q"):format(secret) }
repository = repository .. ".moved"
git "echo third >htdocs/page"
local said = trial.run("--dry-run", "git-pull-snapshot", "2000-10-17") .. trial.run("git-pull-snapshot", "2000-10-17")
  .. trial.ends(1, "git-pull-snapshot", "2000-10-24")
trial.same(sums "2000-10-17", "new\nthird")
said = said .. trial.on("webserv[1-2]", "grep -r SECRET releases site.git || true")
trial.on("webserv[1-2]", "rm .gitconfig")
said = said .. trial.ends(1, "git-pull-snapshot", "2000-10-17")
if said:find "SECRET" then error(said) end
trial.site { [secret] = repository }

-- A server that is worked on by itself meets the others all the same, whoever has worked
-- on them: no journal has it.
trial.run("git-pull-snapshot", "2000-10-17")
trial.on("webserv1", "ln -sfn releases/2000-10-17 www")
git "echo fourth >htdocs/page"
local other = "webserv2: releases/2000-10-17 is not that of webserv1: changed htdocs/page"
trial.has(trial.ends(1, "git-pull-snapshot", "--hosts", "webserv2", "2000-10-17"), other)
trial.has(trial.ends(1, "cutover", "--allow-sick", "--hosts", "webserv2", "2000-10-17"), other)
trial.has(trial.ends(1, "switchrel", "--hosts", "webserv2", "2000-10-17"), other)
trial.has(trial.ends(1, "status", "--check", "--hosts", "webserv2"), other)
trial.on("webserv1", "ln -sfn releases/2000-09-12 www")
trial.run("git-pull-snapshot", "2000-10-17")

-- Where it is in use it is not replaced.
trial.on("webserv[1-2]", "ln -sfn releases/2000-10-17 www")
git "echo fifth >htdocs/page"
local in_use = "releases/2000-10-17 is in use here, and is not what it would be if it were pulled now: it came from "
trial.has(trial.ends(1, "git-pull-snapshot", "2000-10-17"), in_use)
trial.same(sums "2000-10-17", "new\nfourth")
trial.on("webserv[1-2]", "ln -sfn releases/2000-09-12 www; rm -f www.former")

-- Of a branch and a tag of one name it is the tag.
trial.on("webserv[1-2]", ("cd %q && git branch Snapshot-2000-10-24 HEAD~1 && git -c user.name=rel -c user.email=rel@example.org tag -m new Snapshot-2000-10-24"):format(repository))
trial.run("git-pull-snapshot", "2000-10-24")
trial.same(sums "2000-10-24", "new\nfifth")

-- What git leaves out is no release.
git "git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),htdocs/lib; mkdir htdocs/lib"
trial.has(trial.ends(1, "git-pull-snapshot", "2000-10-17"), "would be missing: htdocs/lib")
git [[git rm -q --cached htdocs/lib; rmdir htdocs/lib; echo '*.mp4 filter=lfs' >.gitattributes
  git config filter.lfs.clean cat
  printf 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n' >'htdocs/a film.mp4'
  for name in café '"q"' 'two
lines'; do cp htdocs/*film.mp4 "htdocs/$name.mp4"; done]]
local lacks = trial.ends(1, "git-pull-snapshot", "2000-10-17")
trial.has(lacks, ("put Snapshot-2000-10-17 of %s into a release: exit status 1"):format(repository))
if lacks:find("sh -c", 1, true) or lacks:find(".farmrun-new", 1, true) then error(lacks) end
for _, name in ipairs { "a film", "café", '"q"', "two?lines" } do trial.has(lacks, ("htdocs/%s.mp4"):format(name)) end

-- rsync: another content of the same size and time, and a release as the source.
use("rsync", "git")
trial.on("webserv[1-2]", [[cd /tmp && mkdir -p area/Snapshot-2000-12-05/htdocs/.x && cd area && echo price 100 >Snapshot-2000-12-05/htdocs/price
  mkdir -p Snapshot-2000-12-05/.farmrun/farmrun-patches && touch Snapshot-2000-12-05/.farmrun/farmrun-patches/theirs
  cp -r Snapshot-2000-12-05 Snapshot-2000-12-12 && echo price 999 >Snapshot-2000-12-12/htdocs/price && find . -type f -exec touch -d @976000000 {} +]])
trial.site {
  ['"rsync://127.0.0.1:8730/site"'] = '"/tmp/area"',
  ['listen = 8730, server = "dev:873"'] = ("listen = 0, server = %q"):format(trial.server),
}
trial.run("rsync-pull-snapshot", "--hosts", "webserv1", "2000-12-05")
trial.run("rsync-pull-snapshot", "2000-12-12")
trial.same(sums "2000-12-12", "price 999")
trial.same(trial.on("webserv1", "ls -A releases/2000-12-12/.farmrun | grep patches || true"), "")
trial.on("webserv[1-2]", [[cd /tmp/area/Snapshot-2000-12-12/htdocs; touch .x/café '.x/two
lines'; echo more >x; touch -d @976000000 x .x/*]])
trial.has(trial.run("rsync-pull-snapshot", "2000-12-12"), "webserv2: releases/2000-12-12 is pulled anew")
trial.same(sums "2000-12-12", "price 999\nmore")

-- So does another content of a release that is there, if nobody has changed it there.
local touched = "find /tmp/area -type f -exec touch -d @976000000 {} +"
trial.has(trial.run("rsync-pull-snapshot", "2000-12-12"), "webserv2: releases/2000-12-12 is there already")
trial.on("webserv[1-2]", "rm releases/2000-12-12/htdocs/x; echo by hand | tee releases/2000-12-12/htdocs/x releases/2000-12-12/htdocs/.x/*; " .. touched)
trial.has(trial.run("rsync-pull-snapshot", "2000-12-12"), "webserv2: releases/2000-12-12 is there already")
trial.on("webserv[1-2]", "cd releases/2000-12-12/htdocs; echo more >x; : | tee .x/*; echo price 000 >/tmp/area/Snapshot-2000-12-12/htdocs/price; " .. touched)
trial.has(trial.run("rsync-pull-snapshot", "2000-12-12"), "has another htdocs/price now")
trial.same(sums "2000-12-12", "price 000\nmore")

-- Where it is in use it is not replaced.
trial.on("webserv[1-2]", "ln -sfn releases/2000-12-12 www")
trial.on("webserv[1-2]", "echo more >>/tmp/area/Snapshot-2000-12-12/htdocs/x; " .. touched)
trial.has(trial.ends(1, "rsync-pull-snapshot", "2000-12-12"),
  "releases/2000-12-12 is in use here, and is not what it would be if it were pulled now: /tmp/area")

-- A password in the address is in no error, which names the task in words.
trial.site { ['"/tmp/area"'] = '"rsync://deploy:SECRET@127.0.0.1:1/site"' }
local failed = trial.ends(1, "rsync-pull-snapshot", "2000-12-19") .. trial.ends(1, "--dry-run", "rsync-pull-snapshot", "2000-12-19")
trial.has(failed, "list the files of rsync://deploy@127.0.0.1:1/site/Snapshot-2000-12-19/: exit status")
if failed:find "SECRET" then error(failed) end
