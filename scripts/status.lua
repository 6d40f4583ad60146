-- status.lua: which server is on which release, what lies beside it, and what
-- is not as it should be. Servers that answer alike share a line. There is a short
-- function for each kind of fault, and it asks the host, not a record of ours.
local cli, farm, release, symlink = require "cli", require "farm", require "release", require "symlink"
local site, switchrel, pull, ledger = require "site", require "switchrel", require "lib.pull", require "lib.ledger"
local health = require "lib.health"

local args = cli.parse {
  about = [[
Shows which server is on which release, what is staged, which local patches it
carries, and below that whatever is not as it should be: links, files that were
changed by hand, are missing or were added, patches, half-pulled releases, disks.]],
  hosts   = { default = "@web", help = "which servers" },
  changed = { default = true, help = "read all files for changes (--changed=false is faster)" },
  all     = { type = cli.flag, help = "read those of all releases, not only of what is on the air or was before" },
  release = { type = cli.release, help = "what all should be on; by default what most are on" },
  json    = { type = cli.flag, help = "write it as JSON, a server a line" },
  check   = { type = cli.flag, help = "end with status 1 if anything is not as it should be" },
}

local most = 20 -- files that are named of a release; of more, how many there are

-- What releases have from their source, by release and host name.
local contents = {}

-- Each finds one kind of fault, and says it to found(text).
local checks = {}

function checks.links(host, found)
  if not symlink.read(host, site.release.link) then found(site.release.link .. " is not there") end
  for _, name in ipairs(switchrel.links) do
    local target = symlink.read(host, name)
    if target and host:query({ "test", "-d", name .. "/." }, { check = false }).code ~= 0 then
      found(name .. " leads nowhere: " .. target)
    end
  end
end

