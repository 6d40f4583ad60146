-- rollback.lua [DATE]: take the servers that are on the release of DATE back,
-- each to the release that it had before, through the steps of cutover.lua. It
-- begins where a cut-over has stopped, and finds out by itself which servers
-- those are.
local cli, farm, release = require "cli", require "farm", require "release"
local cutover, switchrel, health = require "cutover", require "switchrel", require "lib.health"

local args = cli.parse({
  about = [[
Takes the servers that are on the release of DATE back, each to the release that
it had before, and puts back those that an earlier run has left out of the pool.
Other servers are left alone. Without DATE it is the release of all servers, if
they are on the same one.]],
  { "date", cli.release, "the release to leave, yyyy-mm-dd", optional = true },
  bad = { help = "why nobody is to switch to it again: marks it on all servers" },
}, cutover.options)
local all = farm.hosts(args.hosts)
local current -- each server's release, by its name

-- The one release that all servers are on.
local function common()
  local date = current[all[1].name]
  for _, host in ipairs(all) do
    if current[host.name] ~= date then
      error(("%s is on %s and %s on %s: say which release to leave"):format(all[1].name, date or "no release",
        host.name, current[host.name] or "no release"), 0)
    end
  end
  return date or error("no server is on a release: there is nothing to go back from", 0)
end

-- The servers that are on the release of date, or out of the pool.
local function to_leave(date)
  local _, off = farm.each(all, { check = false }, health.in_pool)
  local leave  = {}
  for _, host in ipairs(all) do
    if current[host.name] == date or off[host.name] then leave[#leave + 1] = host end
  end
  return #leave > 0 and farm.names(leave) or nil
end

local function condemn(host, date)
  local dir = switchrel.path(date)
  if host:query({ "test", "-d", dir }, { check = false }).code == 0 then release.condemn(host, dir, args.bad) end
end

-- Raises an error unless the server has a release to go back to, and says which
-- that is, and whether it is still as it was pulled.
local function check(host, date)
  local now = current[host.name] or "no release"
  if now ~= date then return host:log(("is on %s: stays on it"):format(now)) end
  local former, other = switchrel.way_back(host, date)
  host:log(date .. " -> " .. former .. (other and (", for somebody has switched it since it left " .. other) or ""))
  local known, changes = pcall(switchrel.changes, host, switchrel.path(former))
  if known and #changes > 0 then
    host:log(("%d files of %s have changed, such as %s"):format(#changes, former, changes[1].path))
  end
end

farm.locked(function()
  current = farm.each(all, switchrel.current)
  -- A run that is resumed finds servers that are back already: what to leave, and
  -- where, is what it was at first.
  local date  = args.date or farm.once("release", common)
  local names = farm.once("servers", function() return to_leave(date) end)
  local leave = names and farm.hosts(names)
  if leave then farm.each(leave, function(host) check(host, date) end) end
  if args.bad then farm.each(all, function(host) condemn(host, date) end) end
  if not leave then
    print("no server is on " .. date)
    return
  end

  -- Sick servers are no obstacle: going back is what mends them.
  local how = { settle = args.settle, step = args.step, batches = args.batches, allow_sick = true }
  cutover.prepare(leave, how)
  local function back(host) switchrel.back(host, date) end
  local function is_back(host) return switchrel.current(host) ~= date end
  cutover.roll(leave, how, back, is_back)
end)
