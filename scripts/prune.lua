-- prune.lua: remove old releases from the servers. What is on the air stays, and
-- so do what is to follow it, what a server would go back to, and what is no
-- release of ours. It takes the lock, for a rollout needs what it has looked at.
local cli, farm, release = require "cli", require "farm", require "release"
local site, switchrel, pull = require "site", require "switchrel", require "lib.pull"

local args = cli.parse {
  about = [[
Removes all but the newest releases, by their dates, from the servers. Never what
is on the air or newer than that, what a rollback would go back to, or what is no
release that was pulled. One in which files were changed by hand is shown, and
stays. What is left of pulls that died goes, after a day at the latest.]],
  hosts   = { default = "@web", help = "which servers" },
  keep    = { default = 5, help = "how many of the newest stay" },
  changed = { type = cli.flag, help = "remove those, too, in which files were changed by hand" },
}
if args.keep < 1 then cli.usage_error "--keep: one release stays at least" end

-- Tells whether files of it were changed by hand, as far as anybody can say, and
-- says which.
local function changed(host, dir)
  local known, changes = pcall(switchrel.changes, host, dir)
  if not known then
    host:log(("%s stays: %s"):format(dir, changes.message or tostring(changes)))
    return true
  end
  for i = 1, math.min(#changes, 5) do host:log(("%s: %s %s"):format(dir, changes[i].how, changes[i].path)) end
  if #changes > 0 then host:log(("%s stays: %d files were changed by hand"):format(dir, #changes)) end
  return #changes > 0
end

local live, anywhere = {}, {} -- what is on the air, by host name, and by its own

-- Returns those of the releases, the newest first, that are old: they come after the
-- newest ones, and after what is on the air. What is on the air on any server stays
-- on all, for a rollout may have got no further. One that is marked as bad does not
-- stay for what may come.
local function find_old(host, records)
  local needs, later, old = switchrel.needed(host), true, {}
  for i, record in ipairs(records) do
    if record.name == live[host.name] then later = false end
    local stays = needs[record.name] or anywhere[record.name] or later and record.bad == ""
    if i > args.keep and not stays then old[#old + 1] = record end
  end
  return old
end

local done = farm.dry_run() and " would be removed" or " removed"

local function prune(host)
  local swept, stuck = release.sweep(host, site.release.dir)
  for _, dir in ipairs(swept) do host:log(dir .. done) end
  for _, record in ipairs(find_old(host, release.list(host, site.release.dir, { complete = true }))) do
    if args.changed or not changed(host, record.dir) then
      local ok, err = pcall(release.remove, host, record.dir, { unless = switchrel.links })
      if ok then host:log(record.dir .. done) else stuck[#stuck + 1] = err.message or tostring(err) end
    end
  end
  if #stuck > 0 then error("could not remove all: " .. table.concat(stuck, "; "), 0) end
end

farm.locked(function()
  live = farm.each(args.hosts, switchrel.current)
  for _, on in ipairs { live, pull.ask_others(live, switchrel.current) } do
    for _, name in pairs(on) do anywhere[name] = true end
  end
  farm.each(args.hosts, prune)
end)
