-- update.lua [FILE...]: bring the working copies on all servers up to date. It
-- looks first, on every server, whether that would run into a conflict; and what
-- it does to local patches is said and noted, or they would count as changes.
local cli, cvs, farm, patch, release = require "cli", require "cvs", require "farm", require "patch", require "release"
local site = require "site"
local pull, ledger = require "lib.pull", require "lib.ledger"
local source = require "cvs-pull-snapshot"

local args = cli.parse {
  about = [[
Runs cvs -q update on all servers, after it has seen on every one of them, by
cvs -n, that there would be no conflict. Local patches stay in, and it says which
it has met and which the repository now has.]],
  { "files", cli.list, "only these, from the working copy's top", optional = true },
  hosts = { default = "@web", help = "which servers" },
  dir   = { default = site.release.link, help = "the working copy" },
}

-- The changes of an update to files, by the letters that cvs.update has for it.
local verbs = { U = "update", P = "update", G = "merge what is new into", D = "remove" }

local function update(host, files)
  source.open_tunnel(host)
  return cvs.update(host, { dir = args.dir, files = files })
end

-- The links in the working copy: to shared paths, and those that were made
-- by hand. cvs would go through them, and write where they lead.
local function links_in(host)
  local found = host:query({ "sh", "-c", [[cd -- "$1" && find . -type l ! -path '*
*']], "sh", args.dir }, { title = "look for links in " .. args.dir })
  local links = {}
  for path in found.stdout:gmatch "%./([^\n]+)" do links[#links + 1] = path end
  return links
end

-- Says which directories that cvs does not know hold nothing but links, such as those to
-- shared paths.
local bare = [[cd -- "$1" && { [ -d CVS ] || exit 0; } && while IFS= read -r link; do
	dir=$(dirname "./$link") top=
	until [ -d "$dir/CVS" ]; do top=$dir dir=$(dirname "$dir"); done
	[ -z "$top" ] || [ -n "$(find "$top" ! -type d ! -type l | sed 1q)" ] || printf '%s\n' "${top#./}"
done | sort -u]]

-- Makes directories known to cvs that are new on the branch, and are there.
local adopt = [[cd -- "$1" || exit
shift
for dir; do
	above=$(dirname "./$dir")/CVS name=${dir##*/}
	mkdir "./$dir/CVS" && cp "$above/Root" "./$dir/CVS" && { [ ! -f "$above/Tag" ] || cp "$above/Tag" "./$dir/CVS"; } &&
		echo "$(cat "$above/Repository")/$name" >"./$dir/CVS/Repository" && echo D >"./$dir/CVS/Entries" &&
		echo "D/$name////" >>"$above/Entries" || exit
done]]

-- Has the shell script print paths in the working copy, of which it reads some.
local function ask(host, script, paths, title)
  local how = { stdin = #paths > 0 and table.concat(paths, "\n") .. "\n" or "", title = title .. " in " .. args.dir }
  local printed, list = host:query({ "sh", "-c", script, "sh", args.dir }, how).stdout, {}
  for path in printed:gmatch "[^\n]+" do list[#list + 1] = path end
  return list
end

-- cvs takes a directory that it does not know as a whole.
local known = [[cd -- "$1" && while IFS= read -r file; do
	until [ -d "$(dirname "./$file")/CVS" ]; do file=$(dirname "$file"); done
	printf '%s\n' "$file"
done | sort -u]]

-- Returns the lists of files for cvs: where there are links those that the
-- look has found to be new, but for those behind links.
local function around_links(host, files, links)
  if #links == 0 then return { args.files } end
  local some, lists, n = {}, {}, 0
  for _, file in ipairs(files) do
    if verbs[file.status] and not pull.within(file.path, links) then some[#some + 1] = file.path end
  end
  for _, path in ipairs(ask(host, known, some, "look for new directories")) do
    if n % 500 == 0 then lists[#lists + 1] = {} end -- a command's length has a limit
    table.insert(lists[#lists], path)
    n = n + 1
  end
  return lists
end

-- Looks at the changes of an update, and tells them in a dry run, and of what is left alone.
-- Returns the files for cvs, which files it is asked for that it has, and the directories
-- in its way that it is to know first.
local function look(host)
  local links, leave = links_in(host), {}
  local dirs = #links > 0 and ask(host, bare, links, "look for directories of links") or {}
  for _, list in ipairs { links, dirs } do
    for _, path in ipairs(list) do leave[#leave + 1] = path end
  end
  source.open_tunnel(host)
  local files = cvs.update(host, { dir = args.dir, files = args.files, look = true, leave = leave })
  local added, unknown = {}, {}
  for _, file in ipairs(files) do
    if file.status == "C" and not pull.within(file.path, links) then
      unknown[#unknown + 1] = file.path
      if farm.dry_run() then host:log("would update " .. file.path) end
    end
    added[file.path] = file.status == "A"
    local does, link = verbs[file.status], pull.within(file.path, links)
    if does and not link and farm.dry_run() then host:log("would " .. does .. " " .. file.path) end
    if does and link and not pull.gives_way(file.path) then
      host:log(("%s is left as it is: %s is a link"):format(file.path, link))
    end
  end
  local function asked(path)
    local named = #args.files == 0 or pull.within(path, args.files) ~= nil
    return named and not added[path] and not pull.within(path, links)
  end
  return { lists = around_links(host, files, links), asked = asked, unknown = unknown }
end

-- What is not as its release's record has it, by path; nil where there is none.
local function changes(host)
  local ok, list = pcall(release.changes, host, args.dir)
  if not ok then return nil end
  local by_path = {}
  for _, change in ipairs(list) do by_path[change.path] = change.how end
  return by_path
end

-- Says of files that cvs knows which checksums they have, and of those that are gone
-- for cvs, too, "-".
local as_cvs = [[cd -- "$1" && while IFS= read -r file; do
	dir=$(dirname "./$file")/CVS
	if { cat "$dir/Entries"; sed -n 's/^A //p' "$dir/Entries.Log"; } 2>/dev/null | grep -qF "/${file##*/}/"; then
		[ ! -f "./$file" ] || echo "$(cksum <"./$file" | cut -d ' ' -f 1) $file"
	elif [ ! -e "./$file" ]; then
		echo "- $file"
	fi
done]]

-- Returns those of the changes that an update has made which was killed before it noted
-- them: the files are as in the repository. One that is gone may be of a patch.
local function unnoted(host, list, asked)
  local some, ours, sums, in_cvs, found = {}, {}, {}, {}, {}
  for path, how in pairs(list) do
    if how == "new" and path:find "CVS/%u%l+$" and asked(path) then
      found[#found + 1] = path
    elseif (how == "changed" or how == "new" or how == "missing") and asked(path) then
      some[#some + 1] = path .. "\n"
    end
  end
  local tag = #some > 0 and release.inspect(host, args.dir).notes.tag
  if not tag then return found end
  for _, carried in pairs(ledger.carried(host, args.dir)) do
    for _, path in ipairs(patch.files(carried.text)) do ours[path] = true end
  end
  local said = host:query({ "sh", "-c", as_cvs, "sh", args.dir },
    { stdin = table.concat(some), title = "look at what was changed in " .. args.dir }).stdout
  for sum, path in said:gmatch "(%S+) ([^\n]+)" do
    if sum ~= "-" then
      sums[path] = sum
      in_cvs[#in_cvs + 1] = path
    elseif list[path] == "missing" and not ours[path] then
      found[#found + 1] = path
    end
  end
  for path, sum in pairs(cvs.sums(host, { dir = args.dir, tag = tag, files = in_cvs })) do
    if sums[path] == sum then found[#found + 1] = path end
  end
  return found
end

-- Notes the repository's content of files that have more in them here.
local function note_merged(host, letters)
  local merged = {}
  for path, letter in pairs(letters) do
    if letter == "G" then merged[#merged + 1] = path end
  end
  local tag = release.inspect(host, args.dir).notes.tag
  if tag and #merged > 0 then
    release.note_source(host, args.dir, cvs.sums(host, { dir = args.dir, tag = tag, files = merged }))
  end
end

-- Says of the patches to files that were updated whether they are still in.
local function report(host, letters)
  for id, carried in pairs(ledger.carried(host, args.dir)) do
    local met = {}
    for _, path in ipairs(patch.files(carried.text)) do
      if letters[path] then met[#met + 1] = path end
    end
    if #met > 0 then
      local ours = cvs.diff(host, { dir = args.dir, files = met }) ~= ""
      local said = ours and "stays in" or "is in the repository now: it can be retired"
      if not pcall(patch.look, host, carried.text, { dir = args.dir }) then said = "was changed by the update" end
      host:log(("patch %s of %s %s"):format(id, table.concat(met, ", "), said))
    end
  end
end

-- Updates the host, after the look, and notes what became of its files.
local function work(host, seen)
  local before, letters = changes(host), {}
  while #seen.unknown > 0 and not farm.dry_run() do
    host:run({ "sh", "-c", adopt, "sh", args.dir, unpack(seen.unknown) },
      { title = "make new directories known to cvs in " .. args.dir })
    seen = look(host)
  end
  for _, list in ipairs(seen.lists) do
    for _, file in ipairs((update(host, list))) do letters[file.path] = file.status end
  end
  if farm.dry_run() or not before then return end
  local new, fetched = {}, unnoted(host, before, seen.asked) -- fetched are as in the repository
  for path in pairs(changes(host)) do
    if not before[path] then table.insert((letters[path] or ""):find "[UPD]" and fetched or new, path) end
  end
  release.keep(host, args.dir, new)
  release.keep(host, args.dir, fetched, { source = true })
  note_merged(host, letters)
  report(host, letters)
end

-- No rollout may meet a release that is half updated.
farm.locked(function()
  local hosts, parallel = farm.hosts(args.hosts), { parallel = site.cvs.parallel }
  local seen = farm.each(hosts, parallel, look)
  farm.each(hosts, parallel, function(host) work(host, seen[host.name]) end)
end)
