-- A program runs on one server after the other, until it fails.
local trial = require "trial"
local words = { "cvsmass", "-dir", "logs", "-program", "touch was-here && test ! -e stop", "webserv1", "webserv2" }
trial.same(trial.dry(unpack(words)), [[
  webserv1: would run: touch was-here && test ! -e stop (in logs)
  webserv2: would run: touch was-here && test ! -e stop (in logs)]])
trial.run(unpack(words))
trial.same(trial.on("webserv[1-2]", "ls logs/was-here"), "logs/was-here\nlogs/was-here")

trial.on("webserv[1-2]", "rm logs/was-here; touch logs/stop")
trial.has(trial.ends(1, unpack(words)), "webserv1: touch was-here && test ! -e stop: exit status 1")
trial.same(trial.on("webserv[1-2]", "ls logs | grep was-here || echo untouched"), "was-here\nuntouched")
