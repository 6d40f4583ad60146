-- A release is copied; the next shares with it what is alike.
local trial = require "trial"

local module = trial.on("webserv1", [[cd "$TMPDIR" && mkdir -p site/Snapshot-2000-09-19 && cd site &&
  echo same >Snapshot-2000-09-19/same && cp -a Snapshot-2000-09-19 Snapshot-2000-09-26 &&
  echo new >Snapshot-2000-09-26/new && pwd]])
trial.site {
  ['site.source = "cvs"'] = 'site.source = "rsync"',
  ['"rsync://127.0.0.1:8730/site"'] = ("%q"):format(module),
  ['listen = 8730, server = "dev:873"'] = ("listen = 0, server = %q"):format(trial.server),
}

for date, files in pairs { ["2000-09-19"] = 1, ["2000-09-26"] = 2 } do
  trial.same(trial.dry("rsync-pull-snapshot", "--hosts", "webserv1", date), ([[
    webserv1: would copy MODULE/Snapshot-DATE/ into a release
    webserv1: would run: begin the release releases/DATE
    webserv1: would run: mkdir -p releases]]):gsub("DATE", date):gsub("MODULE", module))
  trial.same(trial.run("rsync-pull-snapshot", "--hosts", "webserv1", date),
    ("webserv1: releases/%s: %d files"):format(date, files))
end
trial.same(trial.on("webserv1", "cd releases && cat 2000-09-26/new && stat -c %h 2000-09-19/same"), [[
  new
  2]])
trial.has(trial.ends(1, "rsync-pull-snapshot", "2000-10-03"), "Snapshot-2000-10-03")

-- Whatever there is comes as it is, and what the source's own record says of it counts
-- for nothing.
trial.on("webserv1", ("cp -a releases/2000-09-26 %s/Snapshot-2000-10-03"):format(module))
trial.on("webserv1", ("cd %s/Snapshot-2000-10-03"):format(module) .. [[ && mkdir -p empty group/in &&
  mkfifo pipe && ln -s /etc/passwd absolute && ln -s nowhere dangling && ln -s group linked && ln same group/hard &&
  echo >read-only && touch -- -dash 'two
lines' && chmod 444 read-only && chmod 2775 group && chmod 700 empty && chmod 555 group/in . && find . -exec touch -hd @976000000 {} +]])
local function all(dir)
  return trial.on("webserv1", "cd " .. dir .. [[ && find . -path ./.farmrun -prune -o -printf '%p %M %s %l' \( -name . -printf '\n' -o -printf ' %T@\n' \) |
    LC_ALL=C sort; find . -samefile same | sort; find . -path ./.farmrun -prune -o -type f -exec cksum {} + | sort]])
end
trial.run("rsync-pull-snapshot", "--hosts", "webserv1", "2000-10-03")
trial.same(all "releases/2000-10-03", all(module .. "/Snapshot-2000-10-03"))
trial.same(trial.on("webserv1", "cat releases/2000-10-03/.farmrun/farmrun-release | grep release:"), "release: 2000-10-03")

-- What is changed by hand can be taken as a patch, whatever the files are called.
local edit = [[for file in plain 'a b' 'it"s' 'back\slash' 'tab	here' 'all "of\	it'; do ]]
trial.on("webserv1", ("cd %s && cp -a Snapshot-2000-09-19 Snapshot-2000-10-10 && cd Snapshot-2000-10-10 && rm same && %s echo one >\"$file\"; done")
  :format(module, edit))
trial.run("rsync-pull-snapshot", "--hosts", "webserv1", "2000-10-10")
local in_release = "cd releases/2000-10-10 && "
trial.on("webserv1", in_release .. edit .. 'echo two >>"$file"; done')
local take = { "patch", "--hosts", "webserv1", "--release", "2000-10-10", "take", "--id", "all", "--why", "a try", "webserv1", "www" }
trial.run(unpack(take))
local count = in_release .. "cat * | grep -c two || :"
trial.run("patch", "--hosts", "webserv1", "--release", "2000-10-10", "revert", "all")
trial.same(trial.on("webserv1", count), "0")
trial.run("patch", "--hosts", "webserv1", "--release", "2000-10-10", "apply", "all")
trial.same(trial.on("webserv1", count), "6")

-- Of bytes that are no lines there is none, and then of nothing.
for _, action in ipairs { "revert", "retire" } do
  trial.run("patch", "--hosts", "webserv1", "--release", "2000-10-10", action, "all")
end
trial.on("webserv1", in_release .. "printf '\\0' >>plain; echo three >>'a b'")
take[8] = "bytes"
trial.has(trial.ends(1, unpack(take)), "no patch can be made of all of a b, plain")
trial.same(trial.run("patch", "list"), "")
