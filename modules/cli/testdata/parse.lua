--- arguments by position and options
local cli = require "cli"
local args = cli.parse({
  { "date", cli.date, "the release" },
  { "files", cli.list, "which", optional = true },
  hosts = { default = "@web", help = "which servers" },
  pull  = { type = cli.flag, help = "pull first" },
  tries = { default = 3 },
  dry_run = { default = false },
}, { others = { default = "have it too" }, hosts = { default = "@mail" } })
assert(args.others == "have it too")
assert(args.date == "2000-09-19" and args.hosts == "@web" and args.pull == true and args.tries == 5 and args.dry_run == false)
assert(#args.files == 2 and args.files[2] == "b")

--- a name that was not declared
local cli = require "cli"
local args = cli.parse { { "date", cli.date }, { "files", cli.list }, pull = { type = cli.flag }, tries = { default = 3 } }
print(args.dat)  --! there is no "dat" in the arguments; did you mean "date"?

--- an option that is not there
local cli = require "cli"
cli.parse { { "date", cli.date }, { "files", cli.list }, pulled = { type = cli.flag }, tries = { default = 3 } }  --! there is no option --pull; did you mean "--pulled"?

--- one argument too many
local cli = require "cli"
cli.parse { { "date", cli.date }, pull = { type = cli.flag }, tries = { default = 3 } }  --! one argument too many: "a"

--- a type that does not fit
local cli = require "cli"
cli.parse { { "date", cli.int, "how many" }, { "files", cli.list }, pull = { type = cli.flag }, tries = { default = 3 } }  --! DATE: "2000-09-19" is no whole number

--- a declaration that is misspelt
local cli = require "cli"
cli.parse { hosts = { defualt = "x" } }  --! option "hosts": there is no option "defualt"; did you mean "default"?

--- a time is given as functions take it
local cli = require "cli"
local args = cli.parse {
  { "date", cli.date }, { "files", cli.list }, pull = { type = cli.flag }, tries = { default = 3 },
  settle = { default = "90s", type = cli.duration },
}
assert(args.settle == "90s")
cli.sleep("0s")

--- a default that does not fit
require("cli").parse { tries = { default = "x", type = "int" } }  --! cli.parse: option "tries": its default does not fit its type

--- a number that is not whole
require("cli").parse { tries = { default = 1.5 } }  --! cli.parse: option "tries": a whole number expected, got 1.5

--- a type that is none
require("cli").parse { { "date", "dat" } }  --! cli.parse: argument "date": there is no type "dat" for it

--- an option of a type that is none
require("cli").parse { date = { type = "dat" } }  --! cli.parse: option "date": there is no type "dat"

--- a list that is not the last
require("cli").parse { { "hosts", "list" }, { "date" } }  --! argument "hosts": only the last may be a list

--- one that must be there after one that need not
require("cli").parse { { "date", "date", optional = true }, { "host" } }  --! argument "host": it follows an optional one and is none

--- a name twice
require("cli").parse { { "date" }, { "date" } }  --! argument "date": it is declared twice

--- an argument that is an option too
require("cli").parse { { "date" }, date = { default = "x" } }  --! argument "date": it is declared twice

--- a short form of two letters
require("cli").parse { date = { short = "da" } }  --! option "date": its short form is one letter, not "da"

--- a short form that is taken
require("cli").parse { date = { short = "h" } }  --! option "date": --help and -h are there already

--- an argument that is no declaration
require("cli").parse { "date" }  --! an argument is declared as { "name", type, "help" }

--- an argument without a name
require("cli").parse { {} }  --! argument "": item 1 of its declaration: a string expected, got nothing

--- dates
local cli = require "cli"
assert(cli.check_date "2000-02-29" == "2000-02-29")
cli.check_date "2000-02-30"  --! "2000-02-30" is no date: February 2000 has 29 days

--- what only the script can tell
local cli = require "cli"
local ok, e = pcall(cli.usage_error, "--from and --day do not go together")
print(e.kind, e.message)                       --= usage	--from and --day do not go together
print(e.hint:match "%-%-help lists the arguments$")  --= --help lists the arguments
