-- Old releases go, but not what is on the air, what was before that, and what
-- was changed by hand, or may have been.
local trial = require "trial"
for _, date in ipairs { "2000-09-19", "2000-09-26" } do trial.run("cvs-pull-snapshot", "--hosts", "webserv1", date) end
local prune = { "prune", "--hosts", "webserv1", "--keep", "1" }
trial.on("webserv2", "mv releases/2000-09-12 first; ln -sfn first www") -- it needs none of them

local unknown = "look what was changed in releases/2000-09-11: the release has no list of its files"
trial.run("switchrel", "--hosts", "webserv1", "2000-09-26")
trial.same(trial.dry(unpack(prune)), [[
  webserv1: releases/2000-09-19 would be removed
  webserv1: would run: remove the release releases/2000-09-19]])
-- The journal knows of 2000-09-12 what the host no longer does.
trial.on("webserv1", "echo by hand >>releases/2000-09-19/htdocs/index.html; rm www.former; cp -r releases/2000-09-12 releases/2000-09-11")
trial.on("webserv1", "mkdir releases/scratch releases/.farmrun-gone.9")
trial.same(trial.run(unpack(prune)), [[
  webserv1: releases/.farmrun-gone.9 removed
  webserv1: releases/2000-09-11 stays: ]] .. unknown .. "\n" .. [[
  webserv1: releases/2000-09-19 stays: 1 files were changed by hand
  webserv1: releases/2000-09-19: changed htdocs/index.html]])
prune[#prune + 1] = "--changed"
trial.same(trial.run(unpack(prune)), [[
  webserv1: releases/2000-09-11 removed
  webserv1: releases/2000-09-19 removed]])
trial.same(trial.on("webserv1", "ls -A releases"), [[
  2000-09-12
  2000-09-26
  scratch]])

-- It goes by the dates, and not by when they were pulled: what is newer than the
-- release on the air is to follow it, unless it is bad.
trial.run("cvs-pull-snapshot", "--hosts", "webserv1", "2000-09-19")
trial.on("webserv1", "ln -sfn releases/2000-09-19 www")
trial.same(trial.run(unpack(prune)), "webserv1: releases/2000-09-12 removed")
prune[#prune] = nil
trial.run("cvs-pull-snapshot", "--hosts", "webserv1", "2000-09-12")
trial.on("webserv1", "ln -sfn releases/2000-09-12 www")
trial.same(trial.run(unpack(prune)), "")
trial.on("webserv1", "echo bad: the shop is empty >>releases/2000-09-19/CVS/farmrun-release")
trial.same(trial.run(unpack(prune)), "webserv1: releases/2000-09-19 removed")

-- What a link leads to stays, by whatever way that is.
trial.run("cvs-pull-snapshot", "--hosts", "webserv1", "2000-09-19")
trial.on("webserv1", "ln -sfn releases/2000-09-26 www; ln -s releases/2000-09-19/. older; ln -s older www.former")
trial.site { ["links = {}"] = 'links = { "preview" }' }
trial.on("webserv1", [[ln -s "$PWD/releases/2000-09-12/htdocs/" preview]])
trial.same(trial.run(unpack(prune)), "")
trial.on("webserv1", "ln -s $PWD/releases/2000-09-19 current; ln -sfn current www; rm www.former")
trial.same(trial.run(unpack(prune)), "")

-- What the application writes is no change by hand.
trial.on("webserv1", "rm preview; mkdir releases/2000-09-12/cache; touch releases/2000-09-12/cache/x")
trial.has(trial.run(unpack(prune)), "webserv1: releases/2000-09-12: new cache/x")
trial.site { ["own   = {}"] = 'own = { "cache/" }' }
trial.same(trial.run(unpack(prune)), "webserv1: releases/2000-09-12 removed")

-- A directory whose name is of two lines is not taken for another one.
trial.on("webserv1", [[mkdir 'releases/.farmrun-new.x
old 2000-09-26']])
trial.same(trial.run(unpack(prune)), "")

-- What one server has on the air stays on all: a rollout may have got no further.
trial.on("webserv2", "mv first releases/2000-09-12; ln -sfn releases/2000-09-12 www")
for _, date in ipairs { "2000-09-12", "2000-09-19", "2000-09-26" } do trial.run("cvs-pull-snapshot", "--hosts", "webserv1", date) end
trial.on("webserv1", "ln -sfn releases/2000-09-26 www; rm current")
trial.same(trial.run("prune", "--keep", "1", "--changed"), "webserv1: releases/2000-09-19 removed")

-- So does that of a server that is not asked for.
trial.run("cvs-pull-snapshot", "2000-09-19")
trial.on("webserv2", "ln -sfn releases/2000-09-19 www")
trial.same(trial.run(unpack(prune)), "")

-- Nothing goes while somebody else is at work.
trial.has(trial.locked_out(unpack(prune)), "the farm is locked")
trial.has(trial.ends(2, "prune", "--keep", "0"), "one release stays at least")
