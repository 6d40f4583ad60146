--- arguments by position and options
local cli = require "cli"
local args = cli.parse {
  { "date", cli.date, "the release" },
  { "files", cli.list, "which", optional = true },
  hosts = { default = "@web", help = "which servers" },
  pull  = { type = cli.flag, help = "pull first" },
  tries = { default = 3 },
  dry_run = { default = false },
}
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
