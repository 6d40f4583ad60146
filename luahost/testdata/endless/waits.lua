--- a wait that is long
require("bench").sleep("1h")

--- waits behind pcall
while true do pcall(require("bench").sleep, "1h") end

--- short waits for ever
while true do require("bench").sleep("1ms") end

--- waits with a time of their own, for ever
while true do pcall(require("bench").sleep, "1h", { timeout = "1ms" }) end

--- a coroutine that waits for ever
coroutine.wrap(function() require("bench").sleep("1h") end)()

--- a coroutine that waits and yields for ever
local co = coroutine.wrap(function() while true do require("bench").sleep("1ms"); coroutine.yield() end end)
while true do co() end

--- a comparator that waits
table.sort({ 3, 2, 1 }, function() require("bench").sleep("1h") end)

--- a metamethod that waits
local t = setmetatable({}, { __index = function() require("bench").sleep("1h") end })
while true do pcall(function() return t.x end) end

--- a replacement that waits
(("x"):gsub("x", function() require("bench").sleep("1h") end))

--- an error handler that waits
xpcall(error, function() require("bench").sleep("1h") end)

--- a part within a part, which loops
require("bench").each({ "web9" }, { timeout = "1h" }, function() while true do end end)

--- parts within parts without end
local bench = require "bench"
local function more() bench.each({ "web8", "web9" }, more) end
while true do pcall(more) end

--- prints for ever
while true do print("x") end

--- modules that are misspelt, for ever
while true do pcall(require, "bensh") end
