-- site.lua: what is particular to this farm. All of it is yours to edit, and
-- what it says of sources that you do not have can go.
local farm  = require "farm"
local probe = require "probe"

farm.site {
  groups = {
    web = "webserv[1-3]",
    lb  = "lb1",
  },
  -- Where rollouts on this farm lock each other out, whoever starts them: a file
  -- that all operators can write.
  lock = { host = "lb1", path = "farmrun.lock" },
  -- Settings of hosts, where ~/.ssh/config does not say them already:
  -- hosts = { ["@web"] = { user = "web" }, webserv3 = { login = "telnet" } },
  -- There a tunnel to CVS can be opened at every login, as RemoteForward does it:
  -- hosts = { ["@web"] = { forwards = { { listen = 2401, to = "dev.lan:2401" } } } },
}

local site = {}

-- Where releases lie on a web server, from the login's home directory: each in
-- a directory named by its date, and a link to the one that is on the air.
site.release = {
  dir  = "releases",
  link = "www",
  room = 10,                  -- MB that must be free where they lie
  -- What outlives releases is linked into each new one, in place of what that has
  -- there. It lies in shared/, beside the releases' directory; "/" marks directories.
  shared = {},                -- { "uploads/", "logs/", "htdocs/settings.inc" }
  -- What the application writes into releases, which nobody has changed by hand,
  -- and other links than link, to releases that are never pruned.
  own   = {},                 -- { "cache/", "htdocs/*.tmp" }
  links = {},                 -- { "preview" }
}

-- Where releases come from: cvs, git or rsync. It names the script that pulls
-- them, as in cvs-pull-snapshot.lua.
site.source = "cvs"

-- How the web servers get at CVS: root is as they see it, through a tunnel
-- that ends at server, an address as this machine sees it.
site.cvs = {
  root     = ":pserver:anon@127.0.0.1:2401/cvsroot",
  module   = "site",
  listen   = 2401,
  server   = "dev:2401",
  parallel = 8,               -- pulls at once, to spare the CVS server
  write    = ":pserver:rel@127.0.0.1:2401/cvsroot", -- for who makes releases
}

-- The same for a site on git, whose servers keep a mirror of it, and for one
-- that an rsync daemon has, a directory for each tag.
site.git = {
  url    = "git://127.0.0.1:9418/site.git",
  mirror = "site.git",
  listen = 9418, server = "dev:9418", parallel = 8,
}
site.rsync = {
  url    = "rsync://127.0.0.1:8730/site",
  listen = 8730, server = "dev:873", parallel = 8,
}

-- The stage area, a working copy whose changes stage.lua checks in every night.
-- site.stage = { host = "webserv1", dir = "stage" }

-- The name of a release where it comes from: its tag. The second one of a day is
-- 2000-09-19.2, and CVS has no tags with dots.
function site.tag(date) return "Snapshot-" .. date:gsub("%.", "-") end

-- How many servers may be out of service at once, with those that were sick
-- before: a number, or a share of the servers that a script works on, "10%".
site.offline = 1

-- The balancer: see the files in balancer/ for others than HAProxy.
local pool = require "balancer.haproxy" {
  host    = "lb1",
  socket  = "unix:/run/haproxy/admin.sock",
  backend = "web",
  drained = site.offline,     -- the balancer's own look at who is out
}

-- Takes a server out of the balancer's pool, and puts it back.
function site.drain(host) pool.drain(host) end
function site.enable(host) pool.enable(host) end

-- Raises an error unless the server is in the pool: one that an earlier run, or
-- a colleague, has left drained counts as out of service.
function site.on_air(host) pool.check(host) end

-- Restarts the web server, which holds on to the release it started with. One
-- that hangs is given up long before the turn's time is up, so that there is
-- some left to do it again, or to put the server back.
function site.restart(host)
  host:sudo({ "/etc/init.d/httpd", "restart" }, { timeout = "2m" })
end

-- Raises an error unless the server would let itself be restarted. It is asked
-- before the first server leaves the air, and so is the password.
function site.may_restart(host)
  host:sudo({ "/etc/init.d/httpd", "restart" }, { look = true })
end

-- Raises an error unless the server does its work. A value returned, other than true,
-- is no as well, nil too.
function site.healthy(host)
  probe.http(host, "http://localhost/", { status = 200, within = "10s" })
end

-- Brings the data model up to date, once for the whole farm, before the first
-- server is switched: that is when old and new servers run side by side.
function site.update_data(date) end -- luacheck: ignore 212

return site
