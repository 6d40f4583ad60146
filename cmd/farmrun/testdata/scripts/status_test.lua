-- What is not as it should be is named, by the servers where it is.
local trial = require "trial"
trial.run("cvs-pull-snapshot", "2000-09-19")
trial.run("switchrel", "2000-09-19")
trial.same(trial.dry("status", "--check"), trial.run("status", "--check"))
trial.same(trial.run("status", "--check"), [[
  SERVERS       ON THE AIR  BEFORE      STAGED                 PATCHES  HEALTHY  IN SERVICE
  webserv[1-2]  2000-09-19  2000-09-12  2000-09-12 2000-09-19  -        yes      yes]])

-- A release of before farmrun is no fault.
trial.on("@web", "cp -r releases/2000-09-12 releases/initial; rm -f releases/initial/CVS/farmrun-*")
trial.has(trial.run("status", "--check"), "2000-09-12 2000-09-19 initial?")
trial.on("@web", "mv releases/initial releases/2000-09-05")
trial.has(trial.ends(1, "status", "--check"), "releases/2000-09-05 is no release that was pulled to its end")
trial.on("@web", "rm -r releases/2000-09-05")

trial.on("webserv2", "echo by hand >>www/htdocs/index.html; touch www/htdocs/more")
local said = trial.ends(1, "status", "--check")
trial.has(said, "webserv2: releases/2000-09-19: changed htdocs/index.html")
trial.has(said, "webserv2: releases/2000-09-19: new htdocs/more")
trial.has(trial.run("status", "--json"),
  '"wrong":["releases/2000-09-19: changed htdocs/index.html","releases/2000-09-19: new htdocs/more"]')

-- What a rollback would go to is read, too.
trial.on("webserv1", "rm -r releases/2000-09-12")
trial.run("cvs-pull-snapshot", "--hosts", "webserv1", "2000-09-12")
trial.on("webserv1", "echo by hand >>releases/2000-09-12/htdocs/index.html")
trial.has(trial.ends(1, "status", "--check"), "webserv1: releases/2000-09-12: changed htdocs/index.html")

-- A server without a release is no measure for the others.
trial.on("webserv1", "mv www www.away")
local bare = trial.ends(1, "status", "--check")
trial.on("webserv1", "mv www.away www")
trial.has(bare, "webserv1: www is not there")
if bare:find("and not on ?", 1, true) then error(bare) end

-- A server that cannot be reached is no fault of another one.
trial.site { ["-- hosts = "] = "hosts = { webserv2 = { port = 1 } }, -- " }
trial.same(trial.run("status", "--hosts", "webserv1"), [[
  SERVERS   ON THE AIR  BEFORE      STAGED                 PATCHES  HEALTHY  IN SERVICE
  webserv1  2000-09-19  2000-09-12  2000-09-12 2000-09-19  -        yes      yes
  webserv1: releases/2000-09-12: changed htdocs/index.html]])
trial.same(trial.run("cvs-pull-snapshot", "--hosts", "webserv1", "2000-09-26"), [[
  webserv1: 5 files fetched, the others are those of releases/2000-09-19
  webserv1: releases/2000-09-26: 21 files]])
