-- cvs-pull-snapshot.lua DATE: check the release of DATE out of CVS onto every
-- server, beside the one that is on the air. Nothing that is running notices.
local cli, cvs, farm, tunnel = require "cli", require "cvs", require "farm", require "tunnel"
local site, switchrel = require "site", require "switchrel"

local pull = {}

-- Lets the host get at the CVS server until the host's function ends.
function pull.open_tunnel(host)
  return tunnel.reverse(host, { listen = site.cvs.listen, to = site.cvs.server })
end

-- Raises an error unless there is room for a release.
function pull.check_room(host)
  local answer = host:query { "df", "-Pk", site.release.dir }
  local free = tonumber(answer.text:match "\n.-%s%d+%s+%d+%s+(%d+)%s") -- the fourth column, in kB
  if free < site.release.room * 1024 then
    error(("%s: %d MB free, %d wanted"):format(site.release.dir, free / 1024, site.release.room), 0)
  end
end

-- Raises an error unless the release is there and complete.
function pull.check(host, date)
  cvs.inspect(host, switchrel.path(date))
end

-- Pulls the release onto one host, unless it is there already.
function pull.onto(host, date)
  local dir = switchrel.path(date)
  if pcall(cvs.inspect, host, dir) then
    host:log(dir .. " is there already")
    return
  end
  host:run { "mkdir", "-p", site.release.dir }
  pull.check_room(host)
  pull.open_tunnel(host)
  local release = cvs.checkout(host, {
    root = site.cvs.root, module = site.cvs.module, tag = site.tag(date), dir = dir,
  })
  if release.files > 0 then host:log(("%s: %d files"):format(dir, release.files)) end
end

-- Pulls the release onto all hosts. The tag is looked for first, by one host,
-- so that a wrong one is wrong once and touches nothing.
function pull.everywhere(hosts, date)
  farm.each({ hosts[1] }, function(host)
    pull.open_tunnel(host)
    cvs.find_tag(host, site.tag(date), { root = site.cvs.root, module = site.cvs.module })
  end)
  farm.each(hosts, { parallel = site.cvs.parallel }, function(host) pull.onto(host, date) end)
end

if ... then return pull end -- required by another script

local args = cli.parse {
  about = "Checks the release of DATE out of CVS onto every server, beside the one on the air.",
  { "date", cli.date, "the release to pull, yyyy-mm-dd" },
  hosts = { default = "@web", help = "which servers" },
}

pull.everywhere(farm.hosts(args.hosts), args.date)
