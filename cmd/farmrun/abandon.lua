-- farmrun abandon: gives up a run, once the operator says so.
local cli, abandoned = require "cli", require "abandoned"
if abandoned.site then require "site" end

print(abandoned.standing)
if not cli.confirm "Abandon it, so that nobody can resume it?" then
  error("the run was left as it is", 0)
end
abandoned.abandon()
print "the run was abandoned"
