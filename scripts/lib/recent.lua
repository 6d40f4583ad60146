-- lib/recent.lua: what a balancer says of its servers, for all who want to know
-- it at about the same time. A rollout asks for all its servers at once, and a
-- balancer takes few visitors: one asks, and the others wait for the answer.
--
--   local recent = require "lib.recent"(function() return … end)
--   recent.get()           -- what the function returns, a tenth of a second ago at
--                          -- most: a server may be found down at any time
--   recent.change(tell)    -- calls tell(), after which what was said is not true
local cli = require "cli"

return function(ask)
  local recent = {}
  local none = { at = -math.huge }
  local last    = none -- by os.clock, which goes on when the time of day is set
  local changes = 0
  local asking         -- since when somebody asks; he may be gone

  function recent.get()
    while asking and os.clock() - asking < 10 do cli.sleep "20ms" end
    if os.clock() - last.at <= 0.1 then
      if not last.ok then error(last.answer, 0) end
      return last.answer
    end
    local before = changes
    asking = os.clock()
    local ok, answer = pcall(ask)
    asking = nil
    last = before == changes and { at = os.clock(), ok = ok, answer = answer } or none
    if not ok then error(answer, 0) end
    return answer
  end

  function recent.change(tell)
    local ok, answer = pcall(tell)
    changes, last = changes + 1, none
    if not ok then error(answer, 0) end
    return answer
  end

  return recent
end
