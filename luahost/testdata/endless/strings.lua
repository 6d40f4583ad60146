--- find with a pattern that backtracks
string.find(("a"):rep(200), ("a*"):rep(30) .. "b")

--- the same, caught and done again
while true do pcall(string.find, ("a"):rep(200), ("a*"):rep(30) .. "b") end

--- match that backtracks
while true do pcall(string.match, ("x"):rep(1e4), (".-"):rep(20) .. "y") end

--- gmatch that backtracks
for _ in ("a"):rep(300):gmatch(("a-"):rep(20) .. "b") do end

--- gsub with a function that loops
(("x"):gsub("x", function() while true do end end))

--- gsub with a function that calls gsub
local function again() return (("xx"):gsub("x", again)) end
while true do pcall(again) end

--- gsub with a table whose __index loops
(("x"):gsub("x", setmetatable({}, { __index = function() while true do end end })))

--- gsub that makes more of it, again and again
while true do
  local s = ("x"):rep(1000)
  while pcall(function() s = s:gsub("x", "xx") end) do end
end

--- rep, again and again
while true do local _ = ("x"):rep(2 ^ 24) end

--- rep of what is too long, caught
while true do pcall(string.rep, "x", 1e15) end

--- rep of nothing very often
while true do local _ = (""):rep(1e15) end

--- concat of a long list, again and again
local t = {}
for i = 1, 1000 do t[i] = ("x"):rep(1000) end
while true do local _ = table.concat(t) end

--- concat of much with itself
local t, s = {}, ("x"):rep(2 ^ 24)
for i = 1, 1000 do t[i] = s end
while true do pcall(table.concat, t) end

--- concat to the end of the world
while true do pcall(table.concat, {}, "", 1, 2 ^ 52) end

--- format, again and again
while true do local _ = ("%99d"):format(1) end

--- bytes of a long string
local s = ("x"):rep(2 ^ 24)
while true do pcall(string.byte, s, 1, -1) end

--- upper, lower, reverse of a long string
local s = ("x"):rep(2 ^ 20)
while true do local _ = s:upper():lower():reverse() end

--- sort with a comparator that says yes to all
local t = {}
for i = 1, 1000 do t[i] = i end
while true do pcall(table.sort, t, function() return true end) end

--- sort with a comparator that loops
table.sort({ 2, 1 }, function() while true do end end)

--- sort with a comparator that fails
while true do pcall(table.sort, { 2, 1 }, function() error("no") end) end

--- insert at the front of a long list
local t = {}
for i = 1, 1e4 do t[i] = i end
while true do table.insert(t, 1, 1) table.remove(t, 1) end
