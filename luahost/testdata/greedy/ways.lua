-- Ways to need more memory than there is. Each ends at the ceiling, which the test
-- puts at 64 MiB.

--- a string that grows
local s, more = "", ("x"):rep(2 ^ 20)
while true do s = s .. more end

--- a string that doubles
local s = "x"
while true do s = s .. s end

--- a chain of long strings
local s = ("x"):rep(2 ^ 24)
local _ = s .. s .. s .. s .. s

--- a list
local t, s = {}, ("x"):rep(2 ^ 16)
while true do t[#t + 1] = { s .. #t } end

--- a list, with functions of modules called in between
local t = {}
while true do t[#t + 1] = ("x"):rep(1e6) print(#t) end

--- behind pcall
local t, s = {}, ("x"):rep(2 ^ 16)
while true do pcall(function() while true do t[#t + 1] = s .. #t end end) end

--- numbers
local t = {}
while true do t[#t + 1] = #t end

--- table.insert
local t = {}
while true do table.insert(t, { t }) end

--- keys
local t, i = {}, 0
while true do i = i + 1 t[("key"):rep(1000) .. i] = i end

--- fractions
local t, i = {}, 0
while true do i = i + 1 t[i + 0.5] = true end

--- tables in tables
local t
while true do t = { t } end

--- closures
local f
while true do local g = f f = function() return g end end

--- coroutines that wait
local t = {}
while true do
  local co = coroutine.create(function() coroutine.yield() end)
  coroutine.resume(co)
  t[#t + 1] = co
end

--- in a coroutine
coroutine.wrap(function() local t = {} while true do t[#t + 1] = ("x"):rep(2 ^ 16) end end)()

--- table.concat
local t = {}
while true do t[#t + 1] = table.concat({ ("x"):rep(2 ^ 16), #t }) end

--- string.format
local t = {}
while true do t[#t + 1] = string.format("%s%d", ("x"):rep(2 ^ 12), #t) end

--- gsub
local t, s = {}, ("x"):rep(2 ^ 16)
while true do t[#t + 1] = s:gsub("^x", "yz") end

--- source that is nested
loadstring(("("):rep(2 ^ 24))

--- source that load reads
load(function() return "(" .. ("("):rep(2 ^ 16) end)

--- functions compiled
local t = {}
while true do t[#t + 1] = loadstring("return function() return " .. #t .. " end") end

--- in a host's part
require("bench").each({ "web1", "web2" }, function()
  local t = {}
  while true do pcall(function() while true do t[#t + 1] = ("x"):rep(2 ^ 16) end end) end
end)
