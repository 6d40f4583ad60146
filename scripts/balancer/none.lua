-- balancer/none.lua: for a farm without a balancer, or one that notices by
-- itself which servers answer. Like all balancers it has four functions.
--
--   local pool = require "balancer.none" {}
--   pool.drain(host); pool.enable(host); pool.check(host); pool.state(host)
return function()
  local pool = {}
  function pool.drain() end
  function pool.enable() end
  function pool.check() end
  function pool.state() return "UP", 0 end
  return pool
end
