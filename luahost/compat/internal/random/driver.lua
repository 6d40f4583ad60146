-- Runs programs and shows what they show, in any Lua 5.1.
local function show(v, seen)
  -- The signs of zero and of what is no number, and addresses, are left out.
  if v ~= v then return "nan" end
  if v == 1/0 or v == -1/0 then return "inf" end
  if type(v) == "number" then return string.format("%.14g", v == 0 and 0 or v) end
  if type(v) == "string" then
    return (string.format("%q", v):gsub("0x%x+", ""):gsub("%-nan", "nan"):gsub("%-inf", "inf"):gsub("%-0", "0"))
  end
  if type(v) ~= "table" then return (tostring(v):gsub(":.*", "")) end
  if seen[v] then return "(seen)" end
  seen[v] = true -- while what is in it is shown
  local keys, texts = {}, {}
  local k, value = next(v, nil)
  while k ~= nil do
    keys[#keys + 1] = show(k, seen) .. "=" .. show(value, seen)
    k, value = next(v, k)
  end
  seen[v] = nil
  table.sort(keys)
  return "{" .. table.concat(keys, ",") .. "}"
end

local lines
local function out(...)
  local texts = {}
  for i = 1, select("#", ...) do texts[i] = show((select(i, ...)), {}) end
  lines[#lines + 1] = table.concat(texts, " ")
end

local function environment()
  local fuel = 150
  local env = {}
  local k, v = next(_G, nil)
  while k ~= nil do env[k] = v k, v = next(_G, k) end
  env.out = out
  env.fns = {}
  env.tick = function()
    fuel = fuel - 1
    if fuel < 0 then error("no fuel", 0) end
  end
  env.num = function(v) return tonumber(v) or 0 end
  env.id = function(...) return ... end
  env.shout = function(e) return show(e, {}) .. "!" end
  env.several = function(n)
    if n == 0 then return end
    if n == 1 then return 1 end
    if n == 2 then return 1, 2 end
    return 1, 2, 3
  end
  env.counter = function(n)
    local i = 0
    return function()
      i = i + 1
      if i <= n then return i, -i end
    end
  end
  env.counter2 = function(n, i) if num(n) > num(i) then return num(i) + 1, "c" end end
  setfenv(env.counter2, env)
  env.resume = function(co, ...)
    if type(co) ~= "thread" then return "no coroutine" end
    return coroutine.status(co), coroutine.resume(co, ...)
  end
  env.meta = {
    __index = function(t, k) return k == "z" and 26 or nil end,
    __add = function(a, b) return "add" end,
    __concat = function(a, b) return "concat" end,
    __call = function(self, ...) return "called", ... end,
    __lt = function(a, b) return true end,
    __unm = function(a) return "minus" end,
    __mod = function(a, b) return "mod" end,
  }
  return env
end

-- run returns what a program shows, a line each.
function run(source)
  lines = {}
  local f, err = loadstring(source, "=program")
  if not f then return "refused: " .. err end
  setfenv(f, environment())
  out("end", pcall(f))
  return table.concat(lines, "\n")
end
