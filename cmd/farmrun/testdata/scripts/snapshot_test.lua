-- A release is made once, and the list says what is new in it.
local trial = require "trial"
trial.writable()

local words = { "snapshot", "--from", "Snapshot-2000-09-12", "2000-09-20" }
local list = [[
  changed  README  1.1.1.2 -> 1.1.1.1
  changed  htdocs/index.html  1.1.1.2 -> 1.1.1.1
  changed  htdocs/news/index.html  1.1.1.2 -> 1.1.1.1
  changed  htdocs/prices.html  1.1.1.2 -> 1.1.1.1
  removed  htdocs/news/2000-09-19.html  1.1.1.1
Snapshot-2000-09-20: 5 files differ from the release before]]
trial.same(trial.sort(trial.dry(unpack(words))),
  trial.sort(list .. "\nwebserv1: would run: cvs rtag of Snapshot-2000-09-20 in site"))
trial.same(trial.sort(trial.run(unpack(words))), trial.sort(list))
trial.run("cvs-pull-snapshot", "--hosts", "webserv1", "2000-09-20")
trial.has(trial.ends(1, "snapshot", "2000-09-20"), "there is a Snapshot-2000-09-20 already")
trial.has(trial.ends(2, "snapshot", "2000-02-30"), "February 2000 has 29 days")

-- A second one on the same day, which follows the first.
for _, date in ipairs { "2000-09-20.2", "2000-09-20.10" } do
  local differ = date == "2000-09-20.2" and 5 or 0
  trial.has(trial.run("snapshot", "--from", "Snapshot-2000-09-19", date), differ .. " files differ from the release before")
end
trial.has(trial.ends(2, "snapshot", "2000-09-20.1"), "the second one of 2000-09-20 is 2000-09-20.2")
trial.run("cutover", "--pull", "--hosts", "webserv1", "--settle", "0s", "2000-09-20")
trial.run("cutover", "--pull", "--hosts", "webserv1", "--settle", "0s", "2000-09-20.2")
trial.has(trial.run "status", "2000-09-20.2  2000-09-20")
trial.same(trial.on("webserv1", "readlink www; cat www/CVS/Tag"), "releases/2000-09-20.2\nTSnapshot-2000-09-20-2")
trial.has(trial.run("rollback", "--hosts", "webserv1", "--settle", "0s"), "2000-09-20.2 -> 2000-09-20")
