-- rollout.lua HOSTS STEPS: a rollout whose steps and health checks are a command
-- each.
local cli, farm = require "cli", require "farm"
local args = cli.parse {
  { "hosts", cli.string, "which hosts" },
  { "steps", cli.int, "how many steps a turn has" },
}

local function healthy(host) host:query "true" end

farm.rollout(args.hosts, { healthy = healthy }, function(host)
  for i = 1, args.steps do
    host:step("step " .. i, function() host:run "true" end)
  end
end)
