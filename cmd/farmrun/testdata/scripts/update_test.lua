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
trial.has(trial.locked_out "update", "the farm is locked")
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

-- A patch does not hide a change of the file that it is of, nor does it count as new.
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

-- An update that was killed before it noted its work is repeated: it is no change
-- by hand then. A change by hand is one, though cvs does not see it.
trial.run("patch", "revert", "title")
trial.run("patch", "retire", "title")
trial.commit("Snapshot-2000-09-19", [[echo last news >>htdocs/about.html; mkdir other; echo >other/one; cvs -Q add other; cvs -Q add other/one
  rm htdocs/help.html; cvs -Q remove htdocs/help.html]])
trial.on("webserv1", "rm www/htdocs/orders.html; touch -r www/htdocs/prices.html when; tr a-y b-z <www/htdocs/prices.html >same; cat same >www/htdocs/prices.html; touch -r when www/htdocs/prices.html")
trial.on("webserv1", "cp www/htdocs/CVS/Entries entries")
trial.run("-e", [[local source, farm, cvs = require "cvs-pull-snapshot", require "farm", require "cvs"
  farm.each("webserv1", function(host) source.open_tunnel(host); cvs.update(host, { dir = "www" }) end)]])
trial.has(trial.ends(1, "status", "--check"), "releases/2000-09-19: missing htdocs/help.html")
trial.on("webserv1", "cp entries www/htdocs/CVS/Entries") -- cvs itself was killed
trial.run("update")
local told = trial.ends(1, "status", "--check"):gsub("[^\n]*[^%w]yes\n?", ""):gsub("SERVERS[^\n]*\n?", "")
trial.same(trial.sort(told), "webserv1: releases/2000-09-19: changed htdocs/prices.html")
trial.on("webserv1", "rm www/htdocs/prices.html")
trial.run("update")
trial.run("status", "--check")

-- A server that was updated by itself has another release than the others from then on.
trial.run("switchrel", "2000-09-19")
trial.commit("Snapshot-2000-09-19", "echo the very last news >>htdocs/about.html")
trial.run("update", "--hosts", "webserv1")
trial.has(trial.ends(1, "switchrel", "--hosts", "webserv2", "2000-09-19"), ": changed htdocs/about.html")
trial.run("update", "--hosts", "webserv2")
trial.run("switchrel", "--hosts", "webserv2", "2000-09-19")
