-- update.lua [FILE...]: bring the working copies on all servers up to date. It
-- looks first, on every server, whether that would run into a conflict.
local cli, cvs, farm = require "cli", require "cvs", require "farm"
local site, pull = require "site", require "cvs-pull-snapshot"

local args = cli.parse {
  about = [[
Runs cvs -q update on all servers, after it has seen on every one of them, by
cvs -n, that there would be no conflict.]],
  { "files", cli.list, "only these, from the working copy's top", optional = true },
  hosts = { default = "@web", help = "which servers" },
  dir   = { default = site.release.link, help = "the working copy" },
}

local function update(host, look)
  pull.open_tunnel(host)
  return cvs.update(host, { dir = args.dir, files = args.files, look = look })
end

local hosts, parallel = farm.hosts(args.hosts), { parallel = site.cvs.parallel }
farm.each(hosts, parallel, function(host) update(host, true) end)
farm.each(hosts, parallel, function(host) update(host, false) end)
