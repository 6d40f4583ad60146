-- cvs-pull-snapshot.lua DATE: check the release of DATE out of CVS onto every
-- server, beside the one that is on the air. Nothing that is running notices.
local cli, cvs = require "cli", require "cvs"
local site, pull = require "site", require "lib.pull"

-- A release begins with the newest one on the host that is of the same module.
local source = pull.source("cvs", site.cvs, { "root", "module" })

local revisions = {} -- of the files of a tag: asked for once, for all hosts

function source.find(host, date)
  local tag, of = site.tag(date), { root = site.cvs.root, module = site.cvs.module }
  local ok, found = pcall(cvs.revisions, host, { root = of.root, module = of.module, tag = tag })
  if not ok then
    cvs.find_tag(host, tag, of) -- which names others that are like it, and takes its time
    error(found, 0)
  end
  revisions[tag], of.tag = found, tag
  if not found then source.alike = nil end -- what the module has is known of a whole checkout only
  return of
end

function source.fill(host, new, notes)
  if new.from == "" then
    cvs.checkout(host, { root = notes.root, module = notes.module, tag = notes.tag, dir = new.dir })
    return
  end
  local dir, said = new.dir, "%d files fetched, the others are those of %s"
  if new.dry then dir, said = new.from, "would fetch %d files, and what was changed in %s" end
  local fetched = cvs.move(host, { dir = dir, tag = notes.tag, revisions = revisions[notes.tag], look = new.dry })
  host:log(said:format(#fetched, new.from))
end

if ... then return source end -- required by another script

local args = cli.parse(pull.arguments [[
Checks the release of DATE out of CVS onto every server, beside the one on the
air, and puts the local patches on it that are for that server. It stops, with
nothing left behind, where a patch no longer fits.]])
pull.everywhere(source, args.hosts, args.date)
