-- A program runs on one server after the other, until it fails.
local farm, tunnel, trial = require "farm", require "tunnel", require "trial"

-- Whoever logs in while another login has the tunnel is told how to do without it.
local held = tunnel.reverse(farm.hosts("webserv1")[1], { listen = 2401, to = trial.server })
trial.has(trial.ends(1, "-c", "true", "webserv1"), "; -o ClearAllForwardings=yes does without it")
held:close()

local words = { "cvsmass", "-dir", "logs", "-program", "touch was-here && test ! -e stop", "webserv1", "webserv2" }
trial.same(trial.dry(unpack(words)), [[
  webserv1: would run: touch was-here && test ! -e stop (in logs)
  webserv2: would run: touch was-here && test ! -e stop (in logs)]])
trial.run(unpack(words))
trial.same(trial.on("webserv[1-2]", "ls logs/was-here"), "logs/was-here\nlogs/was-here")

trial.on("webserv[1-2]", "rm logs/was-here; touch logs/stop")
trial.has(trial.ends(1, unpack(words)), "webserv1: touch was-here && test ! -e stop: exit status 1")
trial.same(trial.on("webserv[1-2]", "ls logs | grep was-here || echo untouched"), "was-here\nuntouched")

-- The commands of the original find the CVS server, by the tunnel that comes with
-- every login: ssh_config has it, or the site file.
local function update(...)
  trial.on("webserv[1-2]", "echo mine >>www/README")
  trial.same(trial.run(...), "webserv1: M README\nwebserv2: M README")
end
update("-d", "www", "-c", "cvs -q up", "@web")
update("cvsmass", "-dir", "www", "-program", "cvs -q up", "webserv1", "webserv2")
local bare = { "-o", "ClearAllForwardings=yes", "-d", "www", "-c", "cvs -q up", "@web" }
trial.has(trial.ends(1, unpack(bare)), "Connection refused")
trial.site { ["-- Settings of hosts"] =
  ('hosts = { ["@web"] = { forwards = { { listen = 2401, to = %q } } } }, --'):format(trial.server) }
update(unpack(bare))