function checks.releases(host, found, state)
  for _, record in ipairs(release.list(host, site.release.dir, { content = true })) do
    local name = record.name
    contents[name] = contents[name] or {}
    contents[name][host.name] = record.time and record.content
    if name:find "^%.farmrun%-new%." then
      found(name .. " is being pulled, or left of a pull that died (farmrun prune)")
    elseif name:find "^%." then
      found(name .. " is left of work that died, unless that goes on (farmrun prune)")
    elseif not record.time and name:find "^%d%d%d%d%-%d%d%-%d%d" then -- others were never pulled
      found(record.dir .. " is no release that was pulled to its end")
    elseif name == state.release and record.bad ~= "" then
      found("is on " .. name .. ", which is marked as bad: " .. record.bad)
    end
    if not name:find "^%." then state.staged[#state.staged + 1] = record.time and name or name .. "?" end
  end
end

-- Names the files of a release that are not as they should be.
local function changes(host, found, dir)
  local list, half = {}, false
  for _, change in ipairs(switchrel.changes(host, dir)) do
    if change.path:find "^%.farmrun%-patch%." then half = true else list[#list + 1] = change end
  end
  if half then found(dir .. ": a patch was killed halfway, unless it goes on (farmrun patch apply puts that right)") end
  for i, change in ipairs(list) do
    if i > most then
      found(("%s: %d more"):format(dir, #list - most))
      break
    end
    found(("%s: %s %s"):format(dir, change.how, change.path))
  end
end

-- What a rollback would go to is read, too, if there is a list of what it should be.
function checks.files(host, found, state)
  if not args.changed then return end
  for _, name in ipairs(state.staged) do
    local asked = name == state.release or args.all and not name:find "%?$"
    if asked or name == state.before then
      local ok, err = pcall(changes, host, found, switchrel.path(name))
      if asked and not ok then found(err.message or tostring(err)) end
    end
  end
end

function checks.patches(host, found, state)
  for _, name in ipairs(state.staged) do
    local dir = switchrel.path(name)
    if name == state.release then
      for id in pairs(ledger.carried(host, dir)) do table.insert(state.patches, id) end
      table.sort(state.patches)
    end
    if name == state.release or args.all and not name:find "%?$" then
      for _, text in ipairs(ledger.differences(host, dir)) do found(dir .. " " .. text) end
    end
  end
end

function checks.disk(host) pull.check_room(host) end

function checks.health(host, _, state)
  state.healthy = "NO"
  health.works(host)
  state.healthy = "yes"
end

function checks.service(host, _, state)
  state.in_service = "NO"
  health.in_pool(host)
  state.in_service = "yes"
end

-- In this order, since the later ones build on what the first have found.
local order = { "links", "releases", "files", "patches", "disk", "health", "service" }

-- What a host answers. A status that failed where something is amiss would be
-- of no use: a check that fails is a fault that was found.
local function look(host)
  host:query "true" -- a server that cannot be reached has one line, not five
  local state = { name = host.name, staged = {}, patches = {}, wrong = {} }
  local function found(text) table.insert(state.wrong, text) end
  local there, now = pcall(switchrel.current, host)
  local known, before = pcall(switchrel.former, host)
  state.release, state.before = there and now or "?", known and before or "-"
  if there and not known then found(before.message or tostring(before)) end
  for _, name in ipairs(order) do
    local ok, err = pcall(checks[name], host, found, state)
    if not ok then found(err.message or tostring(err)) end
  end
  return state
end

-- What a line of the table shows of a server, with a tab between two cells.
local function cells(state)
  return table.concat({ state.release, state.before, table.concat(state.staged, " "),
    #state.patches > 0 and table.concat(state.patches, " ") or "-", state.healthy, state.in_service }, "\t")
end

local hosts = farm.hosts(args.hosts)
local states, unreachable = farm.each(hosts, { check = false }, look)
for name, err in pairs(unreachable) do
  states[name] = { name = name, release = "?", before = "?", staged = {}, patches = {}, wrong = { err.message },
    healthy = "?", in_service = "?" }
end

-- A server whose release is another one than that of the others is so whoever is asked for.
local others = pull.ask_others(states, function(host)
  return release.list(host, site.release.dir, { complete = true, content = true })
end)
for name, records in pairs(others) do
  for _, record in ipairs(records) do
    if contents[record.name] then contents[record.name][name] = record.content end
  end
end

local dates = {}
for date in pairs(contents) do dates[#dates + 1] = date end
table.sort(dates)
for _, date in ipairs(dates) do
  local ok, said = pcall(pull.differences, date, contents[date])
  for name in pairs(contents[date]) do
    local text = ok and said[name] or not ok and switchrel.path(date) .. ": " .. (said.message or tostring(said))
    if text and states[name] then table.insert(states[name].wrong, text) end
  end
end

local on, shown, wrong, faults = {}, {}, {}, 0
for name, state in pairs(states) do
  if state.release ~= "?" then on[name] = state.release end
end
local usual = farm.fold(on)[1] -- what most are on
local wanted = args.release or usual and usual.answer
for _, host in ipairs(hosts) do
  local state = states[host.name]
  if state.release ~= wanted and state.release ~= "?" then
    table.insert(state.wrong, 1, ("is on %s and not on %s"):format(state.release, wanted))
  end
  shown[host.name], wrong[host.name] = cells(state), state.wrong
  faults = faults + #state.wrong
  if args.json then print(cli.json(state)) end
end

if not args.json then
  local rows = { "SERVERS\tON THE AIR\tBEFORE\tSTAGED\tPATCHES\tHEALTHY\tIN SERVICE" }
  for _, group in ipairs(farm.fold(shown)) do rows[#rows + 1] = group.hosts .. "\t" .. group.answer end
  print(cli.columns(rows))
  for _, entry in ipairs(ledger.all()) do
    if ledger.overdue(entry) then print(("patch %s was needed until %s"):format(entry.id, entry["until"])) end
  end
  for _, group in ipairs(farm.fold(wrong)) do print(group.hosts .. ": " .. group.answer) end
end
if args.check and faults > 0 then os.exit(1) end
