-- switchrel.lua DATE: point each server's link at the release of DATE, server
-- after server, without restarting anything. As a library it has what other
-- scripts need of the link: most of that is the way back, which the host and the
-- journal remember. Where a link leads is for the host to say, not for its text.
local cli, farm, release, symlink = require "cli", require "farm", require "release", require "symlink"
local site, budget = require "site", require "lib.budget"

local link        = site.release.link
local former_link = link .. ".former" -- remembers what a switch has left

-- The links of a host: what one of them leads to is needed.
local switchrel = { links = { link, former_link, unpack(site.release.links or {}) } }

-- The directory of a release.
function switchrel.path(date) return site.release.dir .. "/" .. date end

-- Returns the release that a link leads to, or what it reads if that is none; and
-- what it reads. Without the link it returns nil.
local function read(host, name)
  local reads, date = symlink.read(host, name, { within = site.release.dir })
  return date or reads, reads
end

-- The release that the host has on the air; nil if there is none.
function switchrel.current(host) return (read(host, link)) end

-- Returns what a host that is on now had before, what its link read then, and
-- what this operator's journal has if that is something else; nil if nobody knows.
-- A switch writes it down on the host and in the journal, where it has the name that
-- the host had for it, too, for the link may read that in other words: where they differ
-- somebody else has switched the host since.
local function before(host, now)
  local former, reads = read(host, former_link)
  local noted = host:recall("before " .. switchrel.path(now))
  local name = host:recall("release before " .. switchrel.path(now))
  local other = noted and noted ~= "" and (name or noted:match "[^/]+/*$")
  if former and former ~= now then return former, reads, other ~= former and other or nil end
  if other and other ~= now then return other, noted end
end

-- The release that the host had before the one it has; nil if it is not known.
function switchrel.former(host)
  local now = switchrel.current(host)
  return now and (before(host, now))
end

-- Returns the release that a host which is on now goes back to, what the journal
-- has instead, if anything, and what the link will read. Raises an error if there
-- is no way back.
function switchrel.way_back(host, now)
  local former, reads, other = before(host, now)
  if not former then
    error(("it is not known what was on the air before %s: %s is not there"):format(now, former_link), 0)
  end
  symlink.switch(host, link, reads, { look = true })
  return former, other, reads
end

-- Returns what was changed in a release by hand, as release.changes does: what the
-- application writes there is left out.
function switchrel.changes(host, dir) return release.changes(host, dir, { own = site.release.own }) end

-- Returns the releases to which a link of the host leads, or a rollback would, by
-- name.
function switchrel.needed(host)
  local names = { [switchrel.former(host) or ""] = true }
  for _, name in ipairs(switchrel.links) do names[read(host, name) or ""] = true end
  return names
end

-- Makes the link lead to the release of date, and the former link where it led.
local function switch(host, date, look)
  local path = switchrel.path(date)
  return symlink.switch(host, link, path, { from_home = true, former = former_link:match "[^/]+$", look = look })
end

-- Raises an error unless the link can be switched to the release, which is there
-- and complete, and nobody has marked it as bad, which force overlooks. Returns
-- the release's record.
function switchrel.check(host, date, force)
  local record = release.inspect(host, switchrel.path(date))
  if record.bad ~= "" and not force then
    error(("%s is marked as bad: %s (--bad switches to it all the same)"):format(record.dir, record.bad), 0)
  end
  switch(host, date, true)
  return record
end

-- Switches the host to the release of date and remembers the one it leaves, on the
-- host and in the journal. Where the host is on it already, the journal learns what the
-- host remembers: a run that was killed may have switched it and not noted that.
function switchrel.to(host, date)
  local former, left = (read(host, link))
  if former == date then
    former, left = read(host, former_link)
    if former == date then return end
  else
    left = switch(host, date)
  end
  if left then
    host:remember("release before " .. switchrel.path(date), former or "")
    host:remember("before " .. switchrel.path(date), left)
  end
end

-- Takes back a switch to the release of date, if the host is on it: to the
-- release that it had before, which the host then no longer remembers.
function switchrel.back(host, date)
  if switchrel.current(host) ~= date then return end
  local _, _, reads = switchrel.way_back(host, date)
  symlink.switch(host, link, reads)
  host:run { "rm", "-f", "--", former_link }
end

if ... then return switchrel end -- required by another script

local args = cli.parse {
  about = "Points each server's link at the release of DATE, server after server.",
  { "date", cli.release, "the release to switch to, yyyy-mm-dd" },
  hosts   = { default = "@web", help = "which servers" },
  batches = budget.option,
  bad     = { type = cli.flag, help = "switch to it although it is marked as bad" },
}

local pull = require "lib.pull" -- which requires this script itself
local hosts = farm.hosts(args.hosts)
pull.compare(args.date, farm.each(hosts, function(host) return switchrel.check(host, args.date, args.bad).content end))
farm.rollout(hosts, {
  healthy     = site.healthy,
  max_offline = budget.of(hosts),
  batches     = budget.batches(hosts, args.batches),
}, function(host)
  host:step("switch", function() switchrel.to(host, args.date) end)
end)
