---@meta bell
-- For editors only. farmrun init makes this file anew.

---     local bell = require "bell"
---
--- It rings bells, <loud> ones_too *, and counts: bell.ring does, bell.none
--- not.
---
---   - bell.tone (string): the note a' of every bell
---   - peal.rung (integer): how often it has rung
---
--- # Care
---
---  1. Ring it.
---  2. Stop.
local bell = {}

--- the note a' of every bell
---@type string
bell.tone = nil

---@class peal
---@field rung integer how often it has rung
local peal_type = {}

---@class host
local host_type = {}

---@class bell.ring.options
---@field loud? boolean
---@field every string
---@field after? number
---@field then? number
---@field bells? table<string, { count?: integer }>
---@field httpport? integer[]
---@field strange? any

--- Rings once, e.g. at noon. This is a second sentence, about bell.ring{"a"}
--- and peal:stop("now"), that goes on with a number which no line may begin
--- with, as in 7. Options:
---
---   - loud: not quietly
---
---   - every, after: when to ring
---
---     A paragraph more.
---@param hosts string|host|(string|host)[]
---@param options bell.ring.options
---@param work fun(host: host): any
---@return peal
---@return table? table
---@overload fun(hosts: string|host|(string|host)[], work: fun(host: host): any): peal, table?
function bell.ring(hosts, options, work) end

--- \@noon stops it at some time, which @until tells.
---@param until_ any
---@param ... any
---@return boolean
function peal_type:stop(until_, ...) end

---@class host.strike.options
---@field hard? boolean

--- Strikes.
---@param options host.strike.options
function host_type:strike(options) end

return bell
