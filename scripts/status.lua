-- status.lua: which server is on which release, what lies beside it, and what
-- has been changed by hand. Servers that answer alike share a line.
local cli, cvs, farm = require "cli", require "cvs", require "farm"
local site, switchrel, pull = require "site", require "switchrel", require "cvs-pull-snapshot"

local args = cli.parse {
  about = "Shows which server is on which release, what is staged, and what was changed by hand.",
  hosts   = { default = "@web", help = "which servers" },
  changed = { default = true, help = "ask CVS what was changed by hand (--changed=false is faster)" },
}

-- The releases that lie on the host, a "?" behind those that may be incomplete.
local function staged(host)
  local names = {}
  for _, release in ipairs(cvs.releases(host, site.release.dir)) do
    local name = release.dir:match "([^/]+)$"
    names[#names + 1] = release.time and name or name .. "?"
  end
  return table.concat(names, " ")
end

-- What cvs would say of files that are not as they came: "M htdocs/index.html".
local function changed(host)
  pull.open_tunnel(host)
  local found = {}
  for _, file in ipairs((cvs.update(host, { dir = site.release.link, look = true }))) do
    if file.status:find "[MARC?]" then found[#found + 1] = file.status .. " " .. file.path end
  end
  return table.concat(found, ", ")
end

-- Returns what f says of the host, or what went wrong in brackets: a status
-- that fails where something is amiss would be of no use.
local function try(f, host)
  local ok, answer = pcall(f, host)
  if not ok then return "(" .. (answer.message or tostring(answer)) .. ")" end
  return answer or "-"
end

local columns = {
  { "ON THE AIR", switchrel.current },
  { "BEFORE",     switchrel.former },
  { "STAGED",     staged },
  { "HEALTHY",    function(host) site.healthy(host) return "yes" end },
  { "IN SERVICE", function(host) site.on_air(host) return "yes" end },
}
if args.changed then columns[#columns + 1] = { "CHANGED", changed } end

local hosts = farm.hosts(args.hosts)
local answers, unreachable = farm.each(hosts, { check = false, parallel = site.cvs.parallel }, function(host)
  host:query "true" -- a server that cannot be reached has one line, not five
  local row = {}
  for i, column in ipairs(columns) do row[i] = try(column[2], host) end
  return row
end)

-- One line for all servers that answer alike, in the order of the servers.
local lines, members = {}, {}
for _, host in ipairs(hosts) do
  local row = answers[host.name] or { "(" .. unreachable[host.name].message .. ")" }
  local key = table.concat(row, "\t")
  if not members[key] then
    members[key] = {}
    lines[#lines + 1] = { key = key, row = row }
  end
  table.insert(members[key], host.name)
end

-- Columns as wide as what stands in them.
local rows = { { "SERVERS" } }
for i, column in ipairs(columns) do rows[1][i + 1] = column[1] end
for _, line in ipairs(lines) do
  rows[#rows + 1] = { farm.names(members[line.key]), unpack(line.row) }
end
local width = {}
for _, row in ipairs(rows) do
  for i = 1, #row - 1 do width[i] = math.max(width[i] or 0, #row[i]) end
end
for _, row in ipairs(rows) do
  for i = 1, #row - 1 do row[i] = row[i] .. (" "):rep(width[i] - #row[i]) end
  print((table.concat(row, "  "):gsub("%s+$", "")))
end
