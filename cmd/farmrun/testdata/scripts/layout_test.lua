-- Releases, their link and what outlives them may lie anywhere: releases of all
-- sources are pulled, switched to, taken back and pruned alike.
local trial = require "trial"
local home = trial.on("webserv1", "pwd -P")
local dates = { "2000-09-12", "2000-09-19", "2000-09-26" }

-- The site in git and for rsync, with a file and a directory that are shared.
local sources = trial.on("webserv1", [[set -e
  mkdir "$TMPDIR/sources" && cd "$TMPDIR/sources"
  mkdir -p git rsync && cd git && git init -q && mkdir -p htdocs/uploads && touch htdocs/uploads/.keep
  for date in ]] .. table.concat(dates, " ") .. [[; do
    echo $date | tee htdocs/index.html >htdocs/settings
    git add . && git -c user.name=rel -c user.email=rel@example.org commit -qm $date && git tag Snapshot-$date
    cp -r . ../rsync/Snapshot-$date && rm -rf ../rsync/Snapshot-$date/.git
  done >&2 && cd .. && pwd]])
trial.site {
  ['"git://127.0.0.1:9418/site.git"'] = ("%q"):format(sources .. "/git"),
  ['listen = 9418, server = "dev:9418"'] = ("listen = 0, server = %q"):format(trial.server),
  ['"rsync://127.0.0.1:8730/site"'] = ("%q"):format(sources .. "/rsync"),
  ['listen = 8730, server = "dev:873"'] = ("listen = 0, server = %q"):format(trial.server),
}

local dir, link, source, shared = 'dir  = "releases"', 'link = "www"', 'source = "cvs"', "shared = {}"
local function set(was, is)
  trial.site { [was] = is }
  return is
end

-- Pulls the first two releases in a layout and switches to the second.
local function begin(at, to, from, prepare)
  dir, link = set(dir, ("dir  = %q"):format(at)), set(link, ("link = %q"):format(to))
  source = set(source, ("source = %q"):format(from))
  trial.on("webserv1", "rm -rf app; mkdir app; " .. (prepare or ""))
  local one = { "--hosts", "webserv1" }
  local function run(name, ...) return trial.run(name, one[1], one[2], ...) end
  local function on_air(date)
    local reads = trial.on("webserv1", ("cd %q && cd -P %q && pwd"):format(home, to))
    if reads:match "[^/]+$" ~= date then error(("%s is on %s, not on %s"):format(to, reads, date), 2) end
  end
  for i = 1, 2 do run(from .. "-pull-snapshot", dates[i]) end
  run("switchrel", dates[2])
  on_air(dates[2])
  return run, on_air
end

-- Takes a site through the life of its releases.
local function try(at, to, from, prepare)
  local run, on_air = begin(at, to, from, prepare)
  run(from .. "-pull-snapshot", dates[3])
  run("switchrel", dates[3])
  run("rollback", "--settle", "0s")
  on_air(dates[2])
  run("switchrel", dates[3])
  trial.has(run "status", "2000-09-26  2000-09-19")
  trial.has(run("prune", "--keep", "1"), at .. "/2000-09-12 removed")
  local rest = trial.on("webserv1", ("ls -A %q"):format(at))
  if rest ~= "2000-09-19\n2000-09-26" then error(at .. " has " .. rest) end
end

try("app/releases", "app/current", "cvs")
try(home .. "/app/releases", home .. "/app/current", "git")
for _, from in ipairs { "cvs", "git", "rsync" } do try("app/my data/releases", "app/the web/current", from, "mkdir 'app/the web'") end
try("app/releases", "app/current", "git", "mkdir -p app/far/away && ln -s far/away app/releases")

-- What is shared lies beside the releases, in place of what they have there.
set(shared, 'shared = { "htdocs/uploads/", "htdocs/settings" }')
for from, at in pairs { cvs = "app", git = home .. "/app", rsync = home .. "/app" } do
  begin(at .. "/releases", "app/current", from, "mkdir -p app/shared/htdocs && echo shared >app/shared/htdocs/settings")
  trial.on("webserv1", "echo picture >app/current/htdocs/uploads/picture")
  trial.same(trial.on("webserv1", "cd app; cat releases/2000-09-12/htdocs/uploads/picture current/htdocs/settings; ls -A shared/htdocs"),
    "picture\nshared\nsettings\nuploads")
end
trial.on("webserv1", "rm app/shared/htdocs/settings")
trial.has(trial.ends(1, source:match '"(.*)"' .. "-pull-snapshot", "--hosts", "webserv1", "2000-09-26"),
  "/shared/htdocs/settings, which site.release.shared names, is not there: put it there once")

-- A site that has had it in the login's home directory keeps it there.
set(dir, 'dir  = "app/releases"')
trial.on("webserv1", "rm -rf app; mkdir -p app/releases shared/htdocs && echo old >shared/htdocs/settings")
trial.run(source:match '"(.*)"' .. "-pull-snapshot", "--hosts", "webserv1", "2000-09-12")
trial.same(trial.on("webserv1", "cat app/releases/2000-09-12/htdocs/settings"), "old")
