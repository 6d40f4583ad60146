--- well, from the host's side
local probe, host = require "probe", require("here").host
probe.http(host, "http://localhost/health")
probe.http(host, "http://localhost/health", { status = 200, contains = "GET localhost/health", times = 2, interval = "10ms" })
probe.http(host, "http://localhost/", { method = "POST", host = "www", header = { ["X-Who"] = "me" }, contains = "POST www/ as me" })
probe.tcp(host, "localhost:80")

--- from this machine
local probe, here = require "probe", require "here"
probe.http(here.url)
probe.tcp(here.addr, { within = "1m" })

--- well after a while
local probe, host = require "probe", require("here").host
probe.http(host, "http://localhost/third", { within = "10m", interval = "10ms" })

--- sick
local probe, host = require "probe", require("here").host
local ok, e = pcall(probe.http, host, "http://localhost/sick")
print(ok, e.kind, e.message)   --= false	unreachable	GET http://localhost/sick: the answer is 503 Service Unavailable
print(e.output)                --= GET localhost/sick as
probe.http(host, "http://localhost/sick", { within = "500ms", interval = "10ms" })  --! 503 Service Unavailable

--- not what was wanted
local probe, host = require "probe", require("here").host
probe.http(host, "http://localhost/", { contains = "welcome" })  --! does not contain "welcome"

--- no URL
local probe, host = require "probe", require("here").host
probe.http(host, "localhost")  --! "localhost" is no URL such as http://localhost/

--- a misspelt option
local probe, host = require "probe", require("here").host
probe.tcp(host, "localhost:80", { time = 3 })  --! did you mean "times"?

--- no host
local probe = require "probe"
probe.http({}, "http://localhost/")  --! a host expected, got a table

--- a log
local host = require("here").host
host:sh "echo before >log"
local log = host:watch("log")
print(log)                                  --= log
host:sh "echo starting >>log; echo ready >>log; echo FATAL: gone >>log"
log:check { good = "ready", bad = "(?i)fatal" }
local ok, e = pcall(log.check, log, { bad = "(?i)fatal" })
print(ok, e.kind, e.message)                --= false	failed	log: FATAL: gone
print(log.text)                             --= starting
--= ready
--= FATAL: gone
--= 
log:check { within = "50ms", interval = "10ms", bad = "fatal" }
log:check { within = "50ms", interval = "10ms", good = "ready" }  --! the line that was waited for did not come within 50ms: ready

--- a pattern that is none
local log = require("here").host:watch("log")
log:check { bad = "(" }                     --! option "bad": error parsing regexp
