--- Assignments: a swap
local x, y = 10, 20
x, y = y, x
out(x, y)

--- Assignments: gcd
local function gcd(a, b) while b ~= 0 do a, b = b, a % b end return a end
out(gcd(12, 18))

--- Assignments: a name moves up
local old, new = "2000-09-12", "2000-09-19"
old, new = new, "2000-09-26"
out(old, new)

--- Assignments: three names, and a field beside them
local t, a, b, c = {}, 1, 2, 3
a, b, c, t.x = c, a, b, a
out(a, b, c, t)

--- Assignments: fewer values and more of them
local a, b, c = 1, 2, 3
a, b, c = b, a
out(a, b, c)
a, b = b, a, out("extra")
out(a, b)

--- Assignments: upvalues and calls
local a, b = 1, 2
local function swap() a, b = b, a return b, a end
local c, d = 0, 0
c, d = swap()
out(a, b, c, d)
c, d = d, swap()
out(a, b, c, d)

--- Assignments: a table that is set with its own field
local t = { x = 1 }
local old = t
t.x, t = 2, nil
out(old.x, t)
local i = 1
local list = {}
i, list[i] = 2, "one"
out(i, list)

--- Assignments: a key that changes while the value is computed
local i, t = 1, {}
local function f() i = 2 return "v" end
t[i] = f()
out(t)

--- Assignments: the last parameter gets one value of several
local function f(host, n)
  local a, b = 1, 2
  n = (id(n, 3))
  return n, a, b
end
out(f("h", 7))
local function g(n, ...)
  local a, b = 1, 2
  n = (...)
  return n, a, b, a .. b
end
out(g(1, 2, 3))

--- Constants: a branch that cannot be taken
for name, host in pairs { web1 = 1 } do
  if false then out("REBOOT", name, {}) end
  out "true"
end

--- Constants: a branch that cannot be taken, of other lengths
for name, host in pairs { web1 = 1 } do
  if false then out(name) end
  out "true"
end
for name, host in pairs { web1 = 1 } do
  if false then out(1, 2, 3, 4, 5, 6) end
  out "true"
end

--- Constants: at the head of loops
local n = 0
while n < 3 do
  if nil and n then out("never") end
  n = n + 1
end
repeat if not true then out("never") end n = n + 1 until n > 5
for i = 1, 2 do if 1 then out(i) else out("never") end end
while false do out("never") end
while true do while true do break end out("once") break end
out(n, false or n, true and n, nil and n, 1 and nil)

