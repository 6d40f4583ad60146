-- Servers go back to what they had, and what they leave is marked as bad.
local trial = require "trial"
trial.run("cvs-pull-snapshot", "--hosts", "webserv1", "2000-09-19")
trial.run("switchrel", "--hosts", "webserv1", "2000-09-19")

local words = { "rollback", "--settle", "0s", "--bad", "the shop is empty", "2000-09-19" }
trial.same(trial.would(trial.dry(unpack(words))), [[
  lb1: would tell unix:/run/haproxy/admin.sock: set server web/webserv1 state drain
  lb1: would tell unix:/run/haproxy/admin.sock: set server web/webserv1 state ready
  webserv1: would run: mark the release releases/2000-09-19 as bad
  webserv1: would run: rm -f -- www.former
  webserv1: would run: sudo /etc/init.d/httpd restart
  webserv1: would run: switch the link www to releases/2000-09-12]])
local said = trial.run(unpack(words))
trial.has(said, "webserv1: 2000-09-19 -> 2000-09-12")
trial.has(said, "webserv1: done in TIME")
trial.same(trial.on("webserv1", "readlink www; ls -d www.f* || true; grep ^bad releases/2*19/CVS/farmrun-release"), [[
  releases/2000-09-12
  bad: the shop is empty]])

trial.has(trial.ends(1, "switchrel", "--hosts", "webserv1", "2000-09-19"),
  "releases/2000-09-19 is marked as bad: the shop is empty")
trial.has(trial.ends(1, "rollback"), "it is not known what was on the air before 2000-09-12")
