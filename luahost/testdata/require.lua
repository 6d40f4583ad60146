--- a file is run once, and told its name
local a, b = require "plain", require "plain"
assert(a == b and a.name == "plain")

--- a file that returns nothing
assert(require "nothing" == true)

--- a file that sets package.loaded itself
assert(require "sets" == "set" and require "sets" == "set")

--- there is nothing else in package
local path = package.path
assert(path == nil)

--- a file that is not there
require "plian"  --! there is no module "plian"

--- a file with a syntax error names its own position
require "broken"  --! broken.lua

--- a file that fails says so each time
local _, first = pcall(require, "fails")
local _, second = pcall(require, "fails")
assert(tostring(first) == tostring(second) and tostring(first):find("cannot work here", 1, true), tostring(second))

--- a file that requires itself
require "itself"  --! "itself" requires itself

--- two threads want a file that waits: it is run once
local bench = require "bench"
local got = {}
bench.each({ "a", "b", "c" }, { timeout = "5s" }, function(name)
  if name == "c" then bench.meet("inside", 2) end
  got[name] = require "slow"
end)
assert(got.a == got.b and got.b == got.c and got.a[1] == "slow")

--- two threads want a file that waits and fails: both are told why
local bench = require "bench"
local said = {}
bench.each({ "a", "b", "c" }, { timeout = "5s" }, function(name)
  if name == "c" then return bench.meet("inside", 2) end
  local _, e = pcall(require, "slowfail")
  said[#said + 1] = name .. " " .. tostring(e)
end)
for _, text in ipairs(said) do assert(text:find("slow and wrong", 1, true), text) end
assert(#said == 2)

--- two threads whose files want each other
local bench = require "bench"
local wrong = 0
bench.each({ "ping", "pong" }, { timeout = "5s" }, function(name)
  local ok, e = pcall(require, name)
  if not ok and tostring(e):find("requires itself", 1, true) then wrong = wrong + 1 end
end)
assert(wrong >= 1, wrong)

--- a file whose threads want it
local ok, e = pcall(require, "fan")
assert(not ok and tostring(e):find('"fan" requires itself', 1, true), tostring(e))
