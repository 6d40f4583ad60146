-- Each server goes through the steps that the dry run shows, one after the other.
local trial = require "trial"
trial.run("cvs-pull-snapshot", "2000-09-19")

local function turn(n)
  return (([[
    lb1: would tell unix:/run/haproxy/admin.sock: set server web/webservN state drain
    lb1: would tell unix:/run/haproxy/admin.sock: set server web/webservN state ready
    webservN: would run: sudo /etc/init.d/httpd restart
    webservN: would run: switch the link www to releases/2000-09-19
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

-- Servers are taken together if the site lets them be.
trial.has(trial.ends(2, "cutover", "--batches", "1;2", "2000-09-19"),
  'option --batches: a number of hosts, or a share of them such as "25%", expected, got "1;2"')
trial.has(trial.ends(2, "cutover", "--batches", "1,2", "2000-09-12"),
  "--batches: 2 of 2 servers are not taken together, for one at a time may be out of service (site.offline")
trial.site {
  ["site.offline = 1"] = 'site.offline = "100%"\nlocal at = 0',
  ["function site.restart(host)"] = [[function site.restart(host)
    at = at + 1
    for _ = 1, 1000 do
      if at < 2 then require("cli").sleep "10ms" end
    end
    assert(at == 2, host.name .. " goes by itself")]],
}
local both = trial.run("--json", "cutover", "--batches", "100%", "--settle", "0s", "2000-09-12")
trial.has(both, '"max_offline":2')
trial.same(trial.on("webserv[1-2]", "readlink www"), [[
  releases/2000-09-12
  releases/2000-09-12]])
