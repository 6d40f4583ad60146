-- lib/ledger.lua: the site's local patches. Each is a file of patches/, beside
-- site.lua, named after its id: a header of lines such as
--
--   id: bus-title
--   who: anna
--   when: 2000-09-20
--   why: the co-brand wants its old title
--   hosts: webserv[4-6]
--   until: 2000-10-10
--
-- and the patch, as diff -u, diff -c or git diff makes it, with names as they are
-- from the top of a release; git's a/ and b/ may stand before them. A
-- release on a host keeps a copy of each patch that it carries, for the ledger can
-- change meanwhile: what is long is to take the two together.
local cli, farm, patch, release = require "cli", require "farm", require "patch", require "release"

local ledger = {}

-- The lines of a header, in their order; all but until must be there.
local fields = { "id", "who", "when", "why", "hosts", "until" }

-- Where the ledger lies, and the patches that were retired.
function ledger.folder() return farm.folder() .. "/patches" end
function ledger.retired() return ledger.folder() .. "/retired" end

-- The lines of a patch's header, by their names, and what comes after them. They may
-- stand anywhere before the patch, and the first of a name counts.
local function header(text)
  local found, rest = {}, 1
  for line, next_line in text:gmatch "([^\n]*)\n()" do
    if line:find "^%-%-%- " or line:find "^%*%*%* " or line:find "^diff " or line:find "^Index:" then break end
    local name, value = line:match "^(%a+):%s*(.-)%s*$"
    for _, field in ipairs(fields) do
      if name == field then
        found[name] = found[name] or value
        rest = next_line
      end
    end
  end
  return found, text:sub(rest)
end

-- Returns a patch as a table of its header, its hash and its text, which is the
-- whole file.
function ledger.read(text, file)
  local entry = header(text)
  for _, name in ipairs(fields) do
    if not entry[name] and name ~= "until" then error(file .. ": its header has no line " .. name .. ":", 0) end
  end
  if #patch.files(text) == 0 then error(file .. ": there is no patch in it", 0) end
  entry.text, entry.file, entry.hash = text, file, release.hash(text)
  return entry
end

