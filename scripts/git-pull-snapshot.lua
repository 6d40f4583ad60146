-- git-pull-snapshot.lua DATE: put the release of DATE from git onto every
-- server, beside the one that is on the air. Each server keeps a mirror of the
-- repository, so that only what is new travels.
local cli = require "cli"
local site, pull = require "site", require "lib.pull"

local git    = site.git
local source = pull.source("git", git)

-- Returns the address of the repository without the login in it, as in
-- https://deploy:TOKEN@example.org/site.git, and the login as git's credential helpers
-- write it. The login is in no error, note or argument: git gets it by a helper.
local function split(url)
  local scheme, login, rest = url:match "^(%a[%w+.-]*://)([^/]*)@(.*)$"
  if not login then return url, "" end
  local user, password = login:match "^([^:]*):?(.*)$"
  if not scheme:find "^http" then return scheme .. user .. "@" .. rest, "" end -- ssh takes no password
  local function byte(code) return string.char(tonumber(code, 16)) end
  user, password = user:gsub("%%(%x%x)", byte), password:gsub("%%(%x%x)", byte)
  if (user .. password):find "%c" then error("site.git.url: its login has a control character", 0) end
  return scheme .. rest, ("username=%s\npassword=%s\n"):format(user, password)
end
local address, login = split(git.url)

-- Defines asks, which is git with the login that stands on standard input. Only the
-- helper reads the here document, which is a pipe or a file without a name. Where the
-- server sends git to another one, that does not get the login.
local asks = [[
url=$1 login=$(cat)
shift
asks() {
	[ -n "$login" ] || { git "$@"; return; }
	at=credential.$(printf '%s\n' "$url" | sed 's:\(//[^/]*\).*:\1:').helper
	git -c "$at=" -c "$at=!f() { [ \"\$1\" != get ] || cat <&3; }; f" "$@" 3<<end
$login
end
}
]]

-- Asks for tags, on the host.
local tags = "# ask for tags\n" .. asks .. [[asks ls-remote "$url" "$@"]]

-- The commit is noted, and not only the tag, so that all servers get the same.
function source.find(host, date)
  local tag = site.tag(date)
  local refs = { "refs/tags/" .. tag .. "^{}", "refs/tags/" .. tag, "refs/heads/" .. tag }
  local found, commits = host:query({ "sh", "-c", tags, "sh", address, unpack(refs) },
    { stdin = login, title = "ask " .. address .. " for tags" }), {}
  for commit, ref in found.stdout:gmatch "(%x+)%s+(%S+)" do commits[ref] = commit end
  local commit = commits[refs[1]] or commits[refs[2]] or commits[refs[3]] -- the tag's own is none of the files
  if not commit then error(address .. " has no tag or branch " .. tag, 0) end
  return { tag = tag, url = address, commit = commit }
end

function source.stale(_, record, notes)
  local was = record.notes.commit or "another source"
  if was ~= notes.commit then return ("it came from %s, and %s is %s now"):format(was, notes.tag, notes.commit) end
end

-- What it does on the host: a mirror is made under another name, and so is
-- never half a one. What git itself does not put into a release, and would leave an
-- empty directory or a few lines of, is refused.
local script = "# put a commit into a directory\n" .. asks .. [[
mirror=$1 commit=$2 dir=$3
fetch() { asks --git-dir="$1" fetch -q --prune "$url" '+refs/*:refs/*'; }
if [ -d "$mirror" ]; then
	fetch "$mirror" || exit
else
	rm -rf "$mirror.new" && git init -q --bare "$mirror.new" && fetch "$mirror.new" && mv "$mirror.new" "$mirror" || exit
fi
index=$(cd "$dir" && pwd)/.git-index || exit
export GIT_INDEX_FILE="$index"
git --git-dir="$mirror" --work-tree="$dir" checkout -q -f "$commit" -- . || exit
missing=$(
	export LC_ALL=C
	git --git-dir="$mirror" -c core.quotePath=false ls-files -s | sed -n 's/^160000 [^	]*	//p'
	# A name, "filter" and its value are a line each: a line end in a name is \001.
	git --git-dir="$mirror" ls-files -z | git --git-dir="$mirror" check-attr -z --cached --stdin filter |
		tr '\n\0' '\001\n' | sed -n 'N;N;s/\nfilter\nlfs$//p' | while IFS= read -r file; do
			name=$(printf '%s.' "$file" | tr '\001' '\n')
			head -n1 "$dir/${name%.}" | grep -q '^version https://git-lfs' && printf '%s\n' "$file" | tr '\001' '?'
		done
)
rm "$index" || exit
[ -z "$missing" ] && exit
echo "these are submodules, or files that git-lfs keeps, and would be missing:" "$missing" >&2
exit 1
]]

function source.fill(host, new, notes)
  local title = ("put %s of %s into a release"):format(notes.tag, notes.url)
  if new.dry then return host:log("would " .. title) end
  local words = { "sh", "-c", script, "sh", address, git.mirror, notes.commit, new.dir }
  host:run(words, { timeout = "30m", stdin = login, title = title })
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
  return host:query({ "sh", "-c", compare, "sh", git.mirror, notes.commit, dir, unpack(files) },
    { title = "compare " .. dir .. " with " .. notes.tag }).stdout
end

if ... then return source end -- required by another script

local args = cli.parse(pull.arguments [[
Puts the release of DATE, a tag or branch in git, onto every server, beside the
one on the air, and puts the local patches on it that are for that server. It
stops, with nothing left behind, where a patch no longer fits, or where there are
submodules or files of git-lfs. All files of the commit are in the release, as in a
working copy: export-ignore is for git archive.]])
pull.everywhere(source, args.hosts, args.date)
