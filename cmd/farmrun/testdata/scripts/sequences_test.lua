-- Two operators pull, switch, take back and prune in any order. A model says what
-- each of that has to come to: every rollback goes where the host remembers, or else
-- the operator's own journal, and nothing goes that is on the air, newer than that,
-- or needed to go back. FARMRUN_SEQUENCES says how many sequences are tried.
local farm, trial = require "farm", require "trial"
local dates = { "2000-09-12", "2000-09-19", "2000-09-26" }
local host = "webserv1"
-- The servers are not asked for pages: their restarts are no part of this.
trial.site {
  ['require "balancer.haproxy" {'] = 'require "balancer.none" {',
  ['probe.http(host, "http://localhost/", { status = 200, within = "10s" })'] = 'host:query "true"',
  ['host:sudo({ "/etc/init.d/httpd", "restart" }, { timeout = "2m" })'] = 'host:query "true"',
}
trial.on(host, "rm -rf oldsite && cp -r releases/2000-09-12 oldsite")

-- Runs farmrun as an operator; returns its exit status and what it says.
local function run(operator, ...)
  local words = { "env", "XDG_STATE_HOME=" .. trial.folder .. "/" .. operator }
  for _, word in ipairs(trial.words(...)) do words[#words + 1] = word end
  local result = farm.here():run(words, { check = false, quiet = true })
  return result.code, result.stdout .. result.stderr
end

-- How the host is: what its links lead to, and the releases, by their names.
local function read()
  local text = trial.on(host, [[for l in www www.former; do readlink $l || echo none; done; ls releases]])
  local lines = {}
  for line in text:gmatch "[^\n]+" do lines[#lines + 1] = line:match "[^/]+$" end
  local is = { now = lines[1], former = lines[2] ~= "none" and lines[2] or nil, releases = {} }
  for i = 3, #lines do is.releases[lines[i]] = true end
  return is
end

local function same(is, model)
  local function show(s)
    local names = {}
    for name in pairs(s.releases) do names[#names + 1] = name end
    table.sort(names)
    return ("on %s, before %s, with %s"):format(s.now, tostring(s.former), table.concat(names, " "))
  end
  if show(is) ~= show(model) then error(("the host is %s; the model %s"):format(show(is), show(model)), 0) end
end

-- Where an operator goes back to from what is on the air, or nil.
local function way_back(model, operator)
  if model.former and model.former ~= model.now then return model.former end
  return model.journal[operator][model.now]
end

-- Each changes the model as the script has to change the host, and returns the
-- script's exit status and its arguments.
local actions = {}

function actions.pull(model, _, date)
  model.releases[date] = true
  return 0, "cvs-pull-snapshot", date
end

function actions.switchrel(model, operator, date)
  if not model.releases[date] then return 1, "switchrel", date end
  if model.now ~= date then
    model.journal[operator][date], model.former, model.now = model.now, model.now, date
  end
  return 0, "switchrel", date
end

function actions.cutover(model, operator, date)
  local want = actions.switchrel(model, operator, date)
  return want, "cutover", "--settle", "0s", date
end

function actions.rollback(model, operator)
  local back = way_back(model, operator)
  local there = back == "oldsite" or model.releases[back or ""]
  if there then model.now, model.former = back, nil end
  return there and 0 or 1, "rollback", "--settle", "0s"
end

function actions.prune(model, operator)
  local needed = { [model.now] = true, [way_back(model, operator) or ""] = true, [model.former or ""] = true }
  local kept, later = 0, true
  for i = #dates, 1, -1 do
    local date = dates[i]
    if date == model.now then later = false end
    if model.releases[date] then
      kept = kept + 1
      if kept > 1 and not later and not needed[date] then model.releases[date] = nil end
    end
  end
  return 0, "prune", "--changed", "--keep", "1"
end

local names = { "pull", "pull", "switchrel", "switchrel", "cutover", "rollback", "rollback", "prune" }
local seed = tonumber(os.getenv "FARMRUN_SEED") or os.time()
math.randomseed(seed)
for sequence = 1, tonumber(os.getenv "FARMRUN_SEQUENCES") or 3 do
  trial.on(host, "rm -rf releases/2* www.former && ln -sfn oldsite www")
  local a, b = sequence .. "a", sequence .. "b"
  local model = { now = "oldsite", releases = {}, journal = { [a] = {}, [b] = {} } }
  local done = {}
  for _ = 1, 12 do
    local name, operator, date = names[math.random(#names)], math.random(2) == 1 and a or b, dates[math.random(#dates)]
    done[#done + 1] = ("%s %s %s"):format(operator, name, date)
    local ok, err = pcall(function()
      local words = { actions[name](model, operator, date) }
      local want = table.remove(words, 1)
      words[#words + 1] = "--hosts"
      words[#words + 1] = host
      local code, said = run(operator, unpack(words))
      if code ~= want then error(("exit status %d, want %d\n%s"):format(code, want, said), 0) end
      same(read(), model)
    end)
    if not ok then
      error(("FARMRUN_SEED=%d: %s\nafter:\n%s"):format(seed, err.message or tostring(err), table.concat(done, "\n")), 0)
    end
  end
end
