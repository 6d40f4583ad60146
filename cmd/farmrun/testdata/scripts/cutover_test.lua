-- Each server goes through the steps that the dry run shows, one after the other.
local trial = require "trial"
trial.run("cvs-pull-snapshot", "2000-09-19")

local function turn(n)
  return (([[
    lb1: would tell unix:/run/haproxy/admin.sock: set server web/webservN state drain
    lb1: would tell unix:/run/haproxy/admin.sock: set server web/webservN state ready
    webservN: would run: sudo /etc/init.d/httpd restart
    webservN: would run: switch the link www to releases/2000-09-19
    webservN: would run: switch the link www.former to releases/2000-09-12
    ]]):gsub("N", n))
end
trial.same(trial.would(trial.dry("cutover", "2000-09-19")), trial.sort(turn(1) .. turn(2)))

local pids = trial.on("webserv[1-2]", "cat logs/httpd.pid")
trial.has(trial.run("cutover", "--settle", "0s", "2000-09-19"), "webserv2: done in TIME")
trial.same(trial.on("webserv[1-2]", "readlink www www.former"), [[
  releases/2000-09-19
  releases/2000-09-12
  releases/2000-09-19
  releases/2000-09-12]])
if trial.on("webserv[1-2]", "cat logs/httpd.pid") == pids then error "no web server was restarted" end

-- What is not there stops it before anything is touched.
trial.has(trial.ends(1, "cutover", "2000-09-26"),
  "webserv[1-2]: look at the release releases/2000-09-26: there is no such directory")
