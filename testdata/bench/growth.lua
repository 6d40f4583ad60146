-- growth.lua HOSTS STEPS SHARE: a rollout over one in SHARE of the hosts at a time. Where
-- a file "halt" is, its first turn fails.
local cli, farm = require "cli", require "farm"
local args = cli.parse {
  { "hosts", cli.string, "which hosts" },
  { "steps", cli.int, "how many steps a turn has" },
  { "share", cli.int, "one in how many hosts may be out of service" },
}

local hosts = farm.hosts(args.hosts)
farm.rollout(hosts, {
  max_offline = math.max(1, math.floor(#hosts / args.share)),
  settle = "0s",
  healthy = function(host) host:query "true" end,
}, function(host)
  if io.open "halt" then error "there is a file named halt" end
  for i = 1, args.steps do
    host:step("step " .. i, function() host:run "true" end)
  end
  host:remember("seen", host.name)
end)
