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
-- and what diff -u says, its names as they are from the top of a release. A
-- release on a host keeps a copy of each patch that it carries, for the ledger can
-- change meanwhile: what is long is to take the two together.
local cli, farm, patch, release = require "cli", require "farm", require "patch", require "release"

local ledger = {}

-- The lines of a header, in their order; all but until must be there.
local fields = { "id", "who", "when", "why", "hosts", "until" }

-- Where the ledger lies, and the patches that were retired.
function ledger.folder() return farm.folder() .. "/patches" end
function ledger.retired() return ledger.folder() .. "/retired" end

-- Returns a patch as a table of its header, its hash and its text, which is the
-- whole file.
function ledger.read(text, file)
  local entry = { text = text, file = file }
  for line in text:gmatch "([^\n]*)\n" do
    if line:find "^%-%-%- " then break end
    local name, value = line:match "^(%a+):%s*(.-)%s*$"
    if name then entry[name] = value end
  end
  for _, name in ipairs(fields) do
    if not entry[name] and name ~= "until" then error(file .. ": its header has no line " .. name .. ":", 0) end
  end
  if #patch.files(text) == 0 then error(file .. ": there is no patch in it", 0) end
  entry.hash = release.hash(text)
  return entry
end

-- Returns the text of a ledger's file.
function ledger.write(entry, diff)
  local lines = {}
  for _, name in ipairs(fields) do
    if entry[name] then lines[#lines + 1] = name .. ": " .. entry[name] end
  end
  return table.concat(lines, "\n") .. "\n\n" .. diff:gsub("\n*$", "\n", 1)
end

local entries -- as they were read

-- Returns all patches, in the order of their names.
function ledger.all()
  if entries then return entries end
  local list = {} -- entries stays nil until all are read, since other hosts look at it meanwhile
  local names = farm.here():query { "sh", "-c", '[ ! -d "$1" ] || ls "$1"', "sh", ledger.folder() }
  for name in names.stdout:gmatch "([^\n]+)%.patch\n" do
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

-- Tells whether a patch is for the host.
function ledger.is_for(entry, host)
  if not entry.on then
    entry.on = {}
    for _, member in ipairs(farm.hosts(entry.hosts)) do entry.on[member.name] = true end
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

-- The files that a patch changes, and the copies that patch -b keeps of them.
local function touched(text)
  local paths = patch.files(text)
  for i = 1, #paths do paths[#paths + 1] = paths[i] .. ".orig" end
  return paths
end

-- Applies a patch to a release; returns false if it was in already.
function ledger.apply(host, dir, entry)
  local which = { dir = dir, name = entry.id }
  if farm.dry_run() then
    local fits = patch.look(host, entry.text, which) == "fits"
    if fits then host:log("would apply the patch " .. entry.id) end
    return fits
  end
  local changed = patch.apply(host, entry.text, which)
  release.carry(host, dir, entry.id, entry.text)
  release.keep(host, dir, touched(entry.text))
  return changed
end

-- Takes the patch out again that a release carries under that id.
function ledger.revert(host, dir, id)
  local carried = ledger.carried(host, dir)[id]
  if not carried then return false end
  patch.revert(host, carried.text, { dir = dir, name = id })
  if not farm.dry_run() then
    release.keep(host, dir, touched(carried.text))
    release.drop(host, dir, id)
  end
  return true
end

-- Puts the host's patches on a new release that has no name yet. Those that the
-- release brings with it are noted as such: "has bus-title".
function ledger.adapt(host, new)
  local notes = {}
  for _, entry in ipairs(ledger.of(host)) do
    if new.dry then
      host:log("would apply the patch " .. entry.id)
    elseif patch.apply(host, entry.text, { dir = new.dir, name = entry.id }) then
      release.carry(host, new.dir, entry.id, entry.text)
      host:log("patch " .. entry.id .. ": applied")
    else
      notes["has " .. entry.id] = entry.hash
      host:log("patch " .. entry.id .. ": the release has it; it can be retired")
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

-- Takes a file into the ledger: the diff with a header of what it says of
-- itself, what is given, and who and when it is now.
function ledger.add(diff, given)
  local entry = { who = farm.here():query("id -un").text, when = os.date "%Y-%m-%d", hosts = "@web" }
  for line in diff:gmatch "([^\n]*)\n" do
    if line:find "^%-%-%- " then break end
    local name, value = line:match "^(%a+):%s*(.-)%s*$"
    for _, field in ipairs(fields) do
      if name == field then entry[field] = value end
    end
  end
  for name, value in pairs(given) do entry[name] = value end
  if not (entry.id or ""):find "^[%w_][%w_.-]*$" then
    error(("%q cannot be the id of a patch: it takes letters, digits, - and _"):format(entry.id or ""), 0)
  end
  entry.why = entry.why or cli.ask "Why is it needed? "
  local path = ledger.folder() .. "/" .. entry.id .. ".patch"
  farm.hosts(entry.hosts)
  for _, dir in ipairs { ledger.folder(), ledger.retired() } do
    local there = io.open(dir .. "/" .. entry.id .. ".patch")
    if there then error(dir .. " has a patch " .. entry.id .. " already", 0) end
  end
  local text = ledger.write(entry, diff:sub((("\n" .. diff):find("\n--- ", 1, true))))
  farm.here():run { "mkdir", "-p", ledger.folder() }
  farm.here():write(path, text)
  entries = nil
  return ledger.read(text, path)
end

-- Takes a patch out of the ledger; its file stays under retired/.
function ledger.retire(entry)
  farm.here():run { "mkdir", "-p", ledger.retired() }
  farm.here():run { "mv", entry.file, ledger.retired() .. "/" }
  entries = nil
end

return ledger
