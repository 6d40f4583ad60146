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
