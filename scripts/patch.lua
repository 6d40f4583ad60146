-- patch.lua DO …: the site's local patches, which outlive releases. It is six
-- small commands, each a function of actions. See lib/ledger.lua for what a patch
-- is.
local cli, farm, patch, release = require "cli", require "farm", require "patch", require "release"
local site, switchrel, ledger = require "site", require "switchrel", require "lib.ledger"
local source = require(site.source .. "-pull-snapshot")

local args = cli.parse {
  usage = "patch [options] add FILE | take HOST PATH | apply [ID] | revert ID | list | retire ID",
  about = [[
Keeps the ledger of local patches, patches/ beside the site file.

  add FILE        takes a patch into the ledger, as diff -u, diff -c or git diff
                  make it
  take HOST PATH  makes one of what was changed by hand on a server in what is
                  on the air there, below PATH; of files that are new there it
                  only says so
  apply [ID]      applies one, or all, on their servers: on all of them, or, if
                  one does not fit somewhere, on none
  revert ID       takes one out again, on the servers that carry it: on all of
                  them, or on none
  list            shows them, and who carries them
  retire ID       takes one out of the ledger, which the releases have now

Only --release is touched, by default what is on the air; nothing is restarted.]],
  { "action", cli.string, "what to do" },
  { "words", cli.list, "with what", optional = true },
  hosts   = { default = "@web", help = "which servers, of those that a patch is for" },
  release = { type = cli.release, help = "the release to work on, yyyy-mm-dd" },
  id      = { help = "what to call the patch (add, take)" },
  why     = { help = "why it is needed (add, take)" },
  ["for"] = { help = "the servers that it is for (add, take)" },
  ["until"] = { help = "until when it is needed, a date or in words (add, take)" },
}

local hosts = farm.hosts(args.hosts)
local dir = args.release and switchrel.path(args.release) or site.release.link

-- Raises an error unless so many words were given.
local function words(least, most)
  if #args.words < least or #args.words > most then
    cli.usage_error("wrong number of arguments to " .. args.action)
  end
  return unpack(args.words)
end

