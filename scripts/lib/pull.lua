-- lib/pull.lua: how a release gets onto the servers, beside the one that is on
-- the air, whatever it comes from. A source is what pull.source makes, with two
-- functions besides, which can get at it on the host:
--
--   source.find(host, date)        raises an error unless there is a release of
--                                  date, and returns notes on it for its record
--   source.fill(host, new, notes)  puts it into new.dir
--
-- It may have three more:
--
--   source.stale(host, record, notes)
--                                  returns in words why a release that is there is
--                                  not what the source has of it now, or nil
--   source.ahead(host, notes)      asks for what fill needs on all hosts: one host
--                                  calls it while the others begin their copies
--   source.diff(host, dir, notes, files)
--                                  returns, as diff -u does, what was changed in
--                                  files of the release dir: for patch.lua take
--
-- What all sources have in common is here: the room, the links to what outlives
-- releases, the patches, and what is said of changes by hand.
-- scripts/cvs-pull-snapshot.lua is one. site.source says which is the site's.
local cli, farm, release = require "cli", require "farm", require "release"
local symlink, tunnel = require "symlink", require "tunnel"
local site, switchrel, ledger = require "site", require "switchrel", require "lib.ledger"

local pull = {}

-- Begins a source. at is what the site file says of it: the tunnel's ends, and
-- how many pulls may be at once. alike lists the notes that a release must have
-- alike for a new one to begin with it; nil if none ever does.
function pull.source(name, at, alike)
  local source = { name = name, parallel = at.parallel or 32, alike = alike }

  -- Lets the host get at the source until the host's function ends.
  function source.open_tunnel(host)
    return tunnel.reverse(host, { listen = at.listen, to = at.server })
  end
  return source
end

-- Raises an error unless there is room for a release.
function pull.check_room(host)
  local answer = host:query { "df", "-Pk", site.release.dir }
  local free = tonumber(answer.text:match "\n.-%s%d+%s+%d+%s+(%d+)%s") -- the fourth column, in kB
  if not free then error("df does not say how much room there is: " .. answer.text, 0) end
  if free < site.release.room * 1024 then
    error(("%s: %d MB free, %d wanted"):format(site.release.dir, free / 1024, site.release.room), 0)
  end
end

