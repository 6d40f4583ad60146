-- balancer/haproxy.lua: take servers out of HAProxy's pool and put them back,
-- by its admin socket (HAProxy Management Guide, 9.3). Nothing need be
-- installed on the balancer: the socket is reached through its ssh login.
--
--   local pool = require "balancer.haproxy" {
--     host    = "lb1",                            -- where HAProxy runs; nil is here
--     socket  = "unix:/run/haproxy/admin.sock",   -- or, over TCP, "localhost:9999"
--     backend = "web",
--     within  = 60,                               -- seconds that open sessions get to end
--     drained = 1,                                -- how many servers may be drained at once, or
--                                                 -- what share of the backend's, "10%"
--     maintenance = true,                         -- once they have ended, no checks either
--     weights = { 10, 50 }, every = "5s",         -- percents, on the way back to 100; the
--   }                                             -- servers need a weight of 100 for that
--   pool.drain(host); pool.enable(host); pool.check(host); pool.state(host)
--
-- A server's name in HAProxy is that of the host unless host.vars.server says
-- otherwise. HAProxy's answers are text to be read, errors too, and it alone knows
-- who else is drained: that is most of what is long.
local cli, farm = require "cli", require "farm"

local function split(line)
  local fields = {}
  for field in (line .. ","):gmatch "([^,]*)," do fields[#fields + 1] = field end
  return fields
end

-- The servers of a backend in "show stat", whose first line names the columns; the
-- first column is the backend.
local function read_stat(text, backend)
  local names, servers = {}, {}
  for i, name in ipairs(split(text:match "^# ([^\r\n]*)" or "")) do names[name] = i end
  local prefix = backend .. ","
  for line in text:gmatch "[^\r\n]+" do
    if line:sub(1, #prefix) == prefix then
      local row = split(line)
      servers[row[names.svname]] = { status = row[names.status], sessions = tonumber(row[names.scur]) or 0 }
    end
  end
  servers.BACKEND, servers.FRONTEND = nil, nil
  return servers
end

-- Whether HAProxy sends new sessions to a server: it does to one that it does not check.
local function is_up(status) return status:find "^UP" ~= nil or status == "no check" end

return function(config)
  local pool = {}
  local balancer = config.host and farm.hosts(config.host)[1] or farm.here()
  local within = config.within or 60

  local function name_of(host) return host.vars.server or host.name end

  -- Read once for all who want to know it at about the same time.
  local function all_servers() return read_stat(balancer:ask(config.socket, "show stat\n"), config.backend) end
  local recent = require "lib.recent"(all_servers)

  -- HAProxy answers success with an empty line and errors with text.
  local function tell(host, what, value)
    local line = ("set server %s/%s %s %s\n"):format(config.backend, name_of(host), what, value)
    local answer = recent.change(function() return balancer:tell(config.socket, line) end):match "^%s*(.-)%s*$"
    if answer ~= "" then error(("haproxy on %s: %s"):format(balancer.name, answer), 0) end
  end

  local function read(host, servers)
    local server = servers[name_of(host)]
    if not server then
      error(("haproxy on %s has no server %s/%s"):format(balancer.name, config.backend, name_of(host)), 0)
    end
    return server.status, server.sessions
  end

  -- Returns the server's status ("UP", "no check", "DRAIN", "MAINT", "DOWN") and its
  -- sessions.
  function pool.state(host) return read(host, all_servers()) end

  -- Raises an error unless the server gets new sessions.
  function pool.check(host)
    local status = read(host, recent.get())
    if not is_up(status) then
      error(("haproxy on %s has %s as %s"):format(balancer.name, name_of(host), status), 0)
    end
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

  -- Raises an error if the balancer has drained as many other servers as it may:
  -- an earlier run has left them so, or a colleague's is under way. It does not
  -- see those that this run was not given to look after; HAProxy does.
  local function check_others(host)
    local others, servers = {}, 0
    for name, server in pairs(all_servers()) do
      local out = server.status == "DRAIN" or config.maintenance and server.status:find "^MAINT"
      if out and name ~= name_of(host) then others[#others + 1] = name end
      servers = servers + 1
    end
    if #others >= farm.share(config.drained or 1, servers) then
      error(("haproxy on %s has drained %s already: an earlier run has left it so, or somebody is at work there")
        :format(balancer.name, farm.names(others)), 0)
    end
  end

  -- Sends the server no new sessions and waits for those it has to end.
  function pool.drain(host)
    local status = pool.state(host)
    if is_up(status) then check_others(host) end
    tell(host, "state", "drain")
    local ended = farm.dry_run()
      or wait_until(host, "all sessions ended", within, function(_, sessions) return sessions == 0 end)
    if not ended then error(("%s still has sessions"):format(host.name), 0) end
    if config.maintenance then tell(host, "state", "maint") end
  end

  -- Gives a server that is back its visitors little by little.
  local function bring_up(host)
    for _, percent in ipairs(config.weights) do
      tell(host, "weight", percent .. "%")
      cli.sleep(config.every or "5s")
    end
    tell(host, "weight", "100%")
  end

  -- Puts the server back and waits until HAProxy finds it up.
  function pool.enable(host)
    if config.weights then tell(host, "weight", config.weights[1] .. "%") end
    tell(host, "state", "ready")
    if farm.dry_run() then return end
    if not wait_until(host, "up in HAProxy's eyes", 30, is_up) then
      error(("HAProxy does not find %s up: %s"):format(host.name, (pool.state(host))), 0)
    end
    if config.weights then bring_up(host) end
  end

  return pool
end
