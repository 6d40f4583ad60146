--- a remote command that failed
local ok, e = pcall(require("bench").fail, "exit")
assert(not ok and e.kind == "exit" and e.code == 3 and e.output == "one\ntwo" and e.host == nil and e.step == nil)
assert(e.message == "web1: false: exit status 3" and e.hint == nil and e.failures == nil)
assert(e.where[1] == nil or e.where[1]:find("errors.lua", 1, true), e.where[1])
assert(tostring(e):find("one\ntwo", 1, true))

--- a remote command that a signal ended
local _, e = pcall(require("bench").fail, "signal")
assert(e.kind == "exit" and e.code == -1 and e.output == "last words" and tostring(e):find("ended by signal KILL", 1, true))

--- other errors of Go
local bench = require "bench"
local function caught(what) return select(2, pcall(bench.fail, what)) end
assert(caught("late").kind == "timeout")
assert(caught("cancelled").kind == "cancelled")
local e = caught("worded")
assert(e.kind == "refused" and e.hint == "move it away" and e.output == "drwxr-xr-x" and e.code == nil)
assert(caught("whatever").kind == "failed")

--- host and step are those where it happened
local bench = require "bench"
local ok, e = pcall(bench.each, { "web1" }, function()
  bench.step("drain", function() bench.step("ask", function() bench.fail("no") end) end)
end)
assert(not ok and e.host == "web1" and e.step == "drain/ask", tostring(e))
assert(tostring(e):find("^web1: drain/ask: no"), tostring(e))

--- an error that is raised again keeps host, step and place
local bench = require "bench"
local line
local _, e = pcall(bench.each, { "web1" }, function()
  local ok, inner = pcall(bench.step, "drain", function()
    line = debug.getinfo(1, "l").currentline; bench.fail("no")
  end)
  bench.step("clean up", function() error(inner) end)
end)
assert(e.host == "web1" and e.step == "drain", tostring(e))
assert(e.where[1] == "errors.lua:" .. line, e.where[1])

--- a step is over when its error was caught
local bench = require "bench"
pcall(bench.step, "first", function() error("x") end)
local _, e = pcall(bench.fail, "no")
assert(e.step == nil)

--- an error without a host gets the one it passes through
local bench = require "bench"
local _, e = pcall(bench.each, { "web1" }, function() error("mine") end)
assert(e.host == "web1" and e.message == "mine" and e.kind == "script", tostring(e))

--- fields cannot be misspelt
local _, e = pcall(require("bench").fail, "no")
print(e.knid)  --! there is no "knid" in an error; did you mean "kind"?

--- nor set
local _, e = pcall(require("bench").fail, "no")
e.kind = "exit"  --! "kind" cannot be set

--- an error is no table for setmetatable
local _, e = pcall(require("bench").fail, "no")
setmetatable(e, {})  --! bad argument #1 to 'setmetatable' (table expected, got userdata)

--- a panic cannot be caught, and names the primitive
pcall(require("bench").panic)  --! fault in bench.panic: oops

--- recursion without end is an error like another
local function deep() return 1 + deep() end
local ok, e = pcall(deep)
assert(not ok and tostring(e):find("stack overflow", 1, true), tostring(e))

--- also through a primitive
local bench = require "bench"
local function deep() bench.step("again", deep) end
local ok, e = pcall(deep)
assert(not ok and tostring(e):find("stack overflow", 1, true), tostring(e))

--- recursion that ends is no error
local function count(n) if n == 0 then return 0 end return 1 + count(n - 1) end
assert(count(150) == 150)

--- strings in error keep the place where they were raised
local function check() error("bad", 2) end
local function caller()
  check()  --! bad
end
caller()

--- xpcall hands the value to the handler
local ok, kind = xpcall(function() require("bench").fail("exit") end, function(e) return e.kind end)
assert(not ok and kind == "exit")

--- a handler may look at the stack
local ok, text = xpcall(function() error("x") end, debug.traceback)
assert(not ok and type(text) == "string")

--- a caught error leaves closures their variables, on whatever thread it was
local bench = require "bench"
local failed = 0
local function count() failed = failed + 1 end
bench.each({ "a", "b", "c" }, { timeout = "5s" }, function()
  if not pcall(bench.fail, "no") then count() end
  bench.step("x", function() if not pcall(error, "no") then count() end end)
end)
local ok = pcall(bench.each, { "a" }, { timeout = "5s" }, function() count() bench.fail("no") end)
count()
assert(not ok and failed == 8, failed)

--- an error in the reader of load leaves closures their variables
local n = 0
local function count() n = n + 1 end
assert(load(function() error("x", 0) end) == nil)
count()
assert(n == 1)
