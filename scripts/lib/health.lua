-- lib/health.lua: asks a server how it is, by the site's functions for that. They
-- say yes by returning nothing or true. An error is no, and so is any other value:
-- a search that finds nothing returns nil.
local site = require "site"

local health = {}

local function judge(name, ...)
  if select("#", ...) > 0 and (...) ~= true then
    error(("site.%s returned %s: only true, or nothing returned, is yes"):format(name, tostring((...))), 0)
  end
end

-- Raises an error unless the server does its work.
function health.works(host) judge("healthy", site.healthy(host)) end

-- Raises an error unless the server is in the pool.
function health.in_pool(host) judge("on_air", site.on_air(host)) end

return health
