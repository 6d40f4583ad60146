-- A shared path stays as it is, whatever the release itself has in its place,
-- and is no reason to pull a release again.
local trial = require "trial"
trial.writable()
trial.site { ["shared = {}"] = 'shared = { "./htdocs//uploads/", "htdocs/settings" }' }
trial.commit("", [[mkdir htdocs/uploads; touch htdocs/uploads/.keep; echo default >htdocs/settings
  cvs -Q add htdocs/uploads htdocs/settings; cvs -Q add htdocs/uploads/.keep; cvs -Q commit -m shared
  for tag in 2000-10-03 2000-10-10; do cvs -Q rtag -b Snapshot-$tag site; done]])
trial.on("@web", "mkdir -p shared/htdocs/uploads/of && echo precious | tee shared/htdocs/uploads/of/visitors shared/htdocs/settings")

-- Pulls a release, in which both are links, and nothing has gone through them.
local function pull(date)
  trial.run("cvs-pull-snapshot", date)
  trial.same(trial.on("webserv1", "cd releases/" .. date .. "/htdocs && cat settings uploads/of/visitors && readlink settings uploads"),
    "precious\nprecious\n../../../shared/htdocs/settings\n../../../shared/htdocs/uploads")
  trial.same(trial.on("webserv1", "cd shared && find . -type f | sort && cat htdocs/settings"),
    "./htdocs/settings\n./htdocs/uploads/of/visitors\nprecious")
end
pull "2000-10-03"
pull "2000-10-10"
trial.same(trial.run("cvs-pull-snapshot", "2000-10-10"), "webserv1: releases/2000-10-10 is there already\nwebserv2: releases/2000-10-10 is there already")

-- A link within a link would take the place of the first one's target.
trial.site { ['shared = { '] = 'shared = { "htdocs/", ' }
trial.has(trial.ends(1, "cvs-pull-snapshot", "2000-09-26"), "switch releases/2000-09-26/htdocs/uploads to shared/htdocs/uploads: a link above it leads elsewhere")
trial.same(trial.on("webserv1", "cd shared && find . -type f | sort"), "./htdocs/settings\n./htdocs/uploads/of/visitors")
trial.site { ['shared = { "htdocs/", '] = 'shared = { ' }

-- An update does not go through the links either.
trial.run("switchrel", "2000-10-10")
trial.commit("Snapshot-2000-10-10", "echo other >htdocs/uploads/.keep; echo >>htdocs/index.html; mkdir more; cvs -Q add more; echo >more/one; cvs -Q add more/one")
trial.run("update")
trial.same(trial.on("webserv1", "cd shared && find . -type f | sort; cd ../www; ls more/one; find htdocs -type l | sort"),
  "./htdocs/settings\n./htdocs/uploads/of/visitors\nmore/one\nhtdocs/settings\nhtdocs/uploads")
trial.has(trial.run "status", "2000-10-10")
trial.same(trial.run("cvs-pull-snapshot", "2000-10-10"), "webserv1: releases/2000-10-10 is there already\nwebserv2: releases/2000-10-10 is there already")

-- A commit to a shared file is no conflict with its content; and links that were made
-- by hand lead out as well, wherever in the release the update begins.
trial.on("webserv1", "mkdir away && mv www/htdocs/images away && ln -s ../../../away/images www/htdocs/images")
local away = trial.on("webserv1", "find away | sort")
trial.commit("Snapshot-2000-10-10", "echo new default >htdocs/settings; echo new >htdocs/images/new.gif; cvs -Q add htdocs/images/new.gif; echo >>htdocs/about.html; echo again >htdocs/uploads/.keep")
local function update(...)
  local said = trial.run("update", "--hosts", "webserv1", ...)
  trial.same(trial.on("webserv1", "find away | sort; cat www/htdocs/settings; cd shared && find . -type f | sort"),
    away .. "\nprecious\n./htdocs/settings\n./htdocs/uploads/of/visitors")
  return said
end
trial.has(update("--dir", "www/htdocs"), "images/new.gif is left as it is: images is a link")
trial.same(trial.on("webserv1", "tail -n1 www/htdocs/about.html"), "")
trial.has(update(), "htdocs/images/new.gif is left as it is: htdocs/images is a link")

-- A directory that is new on the branch may have been there for the shared paths in it.
trial.site { ['shared = { '] = 'shared = { "later/deep/uploads/", "later/set up", ' }
trial.on("@web", "mkdir -p shared/later/deep/uploads && touch shared/later/deep/uploads/mine 'shared/later/set up'")
trial.commit("", "cvs -Q rtag -b Snapshot-2000-10-17 site")
trial.run("cvs-pull-snapshot", "2000-10-17")
trial.run("switchrel", "2000-10-17")
trial.on("@web", "rm -r releases/2000-10-10 www.former") -- in which there are changes by hand
trial.commit("Snapshot-2000-10-17", [[mkdir later; echo >later/one; echo >'later/set up'; cvs -Q add later; cvs -Q add later/one 'later/set up'
  mkdir -p later/deep/uploads; echo two >later/deep/two; echo >later/deep/uploads/.keep; cvs -Q add later/deep; cvs -Q add later/deep/two later/deep/uploads
  cvs -Q add later/deep/uploads/.keep]])
trial.has(trial.dry "update", "webserv1: would update later")
trial.run "update"
trial.same(trial.on("webserv1", "cd www/later; cat deep/two; find . -type l | sort; find ~/shared/later -type f | sort | sed s:.*/shared/::"),
  "two\n./deep/uploads\n./set up\nlater/deep/uploads/mine\nlater/set up")
trial.run("status", "--check")
trial.run("switchrel", "2000-10-17")
trial.commit("Snapshot-2000-10-17", "echo more >>later/deep/two; rm later/one; cvs -Q remove later/one")
trial.run "update"
trial.same(trial.on("webserv1", "cd www/later; tail -n1 deep/two; ls -I CVS"), "more\ndeep\nset up")
trial.run("status", "--check")
