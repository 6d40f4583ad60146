-- cutover.lua DATE: put the release of DATE on the air, one server at a time, or
-- as many as the site lets be out of service at once.
-- A server's turn is five steps, in cutover.roll; what is long is the look before
-- the first one, for all that could stop it halfway, and the ways back. rollback
-- goes through the same steps.
local cli, farm, symlink = require "cli", require "farm", require "symlink"
local site      = require "site"
local switchrel = require "switchrel"
local pull, budget, health = require "lib.pull", require "lib.budget", require "lib.health"

local cutover = {}

-- The options that all scripts have that take servers off the air.
cutover.options = {
  hosts   = { default = "@web", help = "which servers" },
  settle  = { default = "2s", type = cli.duration, help = "how long a server is back before the next one leaves" },
  step    = { type = cli.flag, help = "ask before each server" },
  batches = budget.option,
}

-- A server is back when it does its work and the balancer sends visitors to it.
local function in_service(host)
  health.works(host)
  health.in_pool(host)
end

-- How a server stands that an earlier run was at work on when it ended.
local function look(host)
  local function answer(ask, yes)
    local ok, err = pcall(ask, host)
    return ok and yes or err.message or tostring(err)
  end
  return ("on %s, %s, %s"):format(switchrel.current(host) or "no release",
    answer(health.works, "healthy"), answer(health.in_pool, "in the pool"))
end

-- Takes the hosts off the air, never more than the budget, and calls change(host)
-- on each while it is. changed(host) tells whether that was done to a host, and
-- nobody has taken it back since; undo(host) does.
function cutover.roll(hosts, args, change, changed, undo)
  local function restart(host) site.restart(host) end

  -- Nobody sends visitors to a server that does not do its work.
  local function back_in_pool(host)
    health.works(host)
    site.enable(host)
  end

  -- A server's turn, there or back.
  local function turn(host, switch, back)
    host:step("drain", site.drain, back_in_pool)
    host:step("switch", switch, back)
    host:step("restart", restart)
    host:step("check health", health.works)
    host:step("enable", site.enable)
  end

  farm.rollout(hosts, {
    max_offline = budget.of(hosts),
    batches     = budget.batches(hosts, args.batches),
    turn        = "10m",
    settle      = args.settle,
    healthy     = in_service,
    mend        = args.allow_sick,
    look        = look,
    done        = changed,
    on_failure  = args.rollback and "rollback" or args.undo and "undo" or "halt",
    back        = function(host) turn(host, undo) end,
  }, function(host)
    if args.step and not cli.confirm("Go on with " .. host.name .. "?") then
      error("not confirmed: " .. host.name .. " is as it was", 0)
    end
    turn(host, change, function() undo(host) restart(host) end)
  end)
end

-- Looks on all hosts for what would stop a rollout halfway: a password, a
-- balancer that does not answer, more servers out of the pool than may be (those
-- that may go first).
function cutover.prepare(hosts, args)
  local _, off = farm.each(hosts, { check = false }, health.in_pool)
  local out = 0
  for _ in pairs(off) do out = out + 1 end
  if out > budget.of(hosts) and not args.allow_sick then farm.each(hosts, health.in_pool) end
  farm.each(hosts, site.may_restart)
end

if ... then return cutover end -- required by another script

local args = cli.parse({
  about = [[
Puts the release of DATE on the air: drains one server after the other, switches
its link, restarts it, waits until it is healthy and puts it back. Where the site
file lets more than one be out of service at once (site.offline), the first goes
by itself, and then so many at a time, or as --batches says. Before that it looks
on all servers whether the release is complete and the same everywhere, the link a
link, the server healthy, room on the disk, and whether sudo would restart it. The
first failure stops it; when that is mended, farmrun resume goes on: it takes the
servers that were left out of the pool first, and goes through all of them.]],
  { "date", cli.release, "the release to switch to, yyyy-mm-dd" },
  pull       = { type = cli.flag, help = "pull the release onto the servers first" },
  undo       = { type = cli.flag, help = "put a server back as it was when its turn fails" },
  rollback   = { type = cli.flag, help = "put all servers of this run back when a turn fails" },
  bad        = { type = cli.flag, help = "switch to it although it is marked as bad" },
  allow_sick = { type = cli.flag, help = "begin although servers are sick; those go first" },
}, cutover.options)
local hosts = farm.hosts(args.hosts)
budget.batches(hosts, args.batches) -- if they are wrong, nothing is pulled

if args.pull then pull.everywhere(require(site.source .. "-pull-snapshot"), hosts, args.date) end
local unpulled = args.pull and farm.dry_run() -- the release may not be there, and no fault

-- Raises an error for a sick server, and says what may be done about it.
local function check_health(host)
  local ok, err = pcall(health.works, host)
  if ok then return end
  host:log("sick: mend it, or begin with it: --allow-sick")
  error(err, 0)
end

-- Looks on all hosts for what would be in the way of a switch to the release.
local function look_around()
  local contents = farm.each(hosts, function(host)
    pull.check_room(host)
    if not (args.allow_sick or farm.resumed()) then check_health(host) end
    if not unpulled then return pull.check(host, args.date, args.bad) end
    symlink.read(host, site.release.link)
  end)
  pull.compare(args.date, contents)
  cutover.prepare(hosts, args)
end

local function undo(host) switchrel.back(host, args.date) end

local function is_switched(host) return switchrel.current(host) == args.date end

local function switch(host)
  if unpulled then return host:log("would switch to " .. args.date) end
  switchrel.to(host, args.date)
end

farm.locked(function()
  look_around()
  farm.once("update the data", function() site.update_data(args.date) end)
  cutover.roll(hosts, args, switch, is_switched, undo)
end)
