-- cvs-pull-snapshot.lua DATE: check the release of DATE out of CVS onto every
-- server, beside the one that is on the air. Nothing that is running notices.
local cli, cvs, farm = require "cli", require "cvs", require "farm"
local site, pull = require "site", require "lib.pull"

-- A release begins with the newest one on the host that is of the same module.
local source = pull.source("cvs", site.cvs, { "root", "module" })

-- Whose passwords a working copy on a host may ask for.
local open_tunnel = source.open_tunnel
function source.open_tunnel(host)
  for _, root in ipairs { site.cvs.root, site.cvs.write } do cvs.allow(host, root) end
  return open_tunnel(host)
end

function source.find(host, date)
  local of, tag = { root = site.cvs.root, module = site.cvs.module }, site.tag(date)
  cvs.check_tag(host, tag, of)
  of.tag = tag
  return of
end

-- Returns the revisions of the release's files, for which one host asks; nil if
-- only a checkout tells what the module has.
function source.ahead(host, notes)
  local of = { root = notes.root, module = notes.module, tag = notes.tag }
  return farm.shared("revisions of " .. of.tag, function() return cvs.revisions(host, of) end)
end

-- The working copy is compared with the branch, but for
-- the files that give way to links.
function source.stale(host, record, notes)
  local revisions = source.ahead(host, notes)
  local behind = {}
  for _, path in ipairs(revisions and cvs.behind(host, { dir = record.dir, revisions = revisions }) or {}) do
    if not pull.gives_way(path) then behind[#behind + 1] = path end
  end
  if #behind > 0 then return ("%d files of %s are others now, such as %s"):format(#behind, notes.tag, behind[1]) end
end

function source.fill(host, new, notes)
  local revisions = new.from ~= "" and source.ahead(host, notes)
  if not revisions then
    if new.from ~= "" then host:run { "rm", "-rf", new.dir } end -- with what it began
    cvs.checkout(host, { root = notes.root, module = notes.module, tag = notes.tag, dir = new.dir })
    return
  end
  local dir, said = new.dir, "%d files fetched, the others are those of %s"
  if new.dry then dir, said = new.from, "would fetch %d files, and what was changed in %s" end
  local fetched = cvs.move(host, { dir = dir, tag = notes.tag, revisions = revisions, look = new.dry })
  host:log(said:format(#fetched, new.from))
end

-- A commit on the branch must not look as if it had been taken away by hand.
function source.diff(host, dir, notes, files)
  for _, file in ipairs((cvs.update(host, { dir = dir, files = files, look = true }))) do
    if file.status ~= "M" then
      error(file.path .. " is another one on the branch, too: farmrun update comes first", 0)
    end
  end
  return cvs.diff(host, { dir = dir, files = files, fresh = notes.tag })
end

if ... then return source end -- required by another script

local args = cli.parse(pull.arguments [[
Checks the release of DATE out of CVS onto every server, beside the one on the
air, and puts the local patches on it that are for that server. It stops, with
nothing left behind, where a patch no longer fits.]])
pull.everywhere(source, args.hosts, args.date)
