--- __index that loops
local t = setmetatable({}, { __index = function() while true do end end })
local _ = t.x

--- __index that asks itself
local t = {}
setmetatable(t, { __index = function(self, k) return pcall(function() return self[k .. "x"] end) end })
while true do local _ = t.x end

--- __newindex that loops
local t = setmetatable({}, { __newindex = function() while true do end end })
t.x = 1

--- __tostring that loops
tostring(setmetatable({}, { __tostring = function() while true do end end }))

--- __tostring that loops, in print
print(setmetatable({}, { __tostring = function() while true do end end }))

--- __tostring of an error that loops, behind pcall
while true do
  local _, e = pcall(error, setmetatable({}, { __tostring = function() while true do end end }))
  pcall(tostring, e)
end

--- __eq that loops
local mt = { __eq = function() while true do end end }
local _ = setmetatable({}, mt) == setmetatable({}, mt)

--- __lt that loops
local mt = { __lt = function() while true do end end }
local _ = setmetatable({}, mt) < setmetatable({}, mt)

--- __le that loops
local mt = { __le = function() while true do end end }
local _ = setmetatable({}, mt) <= setmetatable({}, mt)

--- __concat that loops
local _ = setmetatable({}, { __concat = function() while true do end end }) .. "x"

--- __call that loops
setmetatable({}, { __call = function() while true do end end })()

--- __call that calls itself
local t = {}
setmetatable(t, { __call = function(self) return self() end })
while true do pcall(t) end

--- __unm that loops
local _ = -setmetatable({}, { __unm = function() while true do end end })

--- __add that adds again
local mt = {}
mt.__add = function(a, b) return pcall(function() return a + b end) end
while true do local _ = setmetatable({}, mt) + 1 end

--- __gc is not there to keep anything going
while true do setmetatable({}, { __gc = function() while true do end end }) end

--- __index that is a table that is itself
local t = {}
t.__index = t
setmetatable(t, t)
while true do pcall(function() return t.x end) end
