-- luacheck: ignore 211 (the cases that follow use all of it)
-- Shows the results of a case as one line, in lua5.1 and in farmrun alike.
local INF, NAN, NEGZERO = 1 / 0, 0 / 0, -tonumber "0"
local X99, X100 = ("x"):rep(99), ("x"):rep(100)

local function quoted(s)
  local out = {}
  for i = 1, #s do
    local b = s:byte(i)
    if b < 32 or b > 126 or b == 92 then out[i] = "\\" .. tostring(b) .. ";" else out[i] = s:sub(i, i) end
  end
  return "'" .. table.concat(out) .. "'"
end

-- Addresses differ, and so may the sign of what is no number.
local function shown(v)
  if v ~= v then return "nan" end
  if type(v) == "string" then return (quoted(v):gsub("0x%x%x%x%x%x%x+", "ADDRESS"):gsub("%-nan", "nan")) end
  return (tostring(v):gsub("0x%x%x%x%x%x%x+", "ADDRESS"))
end

local function line(number, ok, ...)
  local out = {}
  for i = 1, select("#", ...) do out[i] = shown((select(i, ...))) end
  print(tostring(number) .. (ok and " returns " or " fails ") .. table.concat(out, ", "))
end

local function case(number, f) line(number, pcall(f)) end

-- Results, and what became of a table. With holes its length is no certain
-- number.
local function keep(t, ...)
  local out, holes = {}, false
  for i = -2, 12 do out[#out + 1] = shown(t[i]) end
  for i = 1, math.min(table.maxn(t), 1000) do holes = holes or t[i] == nil end
  return table.concat(out, " "), holes and "holes" or #t, ...
end

-- An operation, without the names that Lua gives to its operands in errors.
local function operation(f)
  local ok, v = pcall(f)
  if ok then return v end
  return (v:gsub("on %a+ '%a+' %((.*)%)", "on %1"))
end

-- The leading digits of numbers, and the kind of others.
local function near(...)
  local out = {}
  for i = 1, select("#", ...) do
    local v = select(i, ...)
    out[i] = type(v) == "number" and string.format("%.9g", v) or type(v)
  end
  return table.concat(out, " ")
end

-- A time, unless the clock is set forward or back about then: for the hours that
-- it shows twice or never C's answer depends on what it was asked before.
local function steady(t)
  if t == nil then return t end
  local function summer(d) return os.date("*t", t + d * 3600).isdst end
  if summer(-26) ~= summer(0) or summer(26) ~= summer(0) then return "a change of the clock" end
  return t
end

-- A file with a text in it, open to be read and written.
local function written(text)
  local f = io.open("f", "w")
  f:write(text)
  f:close()
  return io.open("f", "r+")
end

local function kinds(...)
  local out = {}
  for i = 1, select("#", ...) do out[i] = type((select(i, ...))) end
  return table.concat(out, " ")
end
