-- farmrun -c: one command on a set of hosts. One host goes first, so that a
-- command that is wrong is wrong once.
local farm, command = require "farm", require "command"
if command.site then require "site" end

local hosts = farm.hosts(command.sets)
if command.raw and #hosts ~= 1 then require "cli".usage_error("--raw takes one host, not " .. #hosts) end

farm.each(hosts, {
  timeout    = "24h", -- the command has its own
  parallel   = command.serial and 1 or command.parallel,
  on_failure = command.serial and not command.keep_going and "stop" or nil,
  first      = not command.serial and not command.keep_going,
}, function(host)
  -- All of it is shown as it comes; an error needs the end.
  host:run(command.line, { dir = command.dir, timeout = command.timeout, keep = 16384 })
end)
