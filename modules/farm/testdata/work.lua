--- run gives the result
local farm = require "farm"
local r = farm.hosts("web1")[1]:run("echo out; echo err >&2")
assert(r.stdout == "out\n" and r.text == "out" and r.stderr == "err\n" and r.code == 0 and not r.dry)

--- words are quoted, the directory and the environment hold
local farm = require "farm"
local host = farm.hosts("web1")[1]
assert(host:query({ "printf", "%s|", "a b", "$HOME", "it's" }).text == "a b|$HOME|it's|")
assert(host:run("pwd", { dir = "/" }).text == "/")
assert(host:run("echo $GREETING", { env = { GREETING = "hi there" } }).text == "hi there")
assert(host:run("cat", { stdin = "fed" }).text == "fed")

--- a failure is an error with the last lines
local farm = require "farm"
local ok, err = pcall(function() farm.hosts("web1")[1]:run("echo nope >&2; exit 3") end)
assert(not ok and err.kind == "exit" and err.code == 3 and err.output == "nope", tostring(err))
farm.hosts("web1")[1]:run("exit 4")  --! exit 4: exit status 4

--- a command that has a title goes by that
local farm = require "farm"
farm.hosts("web1")[1]:run({ "sh", "-c", "exit 4" }, { title = "look for a way" })  --! look for a way: exit status 4

--- a failure can be a result
local farm = require "farm"
assert(farm.hosts("web1")[1]:run("exit 3", { check = false }).code == 3)

--- a command has its time
local farm = require "farm"
farm.hosts("web1")[1]:run("sleep 60", { timeout = "100ms" })  --! host:run "sleep 60" did not end within 100ms

--- each works on all and returns what each returned
local farm = require "farm"
local results = farm.each("web[1-20]", { parallel = 4 }, function(host)
  return host:query("echo " .. host.name).text
end)
for i = 1, 20 do assert(results["web" .. i] == "web" .. i) end

--- each goes on when one fails
local farm = require "farm"
local done = 0
local ok, err = pcall(farm.each, "web[1-4]", function(host)
  if host.name == "web2" then error("no") end
  done = done + 1
end)
assert(not ok and done == 3 and err.kind == "hosts" and err.failures.web2.message == "no", tostring(err))

--- the failure of a single host is told as that of several
local farm = require "farm"
local ok, err = pcall(farm.each, "web1", function(host)
  host:step("go", function() error("oh", 0) end)
end)
assert(not ok and err.kind == "hosts" and err.failures.web1.kind == "failed", tostring(err))
assert(err.host == "web1" and err.step == "go" and err.message == "oh" and err.code == nil)

--- each can stop at the first failure
local farm = require "farm"
local begun = 0
farm.each("web[1-4]", { parallel = 1, on_failure = "stop" }, function(host)  --! failed on 1 of 4 hosts: web1; 3 not begun: web[2-4]
  begun = begun + 1
  assert(begun == 1)
  error("no")
end)

--- each can hand the failures over
local farm = require "farm"
local results, failures = farm.each("web[1-2]", { check = false }, function(host)
  if host.name == "web1" then error("no") end
  return 7
end)
assert(results.web2 == 7 and failures.web1.message == "no" and failures.web2 == nil)

--- each has a time for each host
local farm = require "farm"
local ok, err = pcall(farm.each, "web[1-2]", { timeout = "100ms" }, function(host)
  for _ = 1, 100 do pcall(host.run, host, "sleep 60") end
end)
assert(err.failures.web1.kind == "timeout" and tostring(err.failures.web1):find("the part of web1", 1, true), tostring(err.failures.web1))

--- this machine is a host too
local farm = require "farm"
assert(farm.here():query("echo here").text == "here")

--- a farm.here that fails is a failure like any other
local farm = require "farm"
local ok, e = pcall(function() farm.here():run("exit 3") end)
assert(not ok and e.kind == "exit" and e.code == 3, tostring(e))
local ok, e = pcall(function() farm.here():run(" ") end)
assert(not ok and tostring(e):find("the command is empty", 1, true), tostring(e))
local ok, e = pcall(function() farm.here():run("a\0b") end)
assert(not ok and tostring(e):find("NUL", 1, true), tostring(e))
assert(farm.here():query("echo here").text == "here")

--- one host goes first
local farm = require "farm"
local order = {}
farm.each("web[1-4]", { first = true }, function(host) order[#order + 1] = host.name; host:query("true") end)
assert(order[1] == "web1" and #order == 4)

--- and if it fails no other begins
local farm = require "farm"
local ok, e = pcall(farm.each, "web[1-4]", { first = true }, function(host) error("no") end)
assert(not ok and e.kind == "hosts" and e.message == "failed on 1 of 4 hosts: web1; 3 not begun: web[2-4]", tostring(e))

--- a parallel that makes no sense
require("farm").each("web1", { parallel = -1 }, function() end)  --! option "parallel": a number above zero expected, got -1

--- a word that is none
require("farm").each("web1", { on_failure = "stpo" }, function() end)  --! one of "continue", "stop" expected, got "stpo"; did you mean "stop"?

--- no function
require("farm").each("web1", { parallel = 1 })  --! a function expected, got a table

--- a list with something else in it
require("farm").each({ "web1", 7 }, function() end)  --! hosts expected

--- a list with nothing in it
require("farm").each({}, function() end)  --! there are no hosts in the list

--- a host that is named twice is one
local farm = require "farm"
local host, begun = farm.hosts("web1")[1], 0
farm.each({ host, host, "web1" }, function() begun = begun + 1 end)
assert(begun == 1)

--- two hosts of a loop share what the script has
local farm = require "farm"
local total = 0
farm.each("web[1-10]", function(host)
  local n = tonumber(host:query("echo 3").text)
  total = total + n
end)
assert(total == 30)

--- a host is the same within its part
local farm = require "farm"
local seen = {}
farm.each("web[1-3]", function(host) seen[host] = true end)
for _, host in ipairs(farm.hosts("web[1-3]")) do assert(seen[host]) end

--- an each within an each
local farm = require "farm"
local lines = farm.each("web[1-2]", function(host)
  local inner = farm.each("db[1-2]", function(db) return host.name .. db.name end)
  return inner.db1 .. inner.db2
end)
assert(lines.web1 == "web1db1web1db2" and lines.web2 == "web2db1web2db2")

--- at most so many are at work of a name, and one that fails makes room
local farm = require "farm"
local now, most, done = 0, 0, 0
local results, failures = farm.each("web[1-6]", { check = false }, function(host)
  return farm.at_most(2, "pull", function()
    now = now + 1
    most = math.max(most, now)
    repeat host:query "true" until most >= 2 -- the first has to see that there is a second
    now, done = now - 1, done + 1
    if done % 2 == 0 then error "no" end
    return host.name
  end)
end)
local failed = 0
for name, err in pairs(failures) do
  failed = failed + 1
  assert(results[name] == nil and err.message == "no")
end
assert(most == 2 and now == 0 and failed == 3, most)
farm.at_most(0, "pull", function() end)  --! argument 1: a number above zero expected, got 0

--- a failure that was caught leaves closures their variables
local farm = require "farm"
local failed = 0
local function count() failed = failed + 1 end
local ok, err = pcall(farm.each, "web[1-3]", function(host)
  if not pcall(error, "no") then count() end
  error("down", 0)
end)
for _ in pairs(err.failures) do count() end
assert(not ok and err.kind == "hosts" and failed == 6, failed)
