-- farmrun -c: one command on a set of hosts. One host goes first, so that a
-- command that is wrong is wrong once.
local farm, command = require "farm", require "command"
if command.site then require "site" end

local hosts = farm.hosts(command.sets)

local function work(host)
  host:run(command.line, { dir = command.dir, timeout = command.timeout })
end

local function on(some, options)
  options.timeout = "24h"
  if #some > 0 then farm.each(some, options, work) end
end

local all = { parallel = command.parallel }
if command.serial then
  on(hosts, { parallel = 1, on_failure = not command.keep_going and "stop" or nil })
elseif command.keep_going then
  on(hosts, all)
else
  on({ table.remove(hosts, 1) }, {})
  on(hosts, all)
end
