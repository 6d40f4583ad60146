-- lib/budget.lua: how many servers a rollout takes off the air at once. That is
-- the site's word; the operator says how many are taken together, never more.
local cli, farm = require "cli", require "farm"
local site = require "site"

local budget = {}

-- The option of scripts that roll out.
budget.option = { type = cli.shares, help = "how many servers to take together first, then, and so on: 1,5,25%" }

-- How many of the hosts may be out of service at once.
function budget.of(hosts) return farm.share(site.offline or 1, #hosts) end

-- The batches of a rollout, as the operator wants them. Otherwise the first server
-- goes by itself, for what is wrong with a release shows on that, and then as many
-- at a time as may: while one does not come up, no others follow it.
function budget.batches(hosts, wanted)
  local most = budget.of(hosts)
  for _, batch in ipairs(wanted or {}) do
    if most == 1 and farm.share(batch, #hosts) > 1 then
      cli.usage_error(("--batches: %s of %d servers are not taken together, for one at a time may be out of service "
        .. "(site.offline in the site file says how many)"):format(batch, #hosts))
    end
  end
  return wanted or { 1, most }
end

return budget
