-- The first release is checked out and the next begins with it, as the dry runs say.
local trial = require "trial"
local function pull(date) return "cvs-pull-snapshot", "--hosts", "webserv1", date end

trial.same(trial.dry(pull "2000-09-19"), [[
  webserv1: would run: begin the release releases/2000-09-19
  webserv1: would run: cvs checkout of site to releases/.farmrun-new.2000-09-19
  webserv1: would run: mkdir -p releases]])
trial.same(trial.run(pull "2000-09-19"), "webserv1: releases/2000-09-19: 20 files")

trial.same(trial.dry(pull "2000-09-26"), [[
  webserv1: would fetch 5 files, and what was changed in releases/2000-09-19
  webserv1: would run: begin the release releases/2000-09-26
  webserv1: would run: mkdir -p releases]])
trial.same(trial.run(pull "2000-09-26"), [[
  webserv1: 5 files fetched, the others are those of releases/2000-09-19
  webserv1: releases/2000-09-26: 21 files]])

trial.same(trial.dry(pull "2000-09-26"), "webserv1: releases/2000-09-26 is there already")
trial.same(trial.on("webserv1", "ls -A releases; readlink www"), [[
  2000-09-12
  2000-09-19
  2000-09-26
  releases/2000-09-12]])
trial.same(trial.on("webserv2", "ls -A releases"), "2000-09-12")
