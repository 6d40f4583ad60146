-- switchrel.lua DATE: point each server's link at the release of DATE, server
-- after server, without restarting anything. As a library it has what other
-- scripts need of the link: most of that is the way back, which the journal and
-- the host remember, and which is taken only where they agree.
local cli, farm, release, symlink = require "cli", require "farm", require "release", require "symlink"
local site, budget = require "site", require "lib.budget"

local link        = site.release.link
local former_link = link .. ".former" -- remembers what a switch has left

-- The links of a host: what one of them reads is needed.
local switchrel = { links = { link, former_link } }

-- The directory of a release, as the link reads it.
function switchrel.path(date) return site.release.dir .. "/" .. date end

-- The release that a link reads: "2000-09-19" for "releases/2000-09-19".
local function release_of(target) return target and target:match "([^/]+)/*$" end

-- The release that the host has on the air; nil if there is none.
function switchrel.current(host) return release_of(symlink.read(host, link)) end

-- What the host's link read before it was switched to the release of date, as far
-- as the journals of this operator or the host know; nil if they do not.
local function target_before(host, date)
  local noted, kept = host:recall("before " .. switchrel.path(date)), symlink.read(host, former_link)
  if noted and kept and noted ~= kept then
    error(("before %s it was on %s, says the journal, and on %s, says %s: somebody has switched it since; "
      .. "farmrun switchrel --hosts %s DATE switches it to the right one")
      :format(date, release_of(noted), release_of(kept), former_link, host.name), 0)
  end
  return noted or kept
end

-- The release that the host had before the one it has; nil if it is not known.
function switchrel.former(host)
  local now = switchrel.current(host)
  return now and release_of(target_before(host, now))
end

-- Raises an error unless the release is there and complete, and nobody has
-- marked it as bad, which force overlooks.
function switchrel.check(host, date, force)
  local bad = release.inspect(host, switchrel.path(date)).bad
  if bad ~= "" and not force then
    error(("%s is marked as bad: %s (--bad switches to it all the same)"):format(switchrel.path(date), bad), 0)
  end
end

-- Switches the host to the release of date and remembers the one it leaves, in
-- the journal and on the host.
function switchrel.to(host, date)
  local target, now = switchrel.path(date), symlink.read(host, link)
  if now == target then return end
  if now then
    host:remember("before " .. target, now)
    symlink.switch(host, former_link, now, { target = "any" })
  end
  symlink.switch(host, link, target)
end

-- Takes back a switch to the release of date, if the host is on it: to the
-- release that it had before, which the host then no longer remembers.
function switchrel.back(host, date)
  if switchrel.current(host) ~= date then return end
  local former = target_before(host, date)
  if not former then
    error(("it is not known what was on the air before %s: %s is not there"):format(date, former_link), 0)
  end
  symlink.switch(host, link, former)
  host:run { "rm", "-f", former_link }
end

if ... then return switchrel end -- required by another script

local args = cli.parse {
  about = "Points each server's link at the release of DATE, server after server.",
  { "date", cli.date, "the release to switch to, yyyy-mm-dd" },
  hosts   = { default = "@web", help = "which servers" },
  batches = budget.option,
  bad     = { type = cli.flag, help = "switch to it although it is marked as bad" },
}

local hosts = farm.hosts(args.hosts)
farm.each(hosts, function(host) switchrel.check(host, args.date, args.bad) end)
farm.rollout(hosts, {
  healthy     = site.healthy,
  max_offline = budget.of(hosts),
  batches     = budget.batches(hosts, args.batches),
}, function(host)
  host:step("switch", function() switchrel.to(host, args.date) end)
end)
