-- The first release is checked out and the next begins with it, as the dry runs say.
local trial = require "trial"
local function pull(date) return "cvs-pull-snapshot", "--hosts", "webserv1", date end

trial.same(trial.dry(pull "2000-09-19"), [[
  webserv1: would run: begin the release releases/2000-09-19
  webserv1: would run: cvs checkout of site to releases/.farmrun-new.2000-09-19
  webserv1: would run: mkdir -p releases]])
trial.same(trial.run(pull "2000-09-19"), "webserv1: releases/2000-09-19: 20 files")

trial.same(trial.dry(pull "2000-09-26"), [[
  webserv1: would fetch 5 files, and what was changed in releases/2000-09-19
  webserv1: would run: begin the release releases/2000-09-26
  webserv1: would run: mkdir -p releases]])
trial.same(trial.run(pull "2000-09-26"), [[
  webserv1: 5 files fetched, the others are those of releases/2000-09-19
  webserv1: releases/2000-09-26: 21 files]])

trial.same(trial.dry(pull "2000-09-26"), "webserv1: releases/2000-09-26 is there already")
trial.same(trial.on("webserv1", "ls -A releases; readlink www"), [[
  2000-09-12
  2000-09-19
  2000-09-26
  releases/2000-09-12]])
trial.same(trial.on("webserv2", "ls -A releases"), "2000-09-12")

-- Of two pulls at once, which are at different sources or machines, one takes the name,
-- and the other leaves nothing; neither takes the other, at work, for one that died.
trial.on("webserv1", "rm -r releases/2000-09-26")
local words = {}
for _, word in ipairs(trial.words(pull "2000-09-26")) do words[#words + 1] = ("%q"):format(word) end
local both = ([[local farm, release = require "farm", require "release"
  farm.each("webserv1", function(host)
    release.build(host, "releases/2000-09-26", {}, function(new)
      host:run("echo other >" .. new.dir .. "/other")
      farm.here():run { %s }
      host:run { "test", "-f", new.dir .. "/other" }
    end)
  end)]]):format(table.concat(words, ", "))
trial.has(trial.ends(1, "-o", "ClearAllForwardings=yes", "-e", both), "name the release releases/2000-09-26: the name is taken")
trial.same(trial.on("webserv1", "echo $(ls -A releases; ls -A releases/2000-09-26)"),
  "2000-09-12 2000-09-19 2000-09-26 CVS README cgi-bin htdocs")

-- Where the repository has moved a release begins with nothing of the old one.
trial.on("webserv1", "rm -r releases/2000-09-26")
trial.site { ["anon@127.0.0.1"] = "anon@localhost" }
trial.same(trial.run(pull "2000-09-26"), "webserv1: releases/2000-09-26: 21 files")
trial.has(trial.on("webserv1", "cat releases/2000-09-26/CVS/Root"), "anon@localhost")

-- The second release of a day has a branch of its own.
trial.commit("", "cvs -Q rtag -b -r HEAD Snapshot-2000-09-26-2 site")
trial.commit("Snapshot-2000-09-26-2", "echo '<p>second' >>htdocs/index.html")
trial.run(pull "2000-09-26.2")
trial.run("switchrel", "--hosts", "webserv1", "2000-09-26.2")
trial.same(trial.on("webserv1", "readlink www; tail -n 1 www/htdocs/index.html; cat www/CVS/Tag"), [[
  releases/2000-09-26.2
  <p>second
  TSnapshot-2000-09-26-2]])
trial.run("rollback", "--hosts", "webserv1", "--settle", "0s", "2000-09-26.2")
trial.same(trial.on("webserv1", "readlink www"), "releases/2000-09-12")
