--- a table
local cli = require "cli"
print(cli.columns { "A\tB\tC", "long\tü\t-", "x\tyz\tlast one" })
--= A     B   C
--= long  ü   -
--= x     yz  last one
print(cli.columns {} == "", cli.columns { "a" })  --= true	a

--- a row that is none
require("cli").columns { {} }  --! a string expected
