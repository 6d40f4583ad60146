-- farmrun record: the operator does something on one host, and it becomes a
-- script.
local farm, record = require "farm", require "record"
if record.has_site then require "site" end

local hosts = farm.hosts(record.host)
if #hosts ~= 1 then
  error("farmrun record takes one host; " .. record.host .. " is " .. #hosts, 0)
end
record.watch(hosts[1])