-- Shows what was changed by hand in what is on the air. It stays there, but the
-- release that takes its place does not have it.
local function show_changes(host, date)
  if switchrel.current(host) == date then return end
  local ok, changes = pcall(switchrel.changes, host, site.release.link)
  if not ok or #changes == 0 then return end
  host:log(("%d files were changed by hand in %s, such as %s: %s does not have that (farmrun patch take)")
    :format(#changes, switchrel.current(host), changes[1].path, date))
end

-- Raises an error unless the release can be put on the air: see
-- switchrel.check; besides, it must have the host's patches. Returns its content.
function pull.check(host, date, force)
  show_changes(host, date)
  local content = switchrel.check(host, date, force).content
  local dir = switchrel.path(date)
  local lacks = ledger.differences(host, dir)
  if #lacks > 0 then error(dir .. " " .. table.concat(lacks, ", "), 0) end
  return content
end

-- Names files, of many the first.
local function some(files)
  return ("%s%s"):format(table.concat(files, ", ", 1, math.min(#files, 5)),
    #files > 5 and (" and %d more"):format(#files - 5) or "")
end

-- Returns the path that site.release.shared has in plain words, and whether it is a
-- directory: "./uploads//" is "uploads", one.
local function plain(shared)
  local name, slash = shared:gsub("//+", "/"):gsub("^%./", ""):gsub("/$", "")
  return name, slash == 1
end

-- Returns which of some names a file has or lies within, or nil.
function pull.within(path, names)
  for _, name in ipairs(names) do
    if path == name or path:sub(1, #name + 1) == name .. "/" then return name end
  end
end

-- Tells whether a file of a release gives way to a shared path.
function pull.gives_way(path)
  local names = {}
  for i, shared in ipairs(site.release.shared or {}) do names[i] = plain(shared) end
  return pull.within(path, names) ~= nil
end

-- Returns of each host on which the release has other files than on most, by name,
-- which those are. contents are those of its records, by host name: "" is unknown.
function pull.differences(date, contents)
  local dir, known, said = switchrel.path(date), {}, {}
  for name, content in pairs(contents) do known[name] = content ~= "" and content or nil end
  local groups = farm.fold(known)
  local most = groups[1] and farm.hosts(groups[1].hosts)[1]
  for i = 2, #groups do
    local hosts, files = farm.hosts(groups[i].hosts), {}
    for _, file in ipairs(release.differences(hosts[1], most, dir)) do
      if not pull.gives_way(file.path) then files[#files + 1] = file.how .. " " .. file.path end
    end
    for _, host in ipairs(#files > 0 and hosts or {}) do
      said[host.name] = ("%s is not that of %s: %s"):format(dir, most.name, some(files))
    end
  end
  return said
end

-- Calls work for each server that is not among those asked, which are by name; returns
-- the results. One that cannot be asked, or has nothing to say, is left out.
function pull.ask_others(asked, work)
  local known, all = pcall(farm.hosts, "@web") -- a site may have no such group
  local others = {}
  for _, host in ipairs(known and all or {}) do
    if not asked[host.name] then others[#others + 1] = host end
  end
  return #others > 0 and farm.each(others, { check = false, timeout = "1m" }, work) or {}
end

-- Raises an error unless the release has the same files on all hosts, and on the other
-- servers that have it, whoever pulled it onto them.
function pull.compare(date, contents)
  local others = next(contents) and pull.ask_others(contents, function(host)
    return release.inspect(host, switchrel.path(date)).content
  end)
  for name, content in pairs(others or {}) do contents[name] = content end
  local groups = farm.fold(pull.differences(date, contents))
  local lines = {}
  for i, group in ipairs(groups) do lines[i] = group.hosts .. ": " .. group.answer end
  if #lines > 0 then error(table.concat(lines, "\n"), 0) end
end

-- The directory of what outlives releases: shared/, beside that of the releases,
-- or in the login's home directory, where it was before.
local function shared_dir(host)
  local above = site.release.dir:match "^(.*/)[^/]+/*$" or ""
  local function is_there(dir) return host:query({ "test", "-d", dir }, { check = false }).code == 0 end
  if above ~= "" and not is_there(above .. "shared") and is_there "shared" then return "shared/" end
  return above .. "shared/"
end

-- Links what outlives releases into a new one, in place of what that has there:
-- site.release.shared, of which what ends with "/" is a directory.
local function link_shared(host, new)
  local shared = site.release.shared or {}
  local from = #shared > 0 and shared_dir(host)
  for _, path in ipairs(shared) do
    local name, dir = plain(path)
    local kept = from .. name
    if dir then
      host:run { "mkdir", "-p", kept }
    elseif host:query({ "test", "-e", kept }, { check = false }).code ~= 0 then
      error(("%s, which site.release.shared names, is not there: put it there once"):format(kept), 0)
    end
    if new.dry then
      host:log("would link " .. name .. " to " .. kept)
    else
      symlink.switch(host, new.dir .. "/" .. name, kept, { from_home = true, target = "exists", replace = new.dir })
    end
  end
end

-- The newest release on the host with which a new one can begin, or nil: one
-- that came from the source and has the notes that source.alike names.
function pull.newest(host, source, notes)
  local function fits(record)
    if record.notes.source ~= source.name then return false end
    for _, name in ipairs(source.alike) do
      if record.notes[name] ~= notes[name] then return false end
    end
    return true
  end
  for _, record in ipairs(source.alike and release.list(host, site.release.dir, { complete = true }) or {}) do
    if fits(record) then return record.dir end
  end
end

-- Pulls the release onto one host, in place of one that is stale; returns its record.
-- The host that leads asks ahead for all.
local function onto(source, host, date, notes, leads, stale)
  local dir = switchrel.path(date)
  host:run { "mkdir", "-p", site.release.dir }
  pull.check_room(host)
  source.open_tunnel(host)
  local from = pull.newest(host, source, notes)
  if leads and from and source.ahead then source.ahead(host, notes) end
  local function fill(new)
    if from and new.from == "" then host:log("what is in " .. from .. " is of no use: takes everything anew") end
    farm.at_most(source.parallel, source.name, function() source.fill(host, new, notes) end)
  end
  local function adapt(new)
    link_shared(host, new)
    return ledger.adapt(host, new)
  end
  local ours = #(site.release.shared or {}) + #ledger.of(host) > 0 -- without, its files are read once less
  local how = { from = from, notes = notes, replace = stale and switchrel.links }
  local made = release.build(host, dir, how, fill, ours and adapt or nil)
  if made.files > 0 then host:log(("%s: %d files"):format(dir, made.files)) end
  return made
end

-- Returns by host name why the release, of which records has a record of each host,
-- is not that of the source now. Hosts that have the same are asked once.
local function find_stale(source, records, notes)
  local alike, stale = {}, {}
  for name, record in pairs(records) do alike[name] = record.content end
  for _, group in ipairs(source.stale and farm.fold(alike) or {}) do
    local hosts = farm.hosts(group.hosts)
    farm.each({ hosts[1] }, function(host)
      source.open_tunnel(host)
      local why = source.stale(host, records[host.name], notes)
      for _, member in ipairs(why and hosts or {}) do stale[member.name] = why end
    end)
  end
  return stale
end

-- Raises an error where a release that is stale, for the reason why, must stay.
local function check_replaceable(host, date, why)
  local dir = switchrel.path(date)
  if switchrel.needed(host)[date] then
    error(("%s is in use here, and is not what it would be if it were pulled now: %s; give that a date of its own")
      :format(dir, why), 0)
  end
  local changes = switchrel.changes(host, dir)
  if #changes > 0 then
    error(("%s would be pulled anew, for %s; but %d files were changed in it by hand, such as %s (farmrun patch take)")
      :format(dir, why, #changes, changes[1].path), 0)
  end
end

-- Pulls the release onto all hosts that do not have it as the source has it, and
-- compares them. It is looked for first, by one host, so that a wrong date is wrong
-- once and touches nothing. A release that is there is replaced only where no rollout
-- can be at work with it.
function pull.everywhere(source, set, date)
  local hosts, dir, notes = farm.hosts(set), switchrel.path(date), nil
  farm.each({ hosts[1] }, function(host)
    source.open_tunnel(host)
    notes = source.find(host, date)
  end)
  notes.source, notes.release = source.name, date
  local records = farm.each(hosts, function(host)
    local there, record = pcall(release.inspect, host, dir)
    return there and record or nil
  end)
  local stale = find_stale(source, records, notes)
  local function work()
    farm.each(hosts, function(host)
      if stale[host.name] then check_replaceable(host, date, stale[host.name]) end
    end)
    local contents = farm.each(hosts, function(host)
      local there, why = records[host.name], stale[host.name]
      if there and not why then
        host:log(dir .. " is there already")
        return there.content
      end
      if why then host:log(("%s %s pulled anew: %s"):format(dir, farm.dry_run() and "would be" or "is", why)) end
      return onto(source, host, date, notes, host.name == hosts[1].name, why).content
    end)
    pull.compare(date, contents)
  end
  if next(stale) then farm.locked(work) else work() end
end

-- The arguments of a script that pulls, for cli.parse.
function pull.arguments(about)
  return {
    about = about,
    { "date", cli.release, "the release to pull, yyyy-mm-dd" },
    hosts = { default = "@web", help = "which servers" },
  }
end

return pull
