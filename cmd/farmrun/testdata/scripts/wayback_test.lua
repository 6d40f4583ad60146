-- The way back is there from the first cut-over of an old site on, in whatever
-- words its link reads, and for a colleague.
local farm, trial = require "farm", require "trial"
for _, date in ipairs { "2000-09-19", "2000-09-26" } do trial.run("cvs-pull-snapshot", "--hosts", "webserv1", date) end
local one = { "--hosts", "webserv1", "--settle", "0s" }
local function cutover(date) return trial.run("cutover", one[1], one[2], one[3], one[4], date) end
local function rollback() return trial.run("rollback", unpack(one)) end
local function links() return trial.on("webserv1", "readlink www; readlink www.former || true") end

-- A site as it was before farmrun, beside the releases.
trial.on("webserv1", "cp -r releases/2000-09-12 oldsite && ln -sfn oldsite www")
cutover "2000-09-19"
trial.same(links(), "releases/2000-09-19\noldsite")
trial.has(rollback(), "webserv1: 2000-09-19 -> oldsite")
trial.same(links(), "oldsite")

-- A link that names the release that is on the air in other words.
cutover "2000-09-19"
trial.on("webserv1", [[ln -sfn "$PWD/releases/2000-09-19/." www]])
cutover "2000-09-19"
trial.has(rollback(), "webserv1: 2000-09-19 -> oldsite")
trial.same(links(), "oldsite")

-- What the host remembers of the release that it is on is no way back: the journal
-- has one.
cutover "2000-09-19"
trial.on("webserv1", [[ln -sfn "$PWD/releases/2000-09-19" www.former]])
trial.has(rollback(), "webserv1: 2000-09-19 -> oldsite")

-- So does a prune keep a release that only the journal has, in whatever words.
trial.on("webserv1", "ln -sfn releases/2000-09-19/. www")
cutover "2000-09-26"
trial.on("webserv1", "rm www.former")
trial.run("prune", "--hosts", "webserv1", "--keep", "1")
trial.has(rollback(), "webserv1: 2000-09-26 -> 2000-09-19")
trial.on("webserv1", "ln -sfn oldsite www")

-- A colleague has switched it since this operator did: his is the way back.
local function colleague(...)
  local words = { "env", "XDG_STATE_HOME=" .. trial.folder .. "/colleague" }
  for _, word in ipairs(trial.words(...)) do words[#words + 1] = word end
  return farm.here():run(words).stderr
end
cutover "2000-09-26" -- from the old site
rollback()
cutover "2000-09-19"
colleague("cutover", one[1], one[2], one[3], one[4], "2000-09-26")
trial.has(trial.run "status", "2000-09-26  2000-09-19")
trial.on("webserv1", "echo more >>releases/2000-09-19/htdocs/index.html")
local said = rollback()
trial.has(said, "webserv1: 2000-09-26 -> 2000-09-19, for somebody has switched it since it left oldsite")
trial.has(said, "webserv1: 1 files of 2000-09-19 have changed, such as htdocs/index.html")
trial.same(links(), "releases/2000-09-19")

-- Where there is nothing to go back to, nobody is drained, and no release marked.
local function refused(says, ...)
  local text = trial.ends(1, ...)
  trial.has(text, says)
  if text:find("drain", 1, true) then error(text) end
end
trial.on("webserv1", "mv oldsite away")
refused("there is no such target", "rollback", "--bad", "the shop is empty", unpack(one))
trial.same(trial.on("webserv1", "grep ^bad releases/*/CVS/farmrun-release || true"), "")
trial.on("webserv1", "rm www")
refused("no server is on a release", "rollback", unpack(one))
refused("webserv1 is on no release and webserv2 on 2000-09-12", "rollback")
