-- The links are switched, and nothing else is.
local trial = require "trial"
trial.run("cvs-pull-snapshot", "--hosts", "webserv1", "2000-09-19")

trial.same(trial.would(trial.dry("switchrel", "--hosts", "webserv1", "2000-09-19")), [[
  webserv1: would run: switch the link www to releases/2000-09-19]])
local pid = trial.on("webserv1", "cat logs/httpd.pid")
trial.run("switchrel", "--hosts", "webserv1", "2000-09-19")
trial.same(trial.on("webserv[1-2]", "readlink www; readlink www.former || true"), [[
  releases/2000-09-19
  releases/2000-09-12
  releases/2000-09-12]])
trial.same(trial.on("webserv1", "cat logs/httpd.pid"), pid)
trial.same(trial.would(trial.dry("switchrel", "--hosts", "webserv1", "2000-09-19")), "")
trial.has(trial.ends(1, "switchrel", "2000-09-19"),
  "webserv2: look at the release releases/2000-09-19: there is no such directory")
