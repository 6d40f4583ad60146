-- night.lua: a cut-over in which one server does not come up again, for the
-- pictures.
local farm, site = require "farm", require "site"

farm.rollout("@web", { healthy = site.healthy, settle = "1s" }, function(host)
  host:step("drain", site.drain, site.enable)
  host:step("switch", function() host:run "sleep 0.3; echo releases/2000-09-12 to releases/2000-09-19" end)
  host:step("restart", function()
    host:run "sleep 0.5; echo Stopping httpd"
    if host.name == "webserv4" then
      host:run "echo 'Syntax error on line 212 of httpd.conf: Invalid command Listne' >&2; exit 1"
    end
    site.restart(host)
  end)
  host:step("enable", site.enable)
end)
