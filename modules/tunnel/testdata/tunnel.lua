--- a tunnel, and its end with the function that opened it
local tunnel, here = require "tunnel", require "here"
local t = tunnel.reverse(here.host, { listen = 0, to = here.upper })
print(t.address == "127.0.0.1:" .. t.port, tostring(t) == "tunnel from " .. t.address)  --= true	true
print(here.host:say(t.address, "hello"))                       --= HELLO

--- close
local tunnel, here = require "tunnel", require "here"
local t = tunnel.reverse(here.host, { to = here.upper })
local again = tunnel.reverse(here.host, { to = here.upper })
print(t.port == again.port)                                    --= true
t:close()
print(here.host:dials(t.address))                              --= true
again:close()
again:close()
print(here.host:dials(t.address))                              --= false

--- the far end is not there
local tunnel, here = require "tunnel", require "here"
local ok, e = pcall(tunnel.reverse, here.host, { to = here.nobody })
print(ok, e.kind)                                              --= false	unreachable
tunnel.reverse(here.host, { to = here.nobody })                --! the tunnel's far end cannot be reached

--- the port is taken
local tunnel, here = require "tunnel", require "here"
local ok, e = pcall(tunnel.reverse, here.host, { listen = here.taken, to = here.upper })
print(ok, e.kind)                                              --= false	refused
tunnel.reverse(here.host, { listen = here.taken, to = here.upper })  --! is held by tunnel.test of the user

--- nothing to lead to
local tunnel, here = require "tunnel", require "here"
tunnel.reverse(here.host, { listen = 0 })                      --! option "to" is missing

--- a port that is none
local tunnel, here = require "tunnel", require "here"
tunnel.reverse(here.host, { listen = 70000, to = "dev:1" })    --! "70000" is no port
