-- snapshot.lua DATE: make the release of DATE in CVS, a branch, and list what
-- has changed since the one before it.
local cli, cvs, farm = require "cli", require "cvs", require "farm"
local site = require "site"
local source = require "cvs-pull-snapshot"

local args = cli.parse {
  about = [[
Makes the branch of the release of DATE in CVS, of what is newest, of a tag or
another day, or of what lies in the stage area, and lists what has changed since
the release before. A dry run only lists.]],
  { "date", cli.release, "the release to make, yyyy-mm-dd" },
  from  = { help = "make it of this tag" },
  day   = { help = "make it of what was newest then, in any form that cvs reads" },
  stage = { type = cli.flag, help = "make it of what lies, checked in, in the stage area" },
  via   = { default = "@web", help = "the server whose cvs to use: the first of these" },
}

if args.stage and (args.from or args.day) then cli.usage_error "--stage, --from and --day do not go together" end
if args.stage and not site.stage then error("site.stage does not say where the stage area is", 0) end

local tag, what = site.tag(args.date), { root = site.cvs.write, module = site.cvs.module }

-- What releases are put in order by: the day, and which of that day's it is.
local function order(date)
  local day, number = date:match "^([^.]*)%.?(%d*)$"
  return ("%s %9d"):format(day, tonumber(number) or 1)
end

-- The release that has that tag, or nil.
local function release_of(name)
  local day, number = name:match "(%d%d%d%d%-%d%d%-%d%d)%D?(%d*)"
  local date = day and (number == "" and day or day .. "." .. number)
  return date and name == site.tag(date) and date or nil
end

-- Raises an error if there is such a tag; returns the release before it, or nil.
local function before(host)
  local last
  for _, known in ipairs(cvs.tags(host, what)) do
    local date = release_of(known.name)
    if known.name == tag then error("there is a " .. tag .. " already", 0) end
    if date and order(date) < order(args.date) and (not last or order(date) > order(last)) then last = date end
  end
  return last
end

-- Sets the tag.
local function make(host)
  if args.stage then
    local area = farm.hosts(site.stage.host)[1]
    farm.each(area, function()
      if area ~= host then source.open_tunnel(area) end
      cvs.tag(area, tag, { dir = site.stage.dir, branch = true, clean = true })
    end)
  else
    cvs.rtag(host, what.module, tag, { root = what.root, branch = true, from = args.from, date = args.day })
  end
end

local host = farm.hosts(args.via)[1]
local changes = farm.each(host, function()
  source.open_tunnel(host)
  local last = before(host)
  make(host)
  if not last then return {} end
  local to, day = tag, nil
  if farm.dry_run() then to, day = args.from, args.day end
  return cvs.changes(host, { root = what.root, module = what.module, from = site.tag(last), to = to, to_date = day })
end)[host.name]

print(("%s: %d files differ from the release before"):format(tag, #changes))
for _, change in ipairs(changes) do
  local revisions = change.how == "changed" and change.from .. " -> " .. change.to or change.from .. change.to
  print(("  %-8s %s  %s"):format(change.how, change.path, revisions))
end
