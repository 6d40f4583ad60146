--- what a turn has begun is taken back, the last first
local farm = require "farm"
local log, out = {}, 0
local function note(text, host) log[#log + 1] = text .. " " .. host.name end
local ok, err = pcall(farm.rollout, "web[1-4]", {
  healthy = function() end,
  on_failure = "rollback",
  back = function(host)
    out = out + 1
    assert(out == 1)
    host:step("switch", function() note("back", host) host:run "sleep 0.01" end)
    out = out - 1
  end,
}, function(host)
  note("to", host)
  host:step("switch", function() if host.name == "web3" then error("no link", 0) end end)
end)
assert(not ok and err.kind == "halted" and err.host == "web3" and err.step == "switch", tostring(err))
assert(table.concat(log, ", ") == "to web1, to web2, to web3, back web3, back web2, back web1", table.concat(log, ", "))
assert(err.hint == "0 done, 3 taken back (web[1-3]), 0 failed, 1 not touched (web4)", err.hint)
ok, err = pcall(farm.rollout, "web4", { healthy = function() end }, function() error "not reached" end)
assert(not ok and tostring(err):find("a rollout has halted before this one", 1, true), tostring(err))

--- what cannot be taken back is said
local farm = require "farm"
local turns = 0
local ok, err = pcall(farm.rollout, "web[1-3]", {
  healthy = function() end,
  on_failure = "rollback",
  back = function() turns = turns + 1 error("there is no way back", 0) end,
}, function(host) assert(host.name == "web1") end)
assert(not ok and turns == 1 and err.message:find("web2", 1, true) == nil, tostring(err))
assert(err.hint:find("they could not all be taken back (the rollout halted at web2: there is no way back", 1, true) and err.hint:find("1 done, 1 failed (web2)", 1, true), err.hint)

--- a rollback needs a way back
require("farm").rollout("web1", { healthy = function() end, on_failure = "rollback" }, function() end)  --! needs the option "back"

--- batches that are none
require("farm").rollout("web1", { healthy = function() end, batches = { 1, "0%" } }, function() end)  --! option "batches": a number of hosts, or a share of them

--- a budget that is none
require("farm").rollout("web1", { healthy = function() end, max_offline = "0%" }, function() end)  --! option "max_offline": a number of hosts, or a share of them

--- a budget that is a share
local farm = require "farm"
local out, most = 0, 0
farm.rollout("web[1-9]", { healthy = function() end, max_offline = "34%" }, function(host)
  out = out + 1
  most = math.max(most, out)
  host:run "sleep 0.05"
  out = out - 1
end)
assert(most == 3, most)

--- shares
local farm = require "farm"
print(farm.share(1, 20), farm.share("25%", 19), farm.share("10%", 3))  --= 1	4	1
farm.share("a few", 20)  --! a number of hosts, or a share of them such as "25%", expected, got "a few"

--- batches of a share take at least one host
local farm = require "farm"
local out, most = 0, 0
farm.rollout("web[1-9]", { healthy = function() end, batches = { 1, "25%" }, max_offline = 5 }, function(host)
  out = out + 1
  most = math.max(most, out)
  host:run "sleep 0.05"
  out = out - 1
end)
assert(most == 2, most)

--- hosts that are watched count, and have no turn
local farm = require "farm"
local ok, err = pcall(farm.rollout, "web1", { healthy = function(h) assert(h.name ~= "db1", "ill") end, watch = "db[1-2]" }, function()
  error "not reached"
end)
assert(not ok and err.kind == "halted" and tostring(err):find("db1", 1, true), tostring(err))

--- the lock is held while the rollout lasts
local farm = require "farm"
local db = farm.hosts("db1")[1]
local function rollout()
  farm.rollout("web1", { healthy = function() end, lock = { host = "db1", path = "lock" } }, function()
    assert(db:query("cat lock").text:find('"why":"farmrun', 1, true))
    error("no", 0)
  end)
end
local ok, err = pcall(rollout)
assert(not ok and err.kind == "halted", tostring(err))
db:run "test ! -e lock && echo '{\"token\":\"x\",\"run\":\"R\",\"user\":\"ken\",\"machine\":\"devbox\",\"why\":\"farmrun cutover\"}' >lock"
ok, err = pcall(rollout)
assert(not ok and err.kind == "refused" and err.message:find("the farm is locked (lock on db1): the lock is held by ken@devbox", 1, true), tostring(err))
assert(err.hint:find("farmrun unlock", 1, true) and err.hint:find("farmrun resume R goes on with it, on devbox", 1, true), err.hint)
db:run "grep -q ken lock"

--- a lock that somebody takes away ends the rollout before the next turn
local farm = require "farm"
local db, turns = farm.hosts("db1")[1], 0
local ok, err = pcall(farm.rollout, "web[1-3]", { healthy = function() end, lock = { host = "db1", path = "lock" } }, function()
  turns = turns + 1
  db:run "rm lock"
end)
assert(not ok and turns == 1, turns)
assert(err.host == "web2" and tostring(err):find("it was not touched, because the lock on db1 is gone: nobody has the lock", 1, true), tostring(err))

--- the site names the lock
local farm = require "farm"
farm.site { groups = { all = "web[1-3],db1" }, lock = { host = "db1", path = "lock" } }
local db = farm.hosts("db1")[1]
assert(farm.holder() == nil)
farm.rollout("web1", { healthy = function() end }, function() db:query "test -f lock" assert(farm.holder()) end)
db:run "test ! -e lock; echo keep out >lock"
assert(farm.holder() == 'somebody ("keep out")', farm.holder())
local ok, err = pcall(farm.unlock, "somebody else")
assert(not ok and err.kind == "refused", tostring(err))
farm.unlock(farm.holder())
db:run "test ! -e lock"

--- a lock on a host that the site does not know
require("farm").site { groups = { web = "web[1-3]" }, lock = { host = "db1", path = "lock" } }  --! lock: the site has no host "db1"

--- a lock without a host
require("farm").rollout("web1", { healthy = function() end, lock = "lock" }, function() end)  --! it is not said on which host

--- a lock that cannot be had
local farm = require "farm"
local ok, err = pcall(farm.rollout, "web1", { healthy = function() end, lock = { host = "db1", path = "no/lock" } }, function() error "not reached" end)
assert(not ok and tostring(err):find("the lock on db1: take the lock no/lock: exit status", 1, true), tostring(err))

--- what is remembered is recalled
local farm = require "farm"
local web1, web2 = unpack(farm.hosts "web[1-2]")
assert(web1:recall "before" == nil)
web1:remember("before", "initial")
web1:remember("before", "2000-09-12")
assert(web1:recall "before" == "2000-09-12" and web2:recall "before" == nil)

--- once is once
local farm = require "farm"
local calls = 0
local function decide() calls = calls + 1 return "yes" end
assert(farm.once("a", decide) == "yes" and farm.once("a", decide) == "yes" and calls == 1)
assert(farm.once("b", function() end) == nil)
assert(farm.once("b", function() error "not reached" end) == nil)
assert(not farm.resumed())

--- what hosts share is asked once, and the others wait for it
local farm = require "farm"
local asked, came = 0, 0
local got = farm.each("web[1-3]", function(host)
  came = came + 1
  return farm.shared("question", function()
    asked = asked + 1
    while came < 3 do host:query "true" end
    return { "answer" }
  end)
end)
assert(asked == 1 and got.web1 == got.web2 and got.web2 == got.web3 and got.web3[1] == "answer")
assert(farm.shared("question", function() error "not reached" end) == got.web1)
assert(farm.shared("nothing", function() end) == nil)
local ok, err = pcall(farm.shared, "failure", function() error("no luck", 0) end)
assert(not ok and err.message == "no luck")
ok, err = pcall(farm.shared, "failure", function() error "not reached" end)
assert(not ok and err.message == "no luck")

--- once wants a text
require("farm").once("a", function() return {} end)  --! a text or nil expected