-- The hosts of a patch that are to be worked on.
local function hosts_of(entry)
  local list = {}
  for _, host in ipairs(hosts) do
    if ledger.is_for(entry, host) then list[#list + 1] = host end
  end
  return list
end

local would = farm.dry_run() and "would be " or "" -- before what was done

local function header() return { id = args.id, why = args.why, hosts = args["for"], ["until"] = args["until"] } end

local actions = {}

function actions.add()
  local file = words(1, 1)
  local given = header()
  given.id = given.id or (file:match "([^/]+)$" or ""):gsub("%.[^.]*$", "")
  local entry = ledger.add(farm.here():read(file), given)
  print(("%s: %s, for %s"):format(entry.file, table.concat(patch.files(entry.text), " "), entry.hosts))
end

-- The files below a path that were changed by hand, of which a patch can be made.
local function changed(host, below)
  local patched, files = {}, {}
  for id, carried in pairs(ledger.carried(host, dir)) do
    for _, path in ipairs(patch.files(carried.text)) do patched[path] = id end
  end
  for _, change in ipairs(release.changes(host, dir)) do
    local path = change.path
    if below == "" or path == below or path:sub(1, #below + 1) == below .. "/" then
      if change.how ~= "changed" then
        host:log(("%s (%s) is left out"):format(path, change.how))
      elseif patched[path] then
        error(("%s was changed, and carries the patch %s: revert that first"):format(path, patched[path]), 0)
      else
        files[#files + 1] = path
      end
    end
  end
  if #files == 0 then error(("no file was changed in %s/%s"):format(dir, below), 0) end
  return files
end

function actions.take()
  local set, path = words(2, 2)
  local host, given = farm.hosts(set)[1], header()
  local below = path:gsub("^" .. site.release.link:gsub("%p", "%%%0") .. "/?", ""):gsub("/$", "")
  given.hosts = given.hosts or host.name
  given.id = given.id or below:gsub("%W+", "-"):gsub("^%-", ""):gsub("%-$", "")
  farm.each(host, function()
    source.open_tunnel(host)
    local files = changed(host, below)
    local diff = source.diff(host, dir, release.inspect(host, dir).notes, files)
    local _, has = patch.look(host, diff, { dir = dir, out = true }) -- it can be taken out, and is of all files
    if #has < #files then error(("no patch can be made of all of %s"):format(table.concat(files, ", ")), 0) end
    local entry = ledger.add(diff, given)
    print(entry.file)
    if not farm.dry_run() then ledger.apply(host, dir, entry) end -- it is in: that is noted
  end)
end

-- Calls work(host) on all hosts; where one fails, undo(host) is called on those on which
-- work has returned true. Returns on how many it has.
local function all_or_none(list, work, undo)
  local done = {}
  local ok, err = pcall(farm.each, list, function(host)
    if work(host) then done[#done + 1] = host end
  end)
  if ok then return #done end
  local undone, more = pcall(farm.each, done, undo)
  if not undone then print("and on others it could not be undone: " .. tostring(more)) end
  error(err)
end

-- Applies a patch to all its hosts, or to none.
local function apply(entry)
  local list = hosts_of(entry)
  if #list == 0 then return end
  farm.each(list, function(host)
    release.inspect(host, dir)
    ledger.look(host, dir, entry)
  end)
  local count = all_or_none(list, function(host) return ledger.apply(host, dir, entry) end,
    function(host) ledger.revert(host, dir, entry.id) end)
  local others = count < #list and ", in already on the others" or ""
  print(("%s: %sapplied on %d of %d servers%s"):format(entry.id, would, count, #list, others))
end

function actions.apply()
  local id = words(0, 1)
  for _, entry in ipairs(id and { ledger.find(id) } or ledger.all()) do apply(entry) end
end

function actions.revert()
  local id = words(1, 1)
  local carried = {} -- as it was applied, by host name
  farm.each(hosts, function(host)
    local entry = ledger.carried(host, dir)[id]
    if entry then patch.look(host, entry.text, { dir = dir, name = id, out = true }) end
    carried[host.name] = entry
  end)
  local count = all_or_none(hosts, function(host) return ledger.revert(host, dir, id) end,
    function(host) ledger.apply(host, dir, carried[host.name]) end)
  if count == 0 then ledger.find(id) end -- it may be misspelt
  print(("%s: %staken out on %d of %d servers"):format(id, would, count, #hosts))
end

-- The servers that carry each patch, in some release.
local function carriers()
  local by_id = {}
  farm.each(hosts, function(host)
    for _, record in ipairs(release.list(host, site.release.dir, { complete = true })) do
      for id in pairs(ledger.carried(host, record.dir)) do
        by_id[id] = by_id[id] or {}
        by_id[id][record.dir] = by_id[id][record.dir] or {}
        table.insert(by_id[id][record.dir], host.name)
      end
    end
  end)
  return by_id
end

function actions.list()
  words(0, 0)
  local by_id = carriers()
  for _, entry in ipairs(ledger.all()) do
    print(("%s  %s, %s, for %s%s%s: %s"):format(entry.id, entry.when, entry.who, entry.hosts,
      entry["until"] and " until " .. entry["until"] or "", ledger.overdue(entry) and " (OVERDUE)" or "", entry.why))
    local lines = {}
    for path, names in pairs(by_id[entry.id] or {}) do
      lines[#lines + 1] = ("    %s: %s"):format(path, farm.names(names))
    end
    table.sort(lines)
    for _, line in ipairs(lines) do print(line) end
  end
end

function actions.retire()
  local entry = ledger.find((words(1, 1)))
  local carrying = {}
  farm.each(hosts_of(entry), function(host)
    if ledger.carried(host, site.release.link)[entry.id] then carrying[#carrying + 1] = host.name end
  end)
  if #carrying > 0 then
    error(("what is on the air on %s carries it still: revert it, or wait for a release that has it")
      :format(farm.names(carrying)), 0)
  end
  ledger.retire(entry)
  print(("%s: %sretired"):format(entry.id, would))
end

local action = actions[args.action]
if not action then cli.usage_error(("there is no action %q"):format(args.action)) end
action()
