--- reading one that is not there
local x = pritn  --! there is no variable "pritn"; did you mean "print"?

--- a module that was not required
local ok, e = pcall(function() return bench.now() end)
assert(e.message == 'there is no variable "bench"' and e.hint == 'write: local bench = require "bench"', tostring(e) .. tostring(e.hint))

--- setting one
x = 1  --! the variable "x" is not declared

--- setting one in a function
local function f() counter = 1 end  --! the variable "counter" is not declared
f()

--- declaring one on purpose
rawset(_G, "shared", 1)
assert(shared == 1)

--- the guard cannot be taken off
setmetatable(_G, nil)  --! protected metatable

--- what could wait without end is not offered
for _, f in ipairs { os.execute, io.popen, io.read, io.lines, dofile, loadfile, module } do
  local ok, e = pcall(f, "x")
  assert(not ok and tostring(e):find("is not offered here: use", 1, true), tostring(e))
end
for _, name in ipairs { "stdin", "stdout", "stderr", "input", "output" } do assert(io[name] == nil, name) end

--- a file that would wait is not opened
local f, why = io.open("/dev/zero")
assert(f == nil and why:find("not a regular file", 1, true), why)

--- the functions of debug that could break the runtime are gone
for _, name in ipairs { "getregistry", "setmetatable", "sethook", "setupvalue", "setlocal", "setfenv" } do
  assert(debug[name] == nil, name)
end

--- standard libraries are whole otherwise
assert(("a,b"):gsub(",", ";") == "a;b" and ("%5.1f"):format(1) == "  1.0" and ("x"):rep(3) == "xxx")
assert(("k=v"):match("(%w)=(%w)") == "k" and ("abc"):find("b", 1, true) == 2)
local words = {}
for w in ("one two"):gmatch("%a+") do words[#words + 1] = w end
assert(#words == 2 and table.concat(words, "-") == "one-two" and table.concat({ 1, 2, 3 }, ",", 2, 3) == "2,3")
assert(table.concat({}) == "" and select("#", unpack({ 1, 2 })) == 2)
table.sort(words)
assert(os.time() > 0 and os.date("%Y") and math.floor(1.5) == 1 and type(os.getenv("PATH")) == "string")

--- concat says what is wrong
local t = { "a", {}, "c" }
table.concat(t)  --! invalid value (table) at index 2 in table for 'concat'

--- concat is bounded
local t = {}
for i = 1, 10 do t[i] = ("x"):rep(2 ^ 23) end
table.concat(t)  --! resulting string too large

--- rep is bounded
local _ = ("x"):rep(2 ^ 30)  --! resulting string too large

--- a pattern that is wrong
local _ = ("x"):find("[a")  --! malformed pattern
