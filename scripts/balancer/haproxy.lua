-- balancer/haproxy.lua: take servers out of HAProxy's pool and put them back,
-- by its admin socket (HAProxy Management Guide, 9.3). Nothing need be
-- installed on the balancer: the socket is reached through its ssh login.
--
--   local pool = require "balancer.haproxy" {
--     host    = "lb1",                            -- where HAProxy runs
--     socket  = "unix:/run/haproxy/admin.sock",   -- or "localhost:9999"
--     backend = "web",
--     within  = 60,                               -- seconds that open sessions get to end
--   }
--   pool.drain(host); pool.enable(host); pool.state(host)
--
-- A server's name in HAProxy is that of the host unless host.vars.server says
-- otherwise.
local cli, farm = require "cli", require "farm"

-- The columns of "show stat" that matter, by the names in its first line.
local function read_stat(text, backend)
  local columns, servers = nil, {}
  for line in text:gmatch("[^\r\n]+") do
    local fields = {}
    for field in (line .. ","):gmatch("([^,]*),") do fields[#fields + 1] = field end
    if not columns then
      fields[1] = fields[1]:gsub("^# ", "")
      columns = fields
    else
      local row = {}
      for i, name in ipairs(columns) do row[name] = fields[i] end
      if row.pxname == backend and row.svname ~= "BACKEND" and row.svname ~= "FRONTEND" then
        servers[row.svname] = { status = row.status, sessions = tonumber(row.scur) or 0 }
      end
    end
  end
  return servers
end

return function(config)
  local pool = {}
  local balancer = farm.hosts(config.host)[1]
  local within = config.within or 60

  local function name_of(host) return host.vars.server or host.name end

  -- HAProxy answers success with an empty line and errors with text.
  local function tell(host, what)
    local answer = balancer:tell(config.socket,
      ("set server %s/%s state %s\n"):format(config.backend, name_of(host), what)):match("^%s*(.-)%s*$")
    if answer ~= "" then error(("haproxy on %s: %s"):format(balancer.name, answer), 0) end
  end

  -- Returns the server's status ("UP", "DRAIN", "MAINT", "DOWN") and its sessions.
  function pool.state(host)
    local servers = read_stat(balancer:ask(config.socket, "show stat\n"), config.backend)
    local server = servers[name_of(host)]
    if not server then
      error(("haproxy on %s has no server %s/%s"):format(balancer.name, config.backend, name_of(host)), 0)
    end
    return server.status, server.sessions
  end

  local function wait_until(host, what, seconds, good)
    for _ = 1, seconds * 5 do
      local status, sessions = pool.state(host)
      if good(status, sessions) then return true end
      cli.sleep "200ms"
    end
    host:log(("%s: not within %d s"):format(what, seconds))
    return false
  end

  -- Sends the server no new sessions and waits for those it has to end.
  function pool.drain(host)
    tell(host, "drain")
    if farm.dry_run() then return end
    if not wait_until(host, "all sessions ended", within, function(_, sessions) return sessions == 0 end) then
      error(("%s still has sessions"):format(host.name), 0)
    end
  end

  -- Puts the server back and waits until HAProxy finds it up.
  function pool.enable(host)
    tell(host, "ready")
    if farm.dry_run() then return end
    local function is_up(status) return status:find("^UP") ~= nil end
    if not wait_until(host, "up in HAProxy's eyes", 30, is_up) then
      error(("HAProxy does not find %s up: %s"):format(host.name, (pool.state(host))), 0)
    end
  end

  return pool
end