--- Breaks: closures keep their variables
local fs = {}
for i = 1, 3 do
  if i > 0 then
    local x = i * 10
    fs[#fs + 1] = function() return x end
    if i == 2 then break end
  end
end
local a, b, c, d, e = 7, 8, 9, 10, 11
out(fs[1](), fs[2](), a, b, c, d, e)

--- Loops: one and two values
local n = 0
for k, v in next, { 1, 2, 3 } do n = n + v end
out(n)
for k in next, { 5 } do out(k) end
for i in counter(2) do out(i) end
for i, c in counter2, 2, 0 do out(i, c) end
for i in counter(1), nil do out(i) end

--- Loops: a value whose operand changes while it is computed
local w = true
local function g() w = 5 return 2 end
for _, v in pairs({ w / (g)() }) do out(v) end
w = true
for i = w - (g)(), 3 do out(i) end

--- Selves: local f = function does not see itself
local function f() return "outer" end
local f = function(again) if again then return f(false) end return "inner" end
out(f(true))

--- Tables: the last field, named, is a call
out({ 1, 2, k = several(3) })

--- Tables: fifty items and a named field
local t = { 1,2,3,4,5,6,7,8,9,10,1,2,3,4,5,6,7,8,9,10,1,2,3,4,5,6,7,8,9,10,1,2,3,4,5,6,7,8,9,10,1,2,3,4,5,6,7,8,9,10, k = id("k") }
out(t[1], #t, t.k)

--- Tables: varargs behind fifty items
local function f(...)
  return { 1,2,3,4,5,6,7,8,9,10,1,2,3,4,5,6,7,8,9,10,1,2,3,4,5,6,7,8,9,10,1,2,3,4,5,6,7,8,9,10,1,2,3,4,5,6,7,8,9,10, x = (...), ... }
end
local t = f("a", nil, "c")
out(t[50], t[51], t[52], t[53], t.x)

--- Tables: several values right behind fifty items
local t = { 1,2,3,4,5,6,7,8,9,10,1,2,3,4,5,6,7,8,9,10,1,2,3,4,5,6,7,8,9,10,1,2,3,4,5,6,7,8,9,10,1,2,3,4,5,6,7,8,9,10, several(3) }
out(t[1], t[2], t[50], t[51], t[52], t[53], #t)

--- Operators: numbers in a text
out(1e15 .. "", 2 ^ 53 .. "", 1 / 3 .. "", 0.1 + 0.2 .. "")

--- Operators: the rest of a division
out(5 % (1 / 0), -5 % 3, 1e300 % id(7), 5.3 % id(0.1))

--- Operators: bounds that are strings
for i = "1", "0x3", id("2") do out(i) end

--- Operators: the length of a table with a metatable
out(#setmetatable({ 1, 2 }, { __len = function() return 42 end }), #"abc")

--- Literals: zeros in front, hexadecimal
out(0010, 0xffffffffffffffff, 2e2, 5e-07, 1E5)

--- Errors: a counter after a caught error
local n = 0
local function bad() n = n + 1 end
if not pcall(function() error "x" end) then bad() end
out(n)

--- Errors: until it works
local up, n = false, 0
local function attempt() n = n + 1 if n < 3 then error("not yet", 0) end up = true end
while not up and n < 10 do pcall(attempt) end
out(up, n)

--- Errors: of an operation, of assert, of the library, of an object
local n = 0
local function count() n = n + 1 end
for _, f in ipairs { function() return nil + 1 end, function() assert(false) end, function() return ("x"):rep({}) end, function() error({}) end } do
  out((pcall(f)))
  count()
end
out(n)

--- Errors: a closure that outlives a function that failed, with a handler
local keep
local function f() local x = 1 keep = function() x = x + 1 return x end error("e") end
out(xpcall(f, function(e) return "handled " .. e end))
local a, b, c = 7, 8, 9
out(keep(), keep(), a, b, c)

--- Errors: in the handler, in coroutines, in nested calls
local n = 0
local co = coroutine.create(function()
  local x = 0
  local function up() x = x + 1 n = n + 1 return x end
  out(pcall(function() up() error("inner") end))
  out(up(), coroutine.yield(up()))
  out(xpcall(function() up() error("again") end, function(e) up() return e end))
  return x
end)
out(coroutine.resume(co))
out(coroutine.resume(co, "back"))
out(coroutine.status(co), n)

--- Errors: a tail call of yield
local co = coroutine.wrap(function(a) return coroutine.yield(a + 1) end)
out(co(1))
out(co("done"))

--- Names: of what is nil
local host = {}
local function up() return host.port.number end
for _, f in ipairs {
  function() return host.port.number end,
  function() return nosuch.port end,
  function() return host.restart() end,
  function() return host:restart() end,
  function() return host.a.b.c end,
  function() local t = host[1] return t.x end,
  function() return host.n + 1 end,
  function() return "port " .. host.n end,
  function() return #host.list end,
  function() return -host end,
  function() return {} < {} end,
  function() return {} < 1 end,
  function() return host[nil].x end,
  function() host[nil] = 1 end,
  function() host.a.b = 1 end,
  function() for i = 1, host do out(i) end end,
  function() return (host or 1)() end,
  up,
} do
  out(pcall(f))
end

--- Levels: of error
local function f(level) error("e", level) end
for level = 0, 3 do
  out(pcall(f, level))
  out(pcall(function() f(level) end))
  out(pcall(function() local ok, e = pcall(f, level) return e end))
end
out(pcall(error, "e", 2), pcall(error), pcall(error, 42))

--- Constants: a break behind what is no code
local n = 0
for k in pairs {1, 2, 3} do do end n = n + 1 break end
out(n)
for k in pairs {1, 2, 3} do do end break end
out(n)
for k in pairs {1, 2, 3} do do do end if false then out("no") end end do break end end
out(n)
for k in pairs {1, 2, 3} do repeat until true if true then break end end
out(n)
for k in pairs {1, 2, 3} do repeat do end until not nil break end
out(n)
repeat do end for k in pairs {1, 2} do while false do end break end n = n + 1 until n > 3
out(n)

--- Operators: "%" reads a local variable last
local a, t = 5, {9}
local function f() a = 100 return 7 end
local function g() t = {100} return 7 end
out(a % f())
a = 5
out((a) % (f() + 1), f() % a, a * 2 % f(), t[1] % g())
local b = "x"
out(pcall(function() local b = "x" return b % f() end))
out(pcall(function() local b = 5 return b % b.c end))
out(pcall(function() local b = 5 return b % t.c end))
out(pcall(function() return b % f() end))
local o = setmetatable({}, {__mod = function(a, b) return type(a), type(b), a == b end})
local p = o
out(p % f(), f() % p, p % (p or f()), p % "2")

--- Lines: of calls over several lines
local host, fail = {}, function() error("fails", 2) end
function host:run() return self end
local later
later = fail
for _, f in ipairs {
  function()
    host
      :run("a")
      :run {
        "b",
      }
      :stop(
        "c"
      )
  end,
  function()
    return host:run(
      1,
      host.stop(
        2)
    )
  end,
  function()
    local s
    fail(
      [[
      long]])
  end,
  function()
    later [[
      long]]
  end,
  function()
    return {
      1,
      later
      {},
    }
  end,
  function()
    local x, y
    local z = ("x"):rep(1)
    :rep {}
    return z
  end,
  function()
    if fail
      "x"
    then
      return 1
    end
  end,
} do
  out(pcall(f))
end

--- Names: of a metamethod that cannot be indexed
local function bad() end
local t, s, n = setmetatable({}, {__index = 5, __newindex = true}), setmetatable({}, {__index = "x"}), 5
out(pcall(function() return t.x end))
out(pcall(function() return t:x() end))
out(pcall(function() return s.len, s.x.y end))
out(pcall(function() t.x = 1 end))
out(pcall(function() t[bad] = 1 end))
out(pcall(function() n.x = 1 end))
out(pcall(function() return n.x end))

--- Sizes: many keys that are numbers
local fields = {}
for i = 1, 40000 do fields[i] = "[" .. i .. "] = " .. i end
local t = loadstring("return {" .. table.concat(fields, ", ") .. "}")()
out(t[1], t[40000], #t)
t = loadstring("return {'a', 'b', " .. table.concat(fields, ", ", 1, 300) .. ", 'c', " .. table.concat(fields, ", ", 1, 300) .. ", 'd'}")()
out(t[1], t[2], t[3], t[4], t[5], t[300])

--- Yields: in metamethods and iterators
local meta = {}
for _, event in ipairs {"index", "newindex", "add", "concat", "eq", "lt", "le", "unm", "mod"} do
  meta["__" .. event] = function(...) return coroutine.yield(event) end
end
meta.__call = function(self, x) return "called", coroutine.yield(x) end
local a, b = setmetatable({}, meta), setmetatable({}, meta)
for _, f in ipairs {
  function() return a.x end,
  function() return a:x() end,
  function() a.x = 1 end,
  function() return a + 1 end,
  function() return "x" .. a end,
  function() return a == b end,
  function() return a < b end,
  function() if a <= b then return 1 end end,
  function() return -a end,
  function() return a % 2 end,
  function() for x in function() return coroutine.yield("iterator") end do return x end end,
  function() for x in coroutine.yield do return x end end,
  function() return (("abc"):gsub(".", coroutine.yield)) end,
  function() return a(1) end,
  function() local x = a(2) return x end,
} do
  local co = coroutine.create(f)
  out(coroutine.resume(co))
  out(coroutine.resume(co, "back"))
end

--- Lines: that end as on Windows
local f = loadstring("local x = 'a\\\r\nb', [[\r\nc\r\nd]]\r\n-- e\r\nreturn x, nil + x", "=w")
out(pcall(f))

--- Names: of what is chosen by operators
local a, b, obj = 1, nil, { x = true, y = true }
local T, F = true, false
for i, f in ipairs {
  function() return (a and obj.x) .. "" end,
  function() return (b or obj.x) .. "" end,
  function() return ((a or b) and obj.x) .. "" end,
  function() return ((a and T) or obj.x) .. "" end,
  function() return (((a and T) or b) and obj.x) .. "" end,
  function() return (((a and T) or (false and obj.y)) and obj.x) .. "" end,
  function() return (((a and F) or (b or T)) and obj.x) .. "" end,
  function() return (not (a and F) and obj.x) .. "" end,
  function() return (not (b or F) and obj.x) .. "" end,
  function() return ((not not a) and obj.x) .. "" end,
  function() return ((a == 1) and obj.x) .. "" end,
  function() return ((a == 1 or b) and obj.x) .. "" end,
  function() return ((a ~= 1 and b) or obj.x) .. "" end,
  function() return (1 and obj.x) .. "" end,
  function() return (nil or obj.x) .. "" end,
  function() return ((true or b) and obj.x) .. "" end,
  function() return ((b and 1) or obj.x) .. "" end,
  function() return ((obj.y or a) and obj.x) .. "" end,
  function() return ((obj.y and a) or (b or F) or (a and obj.y) and obj.x) .. "" end,
} do
  out(i, pcall(f))
end

--- Names: behind a result of a metamethod
local gives = setmetatable({}, { __concat = function() return nil end })
local name = true
out(pcall(function() return 1 .. gives .. 2 end))
out(pcall(function() return name .. gives .. 2 end))
out(pcall(function() return gives .. name .. 2 end))
out(pcall(function() return 1 .. (gives) .. name .. gives .. "x" end))

--- Assignments: of what is chosen
local list, g1, g2 = {}, nil, false
for i, f in ipairs {
  function(v) v = (list[9] and g1) return v end,
  function(v) v = g1 and 1 return v end,
  function(v) v = g1 and g2 return v end,
  function(v) local x = g1 v = x and 1 return v end,
  function(v) v = list[9] and 1 return v end,
  function(v) v = (list[9] and 1) and 2 return v end,
  function(v) v = list and list[9] and 2 return v end,
  function(v) v = g1 or (list[9] and 2) return v end,
  function(v) v = (g1 or list[9]) and 2 return v end,
  function(v) v = not list and 1 return v end,
  function(v) v = missing and 1 return v end,
  function(v) v = list.x and v return v end,
  function(v) v = v and list.x and v return v end,
  function(v) v = #list == 1 and v return v end,
  function(v) local a, b = 1, 2 b = list.x and a return a, b, v end,
  function(v) v = v and list[9] or g2 return v end,
} do
  out(i, f(3))
end
