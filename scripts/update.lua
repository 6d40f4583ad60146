-- update.lua [FILE...]: bring the working copies on all servers up to date. It
-- looks first, on every server, whether that would run into a conflict; and what
-- it does to local patches is said and noted, or they would count as changes.
local cli, cvs, farm, patch, release = require "cli", require "cvs", require "farm", require "patch", require "release"
local site, pull, ledger = require "site", require "lib.pull", require "lib.ledger"
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

-- What an update does to files, by the letters that cvs.update has for it.
local verbs = { U = "update", P = "update", G = "merge what is new into", D = "remove" }

local function update(host, files, look)
  source.open_tunnel(host)
  return cvs.update(host, { dir = args.dir, files = files, look = look })
end

-- cvs takes a directory that it does not know as a whole.
local known = [[cd "$1" && while IFS= read -r file; do
	until [ -d "$(dirname "./$file")/CVS" ]; do file=$(dirname "$file"); done
	printf '%s\n' "$file"
done | sort -u]]

-- Returns which files cvs is to be given, nil for no update at all. It would go
-- through the links to what outlives releases: where it would, it gets the names of
-- all files that are new, by the look, but for those that give way to links.
local function around_links(host, files)
  local some, shared = {}, false
  for _, file in ipairs(files) do
    if pull.gives_way(file.path) then
      shared = true
    elseif verbs[file.status] then
      some[#some + 1] = file.path .. "\n"
    end
  end
  if not shared then return { files = args.files } end
  local list, how = {}, { stdin = table.concat(some), title = "look for new directories in " .. args.dir }
  local said = host:query({ "sh", "-c", known, "sh", args.dir }, how).stdout
  for path in said:gmatch "[^\n]+" do list[#list + 1] = path end
  return #list > 0 and { files = list } or nil
end

-- What is not as its release's record has it, by path; nil where there is none.
local function changes(host)
  local ok, list = pcall(release.changes, host, args.dir)
  if not ok then return nil end
  local by_path = {}
  for _, change in ipairs(list) do by_path[change.path] = change.how end
  return by_path
end

-- Notes what the repository has of files that have more in them here.
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

local hosts, parallel = farm.hosts(args.hosts), { parallel = site.cvs.parallel }
local given = farm.each(hosts, parallel, function(host)
  local files = update(host, args.files, true)
  for _, file in ipairs(files) do
    local does = not pull.gives_way(file.path) and verbs[file.status]
    if farm.dry_run() and does then host:log("would " .. does .. " " .. file.path) end
  end
  return around_links(host, files)
end)
farm.each(hosts, parallel, function(host)
  local before, letters, which = changes(host), {}, given[host.name]
  for _, file in ipairs(which and update(host, which.files, false) or {}) do letters[file.path] = file.status end
  if farm.dry_run() or not before then return end
  local new, fetched = {}, {} -- fetched are as in the repository
  for path in pairs(changes(host)) do
    if not before[path] then table.insert((letters[path] or ""):find "[UPD]" and fetched or new, path) end
  end
  release.keep(host, args.dir, new)
  release.keep(host, args.dir, fetched, { source = true })
  note_merged(host, letters)
  report(host, letters)
end)
