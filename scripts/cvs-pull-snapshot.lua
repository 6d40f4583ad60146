-- cvs-pull-snapshot.lua DATE: check the release of DATE out of CVS onto every
-- server, beside the one that is on the air. Nothing that is running notices.
local cvs, tunnel = require "cvs", require "tunnel"
local site, pull  = require "site", require "lib.pull"

local source = { name = "cvs", parallel = site.cvs.parallel }

-- Lets the host get at the CVS server until the host's function ends.
function source.open_tunnel(host)
  return tunnel.reverse(host, { listen = site.cvs.listen, to = site.cvs.server })
end

function source.find(host, date)
  source.open_tunnel(host)
  local tag = site.tag(date)
  cvs.find_tag(host, tag, { root = site.cvs.root, module = site.cvs.module })
  return { tag = tag, module = site.cvs.module, root = site.cvs.root }
end

function source.fill(host, new, _, notes)
  source.open_tunnel(host)
  cvs.checkout(host, { root = notes.root, module = notes.module, tag = notes.tag, dir = new.dir })
end

if ... then return source end -- required by another script

pull.script(source, [[
Checks the release of DATE out of CVS onto every server, beside the one on the
air, and puts the local patches on it that are for that server. It stops, with
nothing left behind, where a patch no longer fits.]])
