-- balancer/file.lua: for a balancer that asks every server for a page, and sends
-- visitors only to those that have it: the page is a file, which goes away.
--
--   local pool = require "balancer.file" {
--     path   = "shared/in-service.html",  -- on the web servers, outside of releases
--     notice = "10s",                     -- how long the balancer takes to see it, and
--   }                                     -- sessions to end
--   pool.drain(host); pool.enable(host); pool.check(host); pool.state(host)
local cli, farm = require "cli", require "farm"

return function(config)
  local pool = {}
  local notice = config.notice or "10s"

  local function settle() if not farm.dry_run() then cli.sleep(notice) end end

  -- Returns "UP", or "DOWN" where the file is missing. How many sessions there
  -- are only the balancer knows.
  function pool.state(host)
    return host:query({ "test", "-e", config.path }, { check = false }).code == 0 and "UP" or "DOWN"
  end

  -- Raises an error unless the server gets visitors.
  function pool.check(host)
    if pool.state(host) ~= "UP" then error(config.path .. " is not there: the balancer passes it over", 0) end
  end

  function pool.drain(host)
    host:run { "rm", "-f", config.path }
    settle()
  end

  function pool.enable(host)
    host:write(config.path, "in service\n")
    settle()
  end

  return pool
end
