--- values as JSON
local cli = require "cli"
print(cli.json { b = { 1, 2.5, "x\"y" }, a = true, c = {}, d = { e = false } })  --= {"a":true,"b":[1,2.5,"x\"y"],"c":[],"d":{"e":false}}
print(cli.json(nil), cli.json "<&>")  --= null	"\u003c\u0026\u003e"

--- the result of a module's function as JSON
local cli, here = require "cli", require "some"
print(cli.json { here.result() })  --= [{"code":3,"text":["x"]}]

--- what is no JSON
require("cli").json { print }  --! a function cannot be written as JSON

--- a table within itself
local t = {}
t.t = t
require("cli").json(t)  --! a table is within itself
