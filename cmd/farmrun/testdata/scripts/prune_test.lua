-- Old releases go, but not what is on the air, what was before that, and what
-- was changed by hand, or may have been.
local trial = require "trial"
for _, date in ipairs { "2000-09-19", "2000-09-26" } do trial.run("cvs-pull-snapshot", "--hosts", "webserv1", date) end
local prune = { "prune", "--hosts", "webserv1", "--keep", "1" }

local unknown = "look what was changed in releases/2000-09-12: the release has no list of its files"
trial.run("switchrel", "--hosts", "webserv1", "2000-09-26")
trial.same(trial.dry(unpack(prune)), [[
  webserv1: releases/2000-09-19 would be removed
  webserv1: would run: remove the release releases/2000-09-19]])
trial.on("webserv1", "echo by hand >>releases/2000-09-19/htdocs/index.html; rm www.former")
trial.on("webserv1", "mkdir releases/scratch releases/.farmrun-gone.9")
trial.same(trial.run(unpack(prune)), [[
  webserv1: releases/.farmrun-gone.9 removed
  webserv1: releases/2000-09-12 stays: ]] .. unknown .. "\n" .. [[
  webserv1: releases/2000-09-19 stays: 1 files were changed by hand
  webserv1: releases/2000-09-19: changed htdocs/index.html]])
prune[#prune + 1] = "--changed"
trial.same(trial.run(unpack(prune)), [[
  webserv1: releases/2000-09-12 removed
  webserv1: releases/2000-09-19 removed]])
trial.same(trial.on("webserv1", "ls -A releases"), [[
  2000-09-26
  scratch]])
trial.has(trial.ends(2, "prune", "--keep", "0"), "one release stays at least")
