--- one after the other, in order, and healthy asked
local farm = require "farm"
local order, asked, out = {}, 0, 0
farm.rollout("web[1-3]", { healthy = function() asked = asked + 1 end }, function(host)
  out = out + 1
  assert(out == 1)
  host:step("switch", function(h) assert(h == host); h:run("sleep 0.01") end)
  order[#order + 1] = host.name
  out = out - 1
end)
assert(table.concat(order, " ") == "web1 web2 web3" and asked >= 9, asked)

--- healthy is required
local farm = require "farm"
farm.rollout("web[1-3]", {}, function() end)  --! option "healthy" is missing

--- the first failure halts
local farm = require "farm"
local turns = 0
local ok, err = pcall(farm.rollout, "web[1-3]", { healthy = function() end }, function(host)
  turns = turns + 1
  if host.name == "web2" then
    host:step("restart", function() host:run("echo cannot bind; exit 1") end)
  end
end)
assert(not ok and turns == 2, tostring(turns) .. tostring(err))
assert(err.kind == "halted" and err.host == "web2" and err.step == "restart" and err.output == "cannot bind", tostring(err))
assert(err.hint == "1 done, 1 failed (web2), 1 not touched (web3)", err.hint)

--- after a halt no other rollout begins
local farm = require "farm"
pcall(farm.rollout, "web1", { healthy = function() end }, function() error("x") end)
local ok, err = pcall(farm.rollout, "web2", { healthy = function() end }, function() error("not reached") end)
assert(not ok and err.kind == "halted" and tostring(err):find("a rollout has halted before this one", 1, true), tostring(err))

--- nor a second while one is under way
local farm = require "farm"
farm.rollout("web1", { healthy = function() end }, function()
  local ok, err = pcall(farm.rollout, "web2", { healthy = function() end }, function() error("not reached") end)
  assert(not ok and tostring(err):find("a rollout is under way on this farm", 1, true), tostring(err))
end)

--- sick hosts use up the budget
local farm = require "farm"
local ok, err = pcall(farm.rollout, "web[1-3]", { healthy = function(h) assert(h.name == "web1", "ill") end }, function()
  error("not reached")
end)
assert(not ok and err.kind == "halted" and tostring(err):find("web3", 1, true), tostring(err))

--- a step is taken back
local farm = require "farm"
local log = {}
local function say(text) return function() log[#log + 1] = text end end
local ok, err = pcall(farm.rollout, "web[1-2]", { healthy = function() end, on_failure = "undo" }, function(host)
  host:step("drain", say "drain", say "enable")
  host:step("switch", say "switch", say "back")
  host:step("restart", function() error("no") end)
end)
assert(not ok and err.step == "restart", tostring(err))
assert(table.concat(log, " ") == "drain switch back enable", table.concat(log, " "))
