-- patch.lua FILE: apply a patch on all servers, keeping the originals (patch
-- -b). It tries first, on every server, whether the patch fits.
local cli, farm = require "cli", require "farm"
local site = require "site"

local args = cli.parse {
  about = [[
Applies a patch on all servers with patch -b, after patch --dry-run has found on
every one of them that it fits. A server that has the patch already is an error.]],
  { "file", cli.string, "the patch, a file of this machine" },
  hosts   = { default = "@web", help = "which servers" },
  dir     = { default = site.release.link, help = "where to apply it" },
  strip   = { default = 0, short = "p", help = "how many leading directories to strip from names" },
  reverse = { type = cli.flag, short = "R", help = "take the patch out again" },
}

local file, why = io.open(args.file)
if not file then error(why, 0) end
local text = file:read "*a"
file:close()

-- patch [OPTION...], as it is called on the host.
local function patch(option)
  local words = { "patch", "--batch", "-p" .. args.strip, args.reverse and "-R" or "-N", option }
  return words, { dir = args.dir, stdin = text }
end

local hosts = farm.hosts(args.hosts)
farm.each(hosts, function(host) host:query(patch "--dry-run") end)
farm.each(hosts, function(host) host:run(patch "-b") end)
