-- git-pull-snapshot.lua DATE: put the release of DATE from git onto every
-- server, beside the one that is on the air. Each server keeps a mirror of the
-- repository, so that only what is new travels.
local cli = require "cli"
local site, pull = require "site", require "lib.pull"

local git    = site.git
local source = pull.source("git", git)

-- What git is asked for on the host. It reads the address of the repository, which
-- may have a password in it that neither errors nor notes are to show.
local tags = [[# ask for tags
IFS= read -r url && git ls-remote "$url" "$@"
]]

-- The commit is noted, and not only the tag, so that all servers get the same.
function source.find(host, date)
  local tag = site.tag(date)
  local refs = { "refs/tags/" .. tag .. "^{}", "refs/tags/" .. tag, "refs/heads/" .. tag }
  local found, commits = host:query({ "sh", "-c", tags, "sh", unpack(refs) }, { stdin = git.url .. "\n" }), {}
  for commit, ref in found.stdout:gmatch "(%x+)%s+(%S+)" do commits[ref] = commit end
  local commit = commits[refs[1]] or commits[refs[2]] or commits[refs[3]] -- the tag's own is none of the files
  local url = git.url:gsub("//[^/]*@", "//")
  if not commit then error(url .. " has no tag or branch " .. tag, 0) end
  return { tag = tag, url = url, commit = commit }
end

function source.stale(_, record, notes)
  local was = record.notes.commit or "another source"
  if was ~= notes.commit then return ("it came from %s, and %s is %s now"):format(was, notes.tag, notes.commit) end
end

-- What it does on the host: a mirror is made under another name, and so is
-- never half a one. What git itself does not put into a release, and would leave an
-- empty directory or a few lines of, is refused.
local script = [[# put a commit into a directory
mirror=$1 commit=$2 dir=$3
IFS= read -r url || exit
fetch() { git --git-dir="$1" fetch -q --prune "$url" '+refs/*:refs/*'; }
if [ -d "$mirror" ]; then
	fetch "$mirror" || exit
else
	rm -rf "$mirror.new" && git init -q --bare "$mirror.new" && fetch "$mirror.new" && mv "$mirror.new" "$mirror" || exit
fi
index=$(cd "$dir" && pwd)/.git-index || exit
export GIT_INDEX_FILE="$index"
git --git-dir="$mirror" --work-tree="$dir" checkout -q -f "$commit" -- . || exit
missing=$(
	git --git-dir="$mirror" ls-files -s | sed -n 's/^160000 [^	]*	//p'
	git --git-dir="$mirror" ls-files | git --git-dir="$mirror" check-attr --cached --stdin filter |
		sed -n 's/: filter: lfs$//p' | while IFS= read -r file; do
			head -n1 "$dir/$file" | grep -q '^version https://git-lfs' && echo "$file"
		done
)
rm "$index" || exit
[ -z "$missing" ] && exit
echo "these are submodules, or files that git-lfs keeps, and would be missing:" "$missing" >&2
exit 1
]]

function source.fill(host, new, notes)
  if new.dry then return host:log("would put " .. notes.tag .. " of " .. notes.url .. " into a release") end
  local words = { "sh", "-c", script, "sh", git.mirror, notes.commit, new.dir }
  host:run(words, { timeout = "30m", stdin = git.url .. "\n" })
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
