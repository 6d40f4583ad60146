--- a field that is misspelt
return require("types").result().status  --! there is no "status" in a result; there are

--- a field whose name is nearly right
return require("types").result().cod  --! there is no "cod" in a result; did you mean "code"?

--- a number is no field
return require("types").result()[1]  --! there is no "1" in a result

--- within a list, and within another
local nested = require("types").nested()
assert(nested.results[2].code == 3 and nested.by_host.web1.code == 3)
assert(not pcall(function() return nested.results[1].status end))
return nested.by_host.web1.status  --! there is no "status" in a result

--- lists and tables by name are plain tables
local nested = require("types").nested()
assert(#nested.results == 2 and nested.results[3] == nil and nested.by_host.web2 == nil)
nested.results[3] = "more"
assert(#nested.results == 3, "the list is the same one each time")

--- a field that is there is not changed
require("types").result().code = 0  --! "code" cannot be set in a result

--- nor is one added
require("types").result().status = 0  --! "status" cannot be set in a result

--- a field may be nil
assert(require("types").nested().maybe == nil)

--- pairs and next go over what is not nil
local seen = {}
for name, value in pairs(require("types").result()) do seen[#seen + 1] = name .. "=" .. tostring(value) end
assert(table.concat(seen, " ") == "code=3 text=x", table.concat(seen, " "))
local first = next(require("types").result())
assert(first == "code", first)
for name in pairs(require("types").nested()) do assert(name ~= "maybe") end
assert(next(require("types").empty()) == nil)

--- pairs and next are as ever with tables
local n = 0
for k, v in pairs { 1, 2, x = 3 } do n = n + v end
assert(n == 6 and next {} == nil and next({ 5 }) == 1)

--- pairs of something else
pairs(7)  --! table expected, got number

--- next with a name that is none
next(require("types").result(), "status")  --! there is no "status" in a result

--- it is no list
return #require("types").result()  --! a result is not a list

--- each is itself alone, and can be a key
local one, other = require("types").result(), require("types").result()
assert(one == one and one ~= other and ({ [one] = 1 })[one] == 1)

--- tostring
assert(tostring(require("types").result()) == "result")

--- its metatable is out of reach
assert(getmetatable(require("types").result()) == "result")

--- it has no place for a metatable
setmetatable(require("types").result(), {})  --! table expected, got userdata
