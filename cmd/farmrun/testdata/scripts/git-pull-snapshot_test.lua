-- A release comes out of git, and the mirror that it leaves serves the next one.
local trial = require "trial"

local repository = trial.on("webserv1", [[cd "$TMPDIR" && git init -q site && cd site && commit() {
    git add . && git -c user.name=rel -c user.email=rel@example.org commit -qm "$1" && git tag "Snapshot-$1"
  } && echo one >index.html && commit 2000-09-19 && echo two >index.html && commit 2000-09-26 && pwd]])
trial.site {
  ['site.source = "cvs"'] = 'site.source = "git"',
  ['"git://127.0.0.1:9418/site.git"'] = ("%q"):format(repository),
  ['listen = 9418, server = "dev:9418"'] = ("listen = 0, server = %q"):format(trial.server),
}

for _, date in ipairs { "2000-09-19", "2000-09-26" } do
  trial.same(trial.dry("git-pull-snapshot", "--hosts", "webserv1", date), ([[
    webserv1: would put Snapshot-DATE of REPOSITORY into a release
    webserv1: would run: begin the release releases/DATE
    webserv1: would run: mkdir -p releases]]):gsub("DATE", date):gsub("REPOSITORY", repository))
  trial.same(trial.run("git-pull-snapshot", "--hosts", "webserv1", date), "webserv1: releases/" .. date .. ": 1 files")
end
trial.same(trial.on("webserv1", [[cd releases
  cat 2000-09-19/index.html 2000-09-26/index.html && echo * && cd && echo *]]), [[
  one
  two
  2000-09-12 2000-09-19 2000-09-26
  logs releases site.git www]])
trial.has(trial.ends(1, "git-pull-snapshot", "2000-10-03"), "has no tag or branch Snapshot-2000-10-03")
