--- a coroutine has the deadline of whoever resumes it
local bench = require "bench"
local co = coroutine.create(function() coroutine.yield() while true do bench.sleep("1ms") end end)
coroutine.resume(co) -- by one without a deadline
local ok, e = pcall(bench.each, { "web1" }, { timeout = "50ms" }, function() coroutine.resume(co) end)
assert(not ok and e.kind == "timeout" and tostring(e):find("the part of web1 did not end", 1, true), tostring(e))

--- and outlives the thread that made it
local bench = require "bench"
local co
bench.each({ "web1" }, function() co = coroutine.create(function() coroutine.yield(1) return 2 end) end)
assert(select(2, coroutine.resume(co)) == 1 and select(2, coroutine.resume(co)) == 2)

--- errors in it are of the host that resumed it
local bench = require "bench"
local co = coroutine.wrap(function() bench.fail("exit") end)  --! web7: web1: false: exit status 3
bench.each({ "web7" }, function() co() end)

--- a coroutine that waits cannot be resumed by another thread
local bench = require "bench"
local co = coroutine.create(function() bench.meet("second came", 2); bench.meet("end", 2); return "done" end)
local refused, first
bench.each({ "a", "b" }, { timeout = "5s" }, function(name)
  if name == "a" then
    first = select(2, coroutine.resume(co))
    return
  end
  bench.meet("second came", 2)
  refused = select(2, coroutine.resume(co))
  assert(coroutine.status(co) == "normal", coroutine.status(co))
  bench.meet("end", 2)
end)
assert(refused == "cannot resume normal coroutine" and first == "done", tostring(refused))
assert(coroutine.status(co) == "dead")

--- nor can the one that resumed a waiting one
local bench = require "bench"
local inner = coroutine.create(function() bench.meet("second came", 2); bench.meet("end", 2); return "inner" end)
local outer = coroutine.create(function() return select(2, coroutine.resume(inner)) end)
local refused, first
bench.each({ "a", "b" }, { timeout = "5s" }, function(name)
  if name == "a" then
    first = select(2, coroutine.resume(outer))
    return
  end
  bench.meet("second came", 2)
  refused = coroutine.resume(outer)
  bench.meet("end", 2)
end)
assert(refused == false and first == "inner")

--- a thread of a host is no coroutine that others could get hold of
local bench = require "bench"
coroutine.wrap(function() end)()
assert(coroutine.running() == nil)
bench.each({ "a" }, function()
  coroutine.wrap(function() assert(coroutine.status(coroutine.running()) == "running") end)()
  assert(coroutine.running() == nil)
end)

--- wrap passes values both ways and errors on
local f = coroutine.wrap(function(a) local b = coroutine.yield(a + 1); local c, d = coroutine.yield(b + 1, nil); return c, d, nil end)
assert(f(1) == 2)
assert(select("#", f(2)) == 2)
local function count(...) return select("#", ...), ... end
local n, c, d = count(f(5, 6))
assert(n == 3 and c == 5 and d == 6)
local ok, e = pcall(f)
assert(not ok and tostring(e):find("dead", 1, true), tostring(e))
coroutine.wrap(function() error({ code = 7 }) end)()  --! the script raised a table

--- wrap shows where the error was
local f = coroutine.wrap(function()
  local x = nil
  return x.y  --! attempt to index
end)
f()

--- sharing closures and tables between threads
local bench = require "bench"
local count, seen = 0, {}
local function next_number() count = count + 1; return count end
bench.each({ "a", "b", "c", "d" }, { timeout = "5s" }, function(name)
  for _ = 1, 100 do
    local n = next_number()
    assert(seen[n] == nil)
    seen[n] = name
    if n % 10 == 0 then bench.sleep("0s") end
  end
end)
assert(count == 400)

--- a yield cannot pass through Go
local co = coroutine.wrap(function() pcall(function() coroutine.yield() end); return "went on" end)
assert(co() == "went on")
local bench = require "bench"
local co = coroutine.create(function()
  bench.step("x", function() coroutine.yield() end)
end)
local ok, e = coroutine.resume(co)
assert(not ok and tostring(e):find("attempt to yield across metamethod/C-call boundary", 1, true), tostring(e))

--- a yield outside of a coroutine
coroutine.yield(1)  --! attempt to yield across metamethod/C-call boundary
