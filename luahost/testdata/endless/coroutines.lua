--- a coroutine that loops
coroutine.wrap(function() while true do end end)()

--- a coroutine that loops, resumed behind pcall
while true do pcall(coroutine.wrap(function() while true do end end)) end

--- coroutines without end
while true do coroutine.create(function() end) end

--- coroutines without end, each resumed once
while true do coroutine.resume(coroutine.create(function() coroutine.yield() end)) end

--- a coroutine that yields for ever
local co = coroutine.wrap(function() while true do coroutine.yield() end end)
while true do co() end

--- a coroutine in a coroutine in a coroutine
local function deep() return coroutine.wrap(deep)() end
while true do pcall(deep) end

--- two coroutines that resume each other
local a, b
a = coroutine.create(function() while true do coroutine.resume(b) end end)
b = coroutine.create(function() while true do coroutine.resume(a) end end)
coroutine.resume(a)

--- a coroutine that resumes itself
local co
co = coroutine.create(function() while true do coroutine.resume(co) end end)
coroutine.resume(co)

--- a coroutine that a pcall inside keeps alive
local co = coroutine.create(function()
  while true do pcall(function() while true do end end) end
end)
while true do coroutine.resume(co) end

--- a dead coroutine, resumed for ever
local co = coroutine.create(function() end)
while true do coroutine.resume(co) end

--- a yield where none can be
while true do pcall(coroutine.yield, 1) end

--- a yield out of a sort
while true do
  pcall(coroutine.wrap(function() table.sort({ 3, 2, 1 }, function() coroutine.yield() end) end))
end

--- a yield out of a pcall
local co = coroutine.wrap(function() while true do pcall(coroutine.yield, 1) end end)
while true do pcall(co) end
