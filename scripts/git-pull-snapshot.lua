-- git-pull-snapshot.lua DATE: put the release of DATE from git onto every
-- server, beside the one that is on the air. Each server keeps a mirror of the
-- repository, so that only what is new travels.
local cli = require "cli"
local site, pull = require "site", require "lib.pull"

local git    = site.git
local source = pull.source("git", git)

-- The commit is noted, and not only the tag, so that all servers get the same.
function source.find(host, date)
  local tag = site.tag(date)
  local refs = { "refs/tags/" .. tag .. "^{}", "refs/tags/" .. tag, "refs/heads/" .. tag }
  local found, commits = host:query { "git", "ls-remote", git.url, unpack(refs) }, {}
  for commit, ref in found.stdout:gmatch "(%x+)%s+(%S+)" do commits[ref] = commit end
  local commit = commits[refs[1]] or commits[refs[2]] or commits[refs[3]] -- the tag's own is none of the files
  if not commit then error(git.url .. " has no tag or branch " .. tag, 0) end
  return { tag = tag, url = git.url, commit = commit }
end

-- What it does on the host: a mirror is made under another name, and so is
-- never half a one.
local script = [[# put a commit into a directory
mirror=$1 url=$2 commit=$3 dir=$4
if [ -d "$mirror" ]; then
	git --git-dir="$mirror" fetch -q --prune origin || exit
else
	rm -rf "$mirror.new" && git clone -q --mirror "$url" "$mirror.new" && mv "$mirror.new" "$mirror" || exit
fi
index=$(cd "$dir" && pwd)/.git-index || exit
GIT_INDEX_FILE=$index git --git-dir="$mirror" --work-tree="$dir" checkout -q -f "$commit" -- . && rm "$index"
]]

function source.fill(host, new, notes)
  if new.dry then return host:log("would put " .. notes.tag .. " of " .. notes.url .. " into a release") end
  host:run({ "sh", "-c", script, "sh", git.mirror, notes.url, notes.commit, new.dir }, { timeout = "30m" })
end

local compare = [[# compare files with those of a commit
mirror=$1 commit=$2 dir=$3
shift 3
index=$(mktemp -d) || exit
trap 'rm -rf "$index"' EXIT
export GIT_INDEX_FILE="$index/index"
git --git-dir="$mirror" read-tree "$commit" &&
	git --git-dir="$mirror" --work-tree="$dir" -c core.quotePath=false diff --no-prefix --no-ext-diff "$commit" -- "$@"
]]

function source.diff(host, dir, notes, files)
  return host:query({ "sh", "-c", compare, "sh", git.mirror, notes.commit, dir, unpack(files) }).stdout
end

if ... then return source end -- required by another script

local args = cli.parse(pull.arguments [[
Puts the release of DATE, a tag or branch in git, onto every server, beside the
one on the air, and puts the local patches on it that are for that server. It
stops, with nothing left behind, where a patch no longer fits.]])
pull.everywhere(source, args.hosts, args.date)
