-- farmrun unlock: shows who holds the farm's lock, and takes it away if the
-- operator says so.
local cli, farm = require "cli", require "farm"
require "site"

local holder = farm.holder()
if not holder then
  print "nobody holds the lock"
  return
end
print(holder)
if not cli.confirm "Is that rollout over, so that the lock can be taken away?" then
  error("the lock was left as it is", 0)
end
farm.unlock(holder)
print "the lock was taken away"
