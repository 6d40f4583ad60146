-- rollback.lua [DATE]: take the servers that are on the release of DATE back,
-- each to the release that it had before, one server at a time.
local cli, farm = require "cli", require "farm"
local cutover, site, switchrel = require "cutover", require "site", require "switchrel"

local spec = {
  about = [[
Takes the servers that are on the release of DATE back, each to the release that
it had before, and puts back those that an earlier run has left out of the pool.
Other servers are left alone. Without DATE it is the release of all servers, if
they are on the same one.]],
  { "date", cli.date, "the release to leave, yyyy-mm-dd", optional = true },
}
for name, option in pairs(cutover.options) do spec[name] = option end
local args    = cli.parse(spec)
local hosts   = farm.hosts(args.hosts)
local current = farm.each(hosts, switchrel.current)

-- The one release that all servers are on.
local function common()
  local date = current[hosts[1].name]
  for _, host in ipairs(hosts) do
    if current[host.name] ~= date then
      error(("%s is on %s and %s on %s: say which release to leave")
        :format(hosts[1].name, date, host.name, current[host.name]), 0)
    end
  end
  return date
end

local date   = args.date or common()
local _, off = farm.each(hosts, { check = false }, site.on_air)
local leave  = {}
for _, host in ipairs(hosts) do
  if current[host.name] == date or off[host.name] then leave[#leave + 1] = host end
end
if #leave == 0 then
  print("no server is on " .. date)
  return
end

farm.each(leave, function(host)
  if current[host.name] ~= date then return host:log "is out of the pool: goes with the others" end
  local former = switchrel.former(host)
  if not former then error("it is not known what was on the air before " .. date, 0) end
  host:query { "test", "-d", switchrel.path(former) }
  host:log(date .. " -> " .. former)
end)

-- Sick servers are no obstacle: going back is what mends them.
local how = { settle = args.settle, step = args.step, allow_sick = true }
cutover.prepare(leave, how)
cutover.roll(leave, how, function(host) switchrel.back(host, date) end)
