--- every type of option
local types = require "types"
local work, table = function() end, {}
local o = types.options {
  name = "n", count = 3, small = -2, ratio = 1.5, on = true, every = "1m30s", hosts = { "a", "b" },
  env = { A = "1", B = "2" }, inner = { max_offline = 2 }, maybe = false, work = work, table = table,
  anything = 7, thing = types.one(), other = "renamed", httpserver = "x",
}
assert(o.name == "n" and o.count == 3 and o.small == -2 and o.ratio == 1.5 and o.on == true and o.every == 90)
assert(#o.hosts == 2 and o.hosts[2] == "b" and o.env.A == "1" and o.env.B == "2" and o.inner.max_offline == 2)
assert(o.maybe == false and o.work == work and o.table == table and o.anything == 7 and o.other == "renamed")

--- what is left out is zero
local o = require("types").options { name = "n" }
assert(o.count == 0 and o.on == false and o.every == 0 and #o.hosts == 0 and o.maybe == nil)

--- no options at all
assert(require("types").lax() == 0 and require("types").lax(nil) == 0 and require("types").lax {} == 0)

--- a number is a string where one is wanted
assert(require("types").string(7) == "7" and require("types").options({ name = 5 }).name == "5")

--- required
require("types").options {}  --! types.options: argument 1: option "name" is missing

--- required, and no table at all
require("types").options()  --! option "name" is missing

--- a key that is misspelt
require("types").options { name = "n", cuont = 3 }  --! there is no option "cuont"; did you mean "count"?

--- a key that is far from all
require("types").lax { zzzzzzzzzz = 3 }  --! there is no option "zzzzzzzzzz"; there are "tries"

--- a key in a table within
require("types").options { name = "n", inner = { max_ofline = 2 } }  --! option "inner": there is no option "max_ofline"; did you mean "max_offline"?

--- a key that is no name
require("types").options { name = "n", "stray" }  --! options have names, got the key 1

--- no table
require("types").lax("x")  --! a table of options expected, got a string

--- a whole number
require("types").options { name = "n", count = 1.9 }  --! option "count": a whole number expected, got 1.9

--- a number too large
require("types").options { name = "n", small = 2 ^ 40 }  --! option "small": a whole number expected

--- not a number
require("types").int(0 / 0)  --! a whole number expected

--- infinity
require("types").int(math.huge)  --! a whole number expected

--- a string is no number
require("types").int("3")  --! types.int: argument 1: a whole number expected, got a string

--- a number is no boolean
require("types").bool(1)  --! true or false expected, got a number

--- nothing is no string
require("types").string()  --! types.string: argument 1: a string expected, got nothing

--- a table is no string
require("types").string {}  --! a string expected, got a table

--- an error where a string belongs
local _, e = pcall(require("bench").fail, "whatever")
require("types").string(e)  --! a string expected, got an error

--- a time without unit
require("types").duration(5)  --! a time with a unit such as "90s" or "10m" expected, got a number

--- a time with a wrong unit
require("types").duration("5 parsecs")  --! a time with a unit such as "90s" or "10m" expected, got "5 parsecs"

--- a time below zero
require("types").duration("-5s")  --! a time of zero or more expected

--- a list with something else in it
require("types").strings { "a", {} }  --! item 2: a string expected, got a table

--- a list with names in it
require("types").strings { "a", x = "b" }  --! a list expected, got a table with the key "x"

--- no list
require("types").strings("a")  --! a list expected, got a string

--- a map with numbers as keys
require("types").options { name = "n", env = { "A=1" } }  --! option "env": a table with names as keys expected, got the key 1

--- a map with a wrong value
require("types").options { name = "n", env = { A = {} } }  --! option "env": A: a string expected, got a table

--- no function
require("types").fn("x")  --! a function expected, got a string

--- no table where one is wanted
require("types").table(1)  --! a table expected, got a number

--- a value of another type
require("types").options { name = "n", thing = {} }  --! option "thing"

--- a method called with a dot
require("types").one().rename("x")  --! call it with a colon, as in thing:rename(…)

--- an argument of a method
require("types").one():rename({})  --! thing:rename: argument 1: a string expected, got a table

--- another's type, by interface
assert(require("types").name(require("types").one()) == "one")
require("types").name("one")  --! something with a name expected, got a string

--- what is no value of the type says what it is
require("types").one().rename(require("types").plain("x"), "y")  --! call it with a colon

--- one word of several
local types = require "types"
assert(types.choice("") == "halt" and types.choice("undo") == "undo")
types.choice("hlat")  --! option "mode": one of "halt", "undo" expected, got "hlat"; did you mean "halt"?

--- values that are equal in Go are one in Lua, if interned
local types = require "types"
assert(types.one() == types.one() and rawequal(types.one(), types.one()))
assert(types.plain("x") == types.plain("x") and not rawequal(types.plain("x"), types.plain("x")))
assert(types.plain("x") ~= types.plain("y") and tostring(types.one()) == "thing one" and tostring(types.plain("x")) == "plain")

--- a record cannot be misspelt, and may have what is nil
local record = require("types").record()
assert(record.a == 1 and record.b == nil)
print(record.c)  --! there is no "c" in the record

--- a record cannot be changed
require("types").record().a = 2  --! "a" cannot be set in the record

--- a module cannot be changed
require("types").answer = 43  --! "answer" cannot be set in module types

--- nor given another metatable
setmetatable(require "types", {})  --! protected metatable

--- constants
assert(require("types").answer == 42 and require("types").words[2] == "b")

--- results and counts
local types = require "types"
local a, b, c = types.two()
assert(a == 1 and b == "two" and c == nil)
local n, first, third = types.count(nil, 2, false)
assert(n == 3 and first == false and third == true)
