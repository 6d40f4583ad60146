-- switchrel.lua DATE: point each server's link at the release of DATE, one
-- server at a time, without restarting anything. As a library it has what other
-- scripts need of the link.
local cli, farm, symlink = require "cli", require "farm", require "symlink"
local site = require "site"

local link        = site.release.link
local former_link = link .. ".former" -- remembers what a switch has left

local switchrel = {}

-- The directory of a release, as the link reads it.
function switchrel.path(date) return site.release.dir .. "/" .. date end

-- The release that a link reads: "2000-09-19" for "releases/2000-09-19".
local function release_of(target) return target and target:match "([^/]+)/*$" end

-- The release that the host has on the air, and the one it had before; nil if
-- there is none.
function switchrel.current(host) return release_of(symlink.read(host, link)) end
function switchrel.former(host) return release_of(symlink.read(host, former_link)) end

-- Switches the host to the release of date and remembers the one it leaves.
function switchrel.to(host, date)
  local target, now = switchrel.path(date), symlink.read(host, link)
  if now == target then return end
  if now then symlink.switch(host, former_link, now, { target = "any" }) end
  symlink.switch(host, link, target)
end

-- Takes back a switch to the release of date, if the host is on it: to the
-- release that it had before, which is then no longer remembered.
function switchrel.back(host, date)
  if switchrel.current(host) ~= date then return end
  local former = symlink.read(host, former_link)
  if not former then error("no former release is remembered: " .. former_link .. " is not there", 0) end
  symlink.switch(host, link, former)
  host:run { "rm", "-f", former_link }
end

if ... then return switchrel end -- required by another script

local args = cli.parse {
  about = "Points each server's link at the release of DATE, one server at a time.",
  { "date", cli.date, "the release to switch to, yyyy-mm-dd" },
  hosts = { default = "@web", help = "which servers" },
}

farm.rollout(args.hosts, { healthy = site.healthy }, function(host)
  host:step("switch", function() switchrel.to(host, args.date) end)
end)
