-- A patch on its way: made of what was changed by hand, applied, taken out, retired.
local trial = require "trial"
trial.run("cvs-pull-snapshot", "2000-09-19")
trial.run("switchrel", "2000-09-19")
trial.on("webserv1", "sed -i 's/Prices/Our prices/' www/htdocs/index.html")
local carried = "grep -c 'Our prices' www/htdocs/index.html; ls www/CVS/farmrun-patches 2>/dev/null || true"

local take = { "patch", "take", "--for", "@web", "--why", "a try", "--id", "prices", "webserv1", "www/htdocs" }
trial.has(trial.dry(unpack(take)), "webserv1: FARM/patches/prices.patch")
trial.run(unpack(take))

trial.same(trial.dry("patch", "apply"), [[
  prices: would be applied on 1 of 2 servers, in already on the others
  webserv2: would apply the patch prices]])
trial.same(trial.run("patch", "apply"), "prices: applied on 1 of 2 servers, in already on the others")
trial.same(trial.on("webserv[1-2]", carried), "1\nprices\n1\nprices")
trial.has(trial.run("patch", "list"), "releases/2000-09-19: webserv[1-2]")
trial.has(trial.ends(1, "patch", "retire", "prices"), "what is on the air on webserv[1-2] carries it still")

trial.same(trial.dry("patch", "revert", "prices"), [[
  prices: would be taken out on 2 of 2 servers
  webserv1: would run: revert a patch of htdocs/index.html in www
  webserv2: would run: revert a patch of htdocs/index.html in www]])
trial.same(trial.run("patch", "revert", "prices"), "prices: taken out on 2 of 2 servers")
trial.same(trial.on("webserv[1-2]", carried), "0\n0")

trial.has(trial.dry("patch", "retire", "prices"), "prices: would be retired")
trial.same(trial.run("patch", "retire", "prices"), "prices: retired")
trial.same(trial.run("patch", "list"), "")
trial.has(trial.ends(1, "patch", "apply", "prices"), "there is no patch prices")
trial.has(trial.ends(2, "patch", "aply", "prices"), 'there is no action "aply"')
trial.has(trial.ends(2, "patch", "apply", "prices", "more"), "wrong number of arguments to apply")
