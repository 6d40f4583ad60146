--- a loop
while true do end

--- a loop behind pcall
while true do pcall(function() while true do end end) end

--- a loop that catches and loops again
local function again() while true do pcall(again) end end
again()

--- pcall of pcall of pcall
while true do pcall(pcall, pcall, pcall, pcall, function() while true do end end) end

--- a repeat that is never true
repeat local x = 1 until x == 2

--- a for to infinity
for i = 1, math.huge do local _ = i end

--- a goto-less retry
local tries = 0
local function try() tries = tries + 1; error("again") end
while true do
  local ok = pcall(try)
  if ok then break end
end

--- recursion in the tail
local function tail(n) return tail(n + 1) end
tail(1)

--- recursion without end that is caught
local function deep() return 1 + deep() end
while true do pcall(deep) end

--- two functions that call each other for ever behind pcall
local a, b
function a() pcall(b); return b() end
function b() pcall(a); return a() end
a()

--- an iterator that never ends
for _ in function() return 1 end do end

--- an error handler that loops
xpcall(error, function() while true do end end)

--- an error handler that fails, for ever
while true do xpcall(error, function() error("again") end) end

--- an error handler for what the deadline raises
xpcall(function() while true do end end, function() while true do end end)

--- assert in a loop
while true do pcall(assert, false, "no") end

--- load with a reader that never ends
load(function() return "\n" end)

--- load with a reader that loops
load(function() while true do end end)

--- code that makes code
while true do assert(loadstring("return 1"))() end

--- garbage collected for ever
while true do collectgarbage() end

--- select, unpack and varargs
local function f(...) return select("#", ...), ... end
while true do pcall(f, unpack({}, 1, 1000)) end

--- a call with more arguments than the stack holds
while true do pcall(unpack, {}, 1, 1e9) end
