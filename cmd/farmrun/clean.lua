-- farmrun clean: removes the fences of dead runs from hosts.
local cli, farm, clean = require "cli", require "farm", require "clean"
if clean.site then require "site" end

local hosts = farm.hosts(clean.sets)
local found, failed = farm.each(hosts, { timeout = "1m", check = false }, clean.look)

-- dead tells whether a run is over, and asks where farmrun does not know.
local known, kept = {}, 0
local function dead(host, fence)
  local is = known[fence.run]
  if is == nil then
    is = fence.standing == "over"
    if fence.standing == "unknown" then
      is = cli.confirm(("%s is owned by %s. Is that run over?"):format(host.name, fence.owner))
    elseif not is then
      print(("%s: run %s %s"):format(host.name, fence.run, fence.standing))
    end
    known[fence.run] = is
  end
  return is
end

local remove = {}
for _, host in ipairs(hosts) do
  remove[host.name] = {}
  for _, fence in ipairs(found[host.name] or {}) do
    if dead(host, fence) then
      table.insert(remove[host.name], fence.run)
    else
      kept = kept + 1
    end
  end
end
farm.each(hosts, { timeout = "2m" }, function(host)
  if failed[host.name] then error(failed[host.name], 0) end
  clean.remove(host, remove[host.name])
end)
if kept > 0 then error("not all fences were removed", 0) end