-- Returns the text of a ledger's file.
function ledger.write(entry, diff)
  local lines = {}
  for _, name in ipairs(fields) do
    if entry[name] then lines[#lines + 1] = name .. ": " .. entry[name]:gsub("%s+", " ") end
  end
  return table.concat(lines, "\n") .. "\n\n" .. diff:gsub("^\n+", "") .. (diff:find "\n$" and "" or "\n")
end

local entries -- as they were read

-- Returns all patches, in the order of their names.
function ledger.all()
  if entries then return entries end
  local list = {} -- entries stays nil until all are read, since other hosts look at it meanwhile
  local names = farm.here():query({ "sh", "-c", [[
[ ! -d "$1" ] || find "$1/." ! -name . -prune -name '*.patch' ! -name '*
*' | sort]], "sh", ledger.folder() }, { title = "read the patches of " .. ledger.folder() })
  for name in names.stdout:gmatch "([^/\n]+)%.patch\n" do
    local path = ledger.folder() .. "/" .. name .. ".patch"
    local entry = ledger.read(farm.here():read(path), path)
    if entry.id ~= name then error(path .. ": its id is " .. entry.id, 0) end
    list[#list + 1] = entry
  end
  entries = list
  return entries
end

function ledger.find(id)
  for _, entry in ipairs(ledger.all()) do
    if entry.id == id then return entry end
  end
  error("there is no patch " .. id .. " in " .. ledger.folder(), 0)
end

-- Tells whether a patch is for the host. It may be for hosts, too, that the site has
-- no more.
function ledger.is_for(entry, host)
  if not entry.on then
    local readable, err = pcall(farm.hosts, entry.hosts .. ",@*&@*")
    if not readable then error(entry.file .. ": hosts: " .. err.message, 0) end
    local some, left = pcall(farm.hosts, entry.hosts .. "&@*")
    entry.on = {}
    for _, member in ipairs(some and left or {}) do entry.on[member.name] = true end
  end
  return entry.on[host.name] == true
end

-- Returns the patches that are for the host.
function ledger.of(host)
  local list = {}
  for _, entry in ipairs(ledger.all()) do
    if ledger.is_for(entry, host) then list[#list + 1] = entry end
  end
  return list
end

function ledger.overdue(entry)
  return entry["until"] ~= nil and entry["until"]:find "^%d%d%d%d%-%d%d%-%d%d$" ~= nil
    and entry["until"] < os.date "%Y-%m-%d"
end

-- Returns the patches that a release carries, by id.
function ledger.carried(host, dir)
  local by_id = {}
  for _, p in ipairs(release.carried(host, dir)) do by_id[p.id] = p end
  return by_id
end

local pending = {} -- in a dry run, the patches that would have been applied, by host

-- Tells how a patch stands to a release on a host: see patch.look.
function ledger.look(host, dir, entry)
  return patch.look(host, entry.text, { dir = dir, name = entry.id, after = pending[host.name .. " " .. dir] })
end

-- Notes that a release carries a patch, or no longer does, and that these files are as
-- they should be.
local function note(host, dir, entry, paths, carries)
  if carries then
    release.carry(host, dir, entry.id, entry.text)
  else
    release.drop(host, dir, entry.id)
  end
  release.keep(host, dir, paths)
end

-- Notes a change of a patch. Where that fails, undo(host, text, which) takes it
-- back, if anything has changed.
local function note_or_undo(host, dir, entry, paths, carries, undo)
  local ok, err = pcall(note, host, dir, entry, paths, carries)
  if ok then return end
  if undo then
    undo(host, entry.text, { dir = dir, name = entry.id })
    pcall(note, host, dir, entry, paths, not carries)
  end
  error(err, 0)
end

-- Tells whether a patch that is in was put there on the host, by farmrun or by hand,
-- and did not come with the release. By hand it was if without it the files are as the
-- release's record has them. It is an error where that cannot be told.
local function put_there(host, dir, entry)
  if ledger.carried(host, dir)[entry.id] then return true end
  local changed, by_hand = {}, 0
  for _, change in ipairs(release.changes(host, dir)) do changed[change.path] = change end
  local _, paths, sums = patch.look(host, entry.text, { dir = dir, name = entry.id, out = true })
  for i, path in ipairs(paths) do
    local change = changed[path]
    if change and (change.was ~= "" and change.was or "-") ~= sums[i] then
      error(("%s has more changes by hand than the patch %s: whether the release has that cannot be told")
        :format(path, entry.id), 0)
    end
    by_hand = by_hand + (change and 1 or 0)
  end
  if by_hand > 0 and by_hand < #paths then
    error(("the patch %s is in, but in some of its files only by hand"):format(entry.id), 0)
  end
  return by_hand > 0
end

-- Applies a patch to a release; returns false if it was in already.
function ledger.apply(host, dir, entry)
  local which = { dir = dir, name = entry.id }
  if farm.dry_run() then
    local fits, key = ledger.look(host, dir, entry) == "fits", host.name .. " " .. dir
    if fits then
      host:log("would apply the patch " .. entry.id)
      pending[key] = pending[key] or {}
      table.insert(pending[key], entry.text)
    end
    return fits
  end
  local changed, paths = patch.apply(host, entry.text, which)
  if not changed and not put_there(host, dir, entry) then
    release.note(host, dir, "has " .. entry.id, entry.hash)
    host:log("patch " .. entry.id .. ": the release has it; it can be retired")
    return false
  end
  note_or_undo(host, dir, entry, paths, true, changed and patch.revert)
  return changed
end

-- Takes the patch out again that a release carries under that id.
function ledger.revert(host, dir, id)
  local carried = ledger.carried(host, dir)[id]
  if not carried then return false end
  local changed, paths = patch.revert(host, carried.text, { dir = dir, name = id })
  if not farm.dry_run() then note_or_undo(host, dir, carried, paths, false, changed and patch.apply) end
  return true
end

-- Tells which of the patches a new release brings with it, by id: all are looked at
-- before one of ours is in. One that does not fit may do so after another.
local function brought(host, new, list)
  local has = {}
  for _, entry in ipairs(list) do
    local ok, state = pcall(patch.look, host, entry.text, { dir = new.dir, name = entry.id })
    has[entry.id] = ok and state == "applied"
  end
  return has
end

-- Puts the host's patches on a new release that has no name yet. Those that the
-- release brings with it are noted as such: "has bus-title".
function ledger.adapt(host, new)
  local notes, list = {}, ledger.of(host)
  local has = new.dry and {} or brought(host, new, list)
  for _, entry in ipairs(list) do
    if new.dry then
      host:log("would apply the patch " .. entry.id .. ", if it fits")
    elseif has[entry.id] then
      notes["has " .. entry.id] = entry.hash
      host:log("patch " .. entry.id .. ": the release has it; it can be retired")
    else
      patch.apply(host, entry.text, { dir = new.dir, name = entry.id }) -- unless one of ours has it in it
      release.carry(host, new.dir, entry.id, entry.text)
      host:log("patch " .. entry.id .. ": applied")
    end
  end
  return notes
end

-- Returns in words what a release lacks, or has too much, by the ledger.
function ledger.differences(host, dir)
  local found, carried = {}, ledger.carried(host, dir)
  local notes = release.inspect(host, dir).notes
  for _, entry in ipairs(ledger.all()) do
    local has = carried[entry.id]
    carried[entry.id] = nil
    if not ledger.is_for(entry, host) then
      if has then found[#found + 1] = "carries patch " .. entry.id .. ", which is not for it" end
    elseif has and has.hash ~= entry.hash then
      found[#found + 1] = "carries patch " .. entry.id .. " as it was before it was changed"
    elseif not has and notes["has " .. entry.id] ~= entry.hash then
      found[#found + 1] = "lacks patch " .. entry.id
    end
  end
  for id in pairs(carried) do found[#found + 1] = "carries patch " .. id .. ", which is not in the ledger" end
  table.sort(found)
  return found
end

-- Takes a patch into the ledger: with a header of what it says of itself, what is
-- given, and who and when it is now. It is read before it is written.
function ledger.add(diff, given)
  local entry, rest = header(diff)
  for name, value in pairs(given) do entry[name] = value end
  entry.who = entry.who or farm.here():query("id -un").text
  entry.when, entry.hosts = entry.when or os.date "%Y-%m-%d", entry.hosts or "@web"
  if not (entry.id or ""):find "^[%w_][%w_.-]*$" then
    error(("%q cannot be the id of a patch, which takes letters, digits, - and _ (--id)"):format(entry.id or ""), 0)
  end
  local path = ledger.folder() .. "/" .. entry.id .. ".patch"
  for _, dir in ipairs { ledger.folder(), ledger.retired() } do
    local there = io.open(dir .. "/" .. entry.id .. ".patch")
    if there then error(dir .. " has a patch " .. entry.id .. " already", 0) end
  end
  if #patch.files(rest) == 0 then error("there is no patch in it", 0) end
  farm.hosts(entry.hosts)
  entry.why = entry.why or cli.ask "Why is it needed? "
  local text = ledger.write(entry, rest)
  local read = ledger.read(text, path)
  farm.here():run { "mkdir", "-p", ledger.folder() }
  farm.here():write(path, text)
  entries = nil
  return read
end

-- Takes a patch out of the ledger; its file stays under retired/.
function ledger.retire(entry)
  farm.here():run { "mkdir", "-p", ledger.retired() }
  farm.here():run { "mv", entry.file, ledger.retired() .. "/" }
  entries = nil
end

return ledger
