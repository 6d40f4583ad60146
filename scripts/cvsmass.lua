-- cvsmass.lua: log on to every server in turn and run cvs update there, or any
-- other program. It takes the arguments of the Expect script of that name:
--
--   farmrun cvsmass -dir www -program 'cvs -q up' webserv1 webserv2 webserv3
local cli, farm = require "cli", require "farm"

local args = cli.parse {
  about = [[
Logs on to every server in turn, in the order given, and runs a program there.
The first failure stops it.]],
  single_dash = true,
  { "hosts", cli.list, "the servers" },
  dir     = { help = "the directory to run in" },
  program = { default = "cvs update", help = "what to run" },
  user    = { help = "the user to log on as" },
  timeout = { default = "10m", type = cli.duration, help = "the time that each server has" },
  ssh     = { type = cli.flag, help = "log on by ssh, as it does anyway" },
  slogin  = { type = cli.flag, help = "the same" },
}

if args.user then
  local settings = {}
  for _, set in ipairs(args.hosts) do settings[set] = { user = args.user } end
  farm.site { hosts = settings }
end

farm.each(args.hosts, { parallel = 1, on_failure = "stop" }, function(host)
  host:run(args.program, { dir = args.dir, timeout = args.timeout })
end)
