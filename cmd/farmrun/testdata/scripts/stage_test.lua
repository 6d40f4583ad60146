-- What was changed in the stage area is checked in; without changes nothing is
-- said, and a conflict changes nothing.
local trial = require "trial"
trial.writable()
trial.site { ["-- site.stage ="] = "site.stage =" }
trial.run("-e", [[local cvs, source = require "cvs", require "cvs-pull-snapshot"
  require("farm").each("webserv1", function(host)
    source.open_tunnel(host)
    cvs.checkout(host, { root = require("site").cvs.write, module = "site", dir = "stage" })
  end)]])
trial.same(trial.dry "stage", "")
trial.same(trial.run "stage", "")

-- cvs would take such a name for two.
trial.on("webserv1", "cd stage && touch 'a\n? htdocs'")
trial.has(trial.ends(1, "stage"), "cvs cannot take a name with a line end: ./a?? htdocs")
trial.on("webserv1", "rm stage/a*")

trial.on("webserv1", [[cd stage && echo more >>htdocs/index.html && rm htdocs/robots.txt &&
  mkdir -p new/deep && echo >new/deep/x && printf '\0\1' >new/dot.gif]])
trial.same(trial.dry "stage", [[
  webserv1: would check in htdocs/index.html
  webserv1: would check in htdocs/robots.txt, which is gone
  webserv1: would check in new
  webserv1: would run: cvs add of new, new/deep in stage
  webserv1: would run: cvs add of new/deep/x in stage
  webserv1: would run: cvs add of new/dot.gif in stage
  webserv1: would run: cvs commit in stage
  webserv1: would run: cvs remove of htdocs/robots.txt in stage]])
trial.same(trial.run "stage", "")
trial.same(trial.commit("", [[test ! -e htdocs/robots.txt
  find new -name CVS -prune -o -type f -print | sort
  tail -n1 htdocs/index.html]]), [[
  new/deep/x
  new/dot.gif
  more]])
trial.same(trial.run "stage", "")

-- What cvs leaves out by its lists is named, until somebody says that it is right.
trial.on("webserv1", "cd stage && mkdir htdocs/core && touch htdocs/core/x htdocs/m.so htdocs/.#old")
local left_out = "webserv1: htdocs/core is left out: cvs ignores files of such a name (cvs add takes it all the same)"
trial.has(trial.dry "stage", left_out)
trial.has(trial.run "stage", left_out)
trial.on("webserv1", "cd stage/htdocs && printf '%s\n' core m.so >.cvsignore")
trial.same(trial.run "stage", "")

trial.commit("", "echo theirs >>htdocs/index.html")
trial.on("webserv1", "cd stage && echo ours >>htdocs/index.html")
trial.has(trial.ends(1, "stage"), "conflict in htdocs/index.html")
