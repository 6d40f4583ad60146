-- rsync-pull-snapshot.lua DATE: copy the release of DATE, a directory that an
-- rsync daemon has, onto every server, beside the one that is on the air. Files
-- that are as in the newest release there are shared with it.
local cli, patch, release = require "cli", require "patch", require "release"
local site, pull = require "site", require "lib.pull"

local rsync  = site.rsync
local source = pull.source("rsync", rsync)

-- The address without a password in it, and that: it is in no error, note or argument,
-- for rsync gets it by standard input.
local address, password = rsync.url, ""
do
  local user, secret, rest = rsync.url:match "^(rsync://[^/:@]*):([^/]*)@(.*)$"
  if user then address, password = user .. "@" .. rest, secret .. "\n" end
end

-- Defines asks, which is rsync with the password that stands on standard input.
local asks = [[
password=$(cat)
asks() {
	[ -n "$password" ] || { rsync "$@"; return; }
	printf '%s\n' "$password" | rsync --password-file=- "$@"
}
]]

local list = "# list the files of a release\n" .. asks .. [[
export LC_ALL=C TZ=UTC
files=$(asks -r --list-only "$1") && printf '%s\n' "$files" | grep -v ^d | cksum
]]

-- Names, sizes and times are noted: others make it another release.
function source.find(host, date)
  local from = address .. "/" .. site.tag(date) .. "/"
  local how = { stdin = password, title = "list the files of " .. from }
  return { from = from, tag = site.tag(date), list = host:query({ "sh", "-c", list, "sh", from }, how).text }
end

-- The files of a release that are not as they came from its source, by name.
local function ours(host, dir)
  local files = {}
  for _, p in ipairs(release.carried(host, dir)) do
    for _, path in ipairs(patch.files(p.text)) do files[path] = true end
  end
  for _, change in ipairs(release.changes(host, dir)) do files[change.path] = true end
  return files
end

local copy = "# rsync with its password\n" .. asks .. [[asks "$@"]]

-- Where names, sizes and times are as they were, the contents are compared. rsync writes
-- characters beyond ASCII as \#303 where the host's locale is none that has it.
function source.stale(host, record, notes)
  local was = record.notes.source or source.name
  if was ~= source.name then return "it came from " .. was end
  if record.notes.list and record.notes.list ~= notes.list then return notes.from .. " has other files now" end
  local words = { "sh", "-c", copy, "sh", "-rlcn", "--out-format=%n",
    "--exclude=/.farmrun/", "--exclude=/CVS/farmrun-*", notes.from, record.dir .. "/" }
  local title = "compare " .. record.dir .. " with " .. notes.from
  local compared = host:query(words, { timeout = "30m", stdin = password, title = title })
  local known
  for line in compared.stdout:gmatch "[^\n]+" do
    local path = line:gsub("\\#(%d%d%d)", function(octal) return string.char(tonumber(octal, 8)) end):gsub("\n", "?")
    known = known or ours(host, record.dir)
    if not (known[path] or path:find "/$" or pull.gives_way(path)) then
      return ("%s has another %s now"):format(notes.from, path)
    end
  end
end

-- rsync itself shares what is alike, and copies where only permissions differ,
-- for they belong to all the names of a file. What was changed by hand must not be
-- taken for the release; nor what has another content, and the same size and time.
local function shared(host, notes)
  local base = pull.newest(host, { name = source.name, alike = {} }, notes)
  if base and #release.changes(host, base) == 0 then return "--link-dest=../" .. base:match "([^/]+)$", "--checksum" end
end

function source.fill(host, new, notes)
  if new.dry then return host:log("would copy " .. notes.from .. " into a release") end
  local words = { "sh", "-c", copy, "sh", "--archive", "--no-owner", "--no-group", "--hard-links", shared(host, notes) }
  words[#words + 1] = notes.from
  words[#words + 1] = new.dir .. "/"
  host:run(words, { timeout = "30m", stdin = password, title = "copy " .. notes.from .. " into a release" })
end

-- Names are written as patch reads them: a tab ends one with blanks in it, and one
-- with quotation marks, or a blank at its end, is quoted.
local compare = "# compare files with those that they came from\n" .. asks .. [[
dir=$1 from=$2 tab=$(printf '\t')
shift 2
was=$(mktemp -d) || exit
trap 'rm -rf "$was"' EXIT
for file; do
	case $file in
	*[\"\\"$tab"]* | *' ') name=\"$(printf '%s\n' "$file" | sed 's/["\\]/\\&/g' | sed "s/$tab/\\\\t/g")\" ;;
	*' '*) name=$file$tab ;;
	*) name=$file ;;
	esac
	asks --protect-args "$from$file" "$was/file" || exit
	diff -u --label "$name" --label "$name" "$was/file" "$dir/$file"
	[ $? -lt 2 ] || exit
done
]]

function source.diff(host, dir, notes, files)
  return host:query({ "sh", "-c", compare, "sh", dir, notes.from, unpack(files) },
    { stdin = password, title = "compare " .. dir .. " with " .. notes.from }).stdout
end

if ... then return source end -- required by another script

local args = cli.parse(pull.arguments [[
Copies the release of DATE, a directory of an rsync daemon, onto every server,
beside the one on the air, and puts the local patches on it that are for that
server. It stops, with nothing left behind, where a patch no longer fits.]])
pull.everywhere(source, args.hosts, args.date)
