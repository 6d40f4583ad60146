-- Servers get what is new on their branch, and keep what was changed by hand;
-- where that would be a conflict, none is touched.
local trial = require "trial"
trial.writable()
trial.run("cvs-pull-snapshot", "2000-09-19")
trial.run("switchrel", "2000-09-19")
trial.on("webserv1", "echo by hand >>www/htdocs/index.html")

trial.commit("Snapshot-2000-09-19", "echo news >>htdocs/about.html")
trial.same(trial.dry("update"), [[
  webserv1: would run: cvs update in www
  webserv1: would update htdocs/about.html
  webserv2: would run: cvs update in www
  webserv2: would update htdocs/about.html]])
trial.same(trial.run("update"), [[
  webserv1: M htdocs/index.html
  webserv1: P htdocs/about.html
  webserv2: P htdocs/about.html]])
trial.same(trial.on("webserv[1-2]", "tail -qn1 www/htdocs/about.html www/htdocs/index.html"), [[
  news
  by hand
  news
  </html>]])

trial.commit("Snapshot-2000-09-19", "echo theirs >>htdocs/index.html")
trial.has(trial.ends(1, "update"), "webserv1: cvs update in www: conflict in htdocs/index.html")
trial.same(trial.on("webserv2", "tail -n1 www/htdocs/index.html"), "</html>")

-- A patch does not hide what is new in the file that it is of, nor does it count as new.
local farm = require "farm"
trial.on("webserv1", "sed -i '/by hand/d' www/htdocs/index.html")
farm.here():write(trial.folder .. "/title.patch", "--- htdocs/about.html\n+++ htdocs/about.html\n@@ -1,2 +1,3 @@\n+<!-- ours -->\n <html>\n " ..
  trial.on("webserv1", "sed -n 2p www/htdocs/about.html") .. "\n")
trial.run("patch", "--for", "webserv1", "--why", "a try", "add", trial.folder .. "/title.patch")
trial.run("patch", "apply")
trial.run "update"
trial.run("status", "--check")
trial.commit("Snapshot-2000-09-19", "echo more news >>htdocs/about.html")
trial.run("update", "--hosts", "webserv2")
trial.has(trial.ends(1, "status", "--check"), "releases/2000-09-19 is not that of webserv1: changed htdocs/about.html")
trial.has(trial.run("update", "--hosts", "webserv1"), "Merging differences")
trial.same(trial.on("webserv1", "sed -n '1p; $p' www/htdocs/about.html"), "<!-- ours -->\nmore news")
trial.run("status", "--check")
trial.run("status", "--check", "--hosts", "webserv2")
