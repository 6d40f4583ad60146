-- status.lua: which server is on which release, what lies beside it, and what
-- is not as it should be. Servers that answer alike share a line.
local cli, farm, release, symlink = require "cli", require "farm", require "release", require "symlink"
local site, switchrel, pull, ledger = require "site", require "switchrel", require "lib.pull", require "lib.ledger"

local args = cli.parse {
  about = [[
Shows which server is on which release, what is staged, which local patches it
carries, and below that whatever is not as it should be: links, files that were
changed by hand, are missing or were added, patches, half-pulled releases, disks.]],
  hosts   = { default = "@web", help = "which servers" },
  changed = { default = true, help = "read all files for changes (--changed=false is faster)" },
  all     = { type = cli.flag, help = "read those of all releases, not only of what is on the air" },
  release = { type = cli.date, help = "what all should be on; by default what most are on" },
  json    = { type = cli.flag, help = "write it as JSON, a server a line" },
  check   = { type = cli.flag, help = "end with status 1 if anything is not as it should be" },
}

local most = 20 -- files that are named of a release; of more, how many there are

local link, former = site.release.link, site.release.link .. ".former"

-- Each finds one kind of fault, and says it to found(text).
local checks = {}

function checks.links(host, found)
  if not symlink.read(host, link) then found(link .. " is not there") end
  for _, name in ipairs { link, former } do
    local target = symlink.read(host, name)
    if target and host:query({ "test", "-d", name .. "/." }, { check = false }).code ~= 0 then
      found(name .. " leads nowhere: " .. target)
    end
  end
end

function checks.releases(host, found, state)
  for _, record in ipairs(release.list(host, site.release.dir)) do
    local name = record.dir:match "([^/]+)$"
    if name:find "^%.farmrun%-new%." then
      found(name .. " is being pulled, or left of a pull that died")
    elseif not record.time then
      found(record.dir .. " is no release that was pulled to its end")
    elseif name == state.release and record.bad ~= "" then
      found("is on " .. name .. ", which is marked as bad: " .. record.bad)
    end
    if not name:find "^%." then state.staged[#state.staged + 1] = record.time and name or name .. "?" end
  end
end

-- Names the files of a release that are not as they should be.
local function changes(host, found, dir)
  local list = release.changes(host, dir)
  for i, change in ipairs(list) do
    if i > most then
      found(("%s: %d more"):format(dir, #list - most))
      break
    end
    found(("%s: %s %s"):format(dir, change.how, change.path))
  end
end

function checks.files(host, found, state)
  if not args.changed then return end
  for _, name in ipairs(state.staged) do
    if name == state.release or args.all and not name:find "%?$" then changes(host, found, switchrel.path(name)) end
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
  site.healthy(host)
  state.healthy = "yes"
end

function checks.service(host, _, state)
  state.in_service = "NO"
  site.on_air(host)
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

local hosts = farm.hosts(args.hosts)
local states, unreachable = farm.each(hosts, { check = false }, look)
for name, err in pairs(unreachable) do
  states[name] = { name = name, release = "?", before = "?", staged = {}, patches = {}, wrong = { err.message },
    healthy = "?", in_service = "?" }
end

-- The release that most servers are on.
local function usual()
  local count, best = {}, nil
  for _, host in ipairs(hosts) do
    local name = states[host.name].release
    count[name] = (count[name] or 0) + 1
    if not best or count[name] > count[best] then best = name end
  end
  return best
end

local wanted, faults = args.release or usual(), 0
for _, host in ipairs(hosts) do
  local state = states[host.name]
  if state.release ~= wanted and state.release ~= "?" then
    table.insert(state.wrong, 1, ("is on %s and not on %s"):format(state.release, wanted))
  end
  faults = faults + #state.wrong
  if args.json then print(cli.json(state)) end
end

-- Groups hosts by key(host): a list of tables with key and hosts, those with
-- most hosts first.
local function fold(keys)
  local groups, by_key = {}, {}
  for _, host in ipairs(hosts) do
    for _, key in ipairs(keys(states[host.name])) do
      if not by_key[key] then
        by_key[key] = { key = key, hosts = {}, at = #groups }
        groups[#groups + 1] = by_key[key]
      end
      table.insert(by_key[key].hosts, host.name)
    end
  end
  table.sort(groups, function(a, b)
    if #a.hosts ~= #b.hosts then return #a.hosts > #b.hosts end
    return a.at < b.at
  end)
  return groups
end

local function cells(state)
  return table.concat({ state.release, state.before, table.concat(state.staged, " "),
    #state.patches > 0 and table.concat(state.patches, " ") or "-", state.healthy, state.in_service }, "\t")
end

-- Prints rows with columns as wide as what stands in them.
local function show(rows)
  local width = {}
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do width[i] = math.max(width[i] or 0, #cell) end
  end
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do row[i] = cell .. (" "):rep(width[i] - #cell) end
    print((table.concat(row, "  "):gsub("%s+$", "")))
  end
end

if not args.json then
  local rows = { { "SERVERS", "ON THE AIR", "BEFORE", "STAGED", "PATCHES", "HEALTHY", "IN SERVICE" } }
  for _, group in ipairs(fold(function(state) return { cells(state) } end)) do
    local row = { farm.names(group.hosts) }
    for cell in (group.key .. "\t"):gmatch "(.-)\t" do row[#row + 1] = cell end
    rows[#rows + 1] = row
  end
  show(rows)
  for _, entry in ipairs(ledger.all()) do
    if ledger.overdue(entry) then print(("patch %s was needed until %s"):format(entry.id, entry["until"])) end
  end
  for _, group in ipairs(fold(function(state) return state.wrong end)) do
    print(farm.names(group.hosts) .. ": " .. group.key)
  end
end
if args.check and faults > 0 then os.exit(1) end
