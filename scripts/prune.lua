-- prune.lua: remove old releases from the servers. What is on the air stays, and
-- so do what a server would go back to and what is no release of ours.
local cli, farm, release, symlink = require "cli", require "farm", require "release", require "symlink"
local site, switchrel = require "site", require "switchrel"

local args = cli.parse {
  about = [[
Removes all but the newest releases from the servers. Never what is on the air,
what a rollback would go back to, or what is no release that was pulled. One in
which files were changed by hand is shown, and stays. What is left of pulls that
died goes, after a day at the latest.]],
  hosts   = { default = "@web", help = "which servers" },
  keep    = { default = 5, help = "how many of the newest stay" },
  changed = { type = cli.flag, help = "remove those, too, in which files were changed by hand" },
}
if args.keep < 1 then cli.usage_error "--keep: one release stays at least" end

-- Tells whether files of it were changed by hand, as far as anybody can say, and
-- says which.
local function changed(host, dir)
  local known, changes = pcall(release.changes, host, dir)
  if not known then
    host:log(("%s stays: %s"):format(dir, changes.message or tostring(changes)))
    return true
  end
  for i = 1, math.min(#changes, 5) do host:log(("%s: %s %s"):format(dir, changes[i].how, changes[i].path)) end
  if #changes > 0 then host:log(("%s stays: %d files were changed by hand"):format(dir, #changes)) end
  return #changes > 0
end

local done = farm.dry_run() and " would be removed" or " removed"

farm.each(args.hosts, function(host)
  for _, dir in ipairs(release.sweep(host, site.release.dir)) do host:log(dir .. done) end
  local needed = {}
  for _, link in ipairs(switchrel.links) do
    needed[(symlink.read(host, link) or ""):match "([^/]*)/*$"] = true
  end
  for i, record in ipairs(release.list(host, site.release.dir, { complete = true })) do
    local old = i > args.keep and not needed[record.name]
    if old and (args.changed or not changed(host, record.dir)) then
      release.remove(host, record.dir)
      host:log(record.dir .. done)
    end
  end
end)
