-- balancer/localdirector.lua: a load balancer that has no other way in than its
-- telnet login. It is told by dialogue, as one would at its console:
--
--   Password: …            localdirector> enable      Password: …
--   localdirector# show real
--   localdirector# configure terminal
--   localdirector(config)# out-of-service real webserv1
--
--   local pool = require "balancer.localdirector" {
--     address = "ld1",       -- and its port, as in "ld1 2323", if that is another
--     user    = "ld1",       -- the account whose password it wants
--     within  = 60,          -- seconds that open sessions get to end
--   }
--   pool.drain(host); pool.enable(host); pool.check(host); pool.state(host)
--
-- A server's name there is that of the host unless host.vars.server says
-- otherwise. The words in config.words are for one that speaks otherwise. It takes
-- one visitor at a time, who logs in anew: that dialogue is most of what is long.
local cli, expect, farm = require "cli", require "expect", require "farm"

local usual = {
  out   = "out-of-service real %s",
  into  = "in-service real %s",
  show  = "show real",
  -- A line of its answer: the server, the sessions, the state.
  line  = "^%s*([^%s:]+)%S*%s+(%d+)%s+(%u+)",
  up    = "IS",
  more  = "<--- More --->",
}

return function(config)
  local pool = {}
  local words = setmetatable(config.words or {}, { __index = usual })

  local function name_of(host) return host.vars.server or host.name end

  local prompt = "(?m)^[^\r\n]*[>#] ?$"

  -- Types a line and returns what it says to that.
  local function command(s, line)
    s:send(line .. "\n")
    local said = {}
    s:expect {
      { text = words.more, function(m) said[#said + 1] = m.before s:send " " return expect.continue end },
      { prompt, function(m) said[#said + 1] = m.before end },
    }
    return table.concat(said)
  end

  -- Logs in, as an administrator, and calls work with the session. In a turn, one that
  -- changes something does not begin once another farmrun owns the host.
  local function dialogue(work, changes)
    local argv = { "telnet", timeout = "20s", query = not changes }
    for word in config.address:gmatch "%S+" do argv[#argv + 1] = word end
    local s, password = expect.spawn(argv), cli.password(config.user)
    local typed = false -- for the login, and once more for enable
    s:expect {
      { "[Pp]assword: ?$", function()
        if typed then password:reject() end
        typed = true
        s:send_secret(password)
        return expect.continue
      end },
      { "[^\r\n]*> ?$", function()
        typed = false
        s:send "enable\n"
        return expect.continue
      end },
      { "[^\r\n]*# ?$", true },
    }
    password:accept()
    local answer = work(s)
    s:send "exit\n"
    s:close()
    return answer
  end

  local busy -- since when; it takes one visitor at a time, who may have been ended

  local function talk(work, changes)
    while busy and os.clock() - busy < 60 do cli.sleep "20ms" end
    busy = os.clock()
    local ok, answer = pcall(dialogue, work, changes)
    busy = nil
    if not ok then error(answer, 0) end
    return answer
  end

  local recent = require "lib.recent"(function()
    local servers = {}
    for line in talk(function(s) return command(s, words.show) end):gmatch "[^\r\n]+" do
      local server, sessions, state = line:match(words.line)
      if server then servers[server] = { state = state, sessions = tonumber(sessions) } end
    end
    return servers
  end)

  -- Tells it to change something.
  local function tell(host, line)
    if farm.dry_run() then return host:log(("would tell %s: %s"):format(config.address, line)) end
    local function configure(s)
      command(s, "configure terminal")
      local said = command(s, line)
      local wrong = said:match "[^\r\n]*[Ii]nvalid[^\r\n]*" or said:match "ERROR[^\r\n]*"
      if wrong then error(("%s: %s"):format(config.address, wrong), 0) end
      command(s, "exit")
    end
    recent.change(function() talk(configure, true) end)
  end

  -- Returns the server's state ("IS" is in service) and its sessions, as they were
  -- a moment ago at most.
  function pool.state(host)
    local server = recent.get()[name_of(host)]
    if not server then error(("%s has no server %s"):format(config.address, name_of(host)), 0) end
    return server.state, server.sessions
  end

  -- Raises an error unless the server gets new sessions.
  function pool.check(host)
    local state = pool.state(host)
    if state ~= words.up then error(("%s has %s as %s"):format(config.address, name_of(host), state), 0) end
  end

  -- Sends the server no new sessions and waits for those it has to end.
  function pool.drain(host)
    tell(host, words.out:format(name_of(host)))
    if farm.dry_run() then return end
    for _ = 1, config.within or 60 do
      local _, sessions = pool.state(host)
      if sessions == 0 then return end
      cli.sleep "1s"
    end
    error(("%s still has sessions"):format(host.name), 0)
  end

  -- Puts the server back.
  function pool.enable(host)
    tell(host, words.into:format(name_of(host)))
    if not farm.dry_run() then pool.check(host) end
  end

  return pool
end
