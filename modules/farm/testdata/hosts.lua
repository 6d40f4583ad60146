--- a set is expanded in order
local farm = require "farm"
local names = {}
for _, host in ipairs(farm.hosts("web[9-11],web2")) do names[#names + 1] = host.name end
assert(table.concat(names, " ") == "web2 web9 web10 web11", table.concat(names, " "))
assert(farm.names("web[9-11],web2") == "web[2,9-11]")

--- a host is one value
local farm = require "farm"
local a, b = farm.hosts("web1")[1], farm.hosts { "web2", "web1" }[2]
assert(a == b and tostring(a) == "web1")
local seen = { [a] = true }
assert(seen[b])

--- a site names its hosts
local farm = require "farm"
farm.site { groups = { web = "web[1-3]", all = "@web,db1" }, hosts = {
  ["@all"] = { user = "op", vars = { tier = "any", floor = 1 } }, web2 = { vars = { tier = "web" } },
} }
assert(farm.names("@all!web1") == "db1,web[2-3]", farm.names("@all!web1"))
assert(farm.hosts("web2")[1].vars.tier == "web" and farm.hosts("web2")[1].vars.floor == 1)
assert(farm.hosts("db1")[1].vars.tier == "any")

--- a host that the site does not name
local farm = require "farm"
farm.site { groups = { web = "webserv[1-3]" } }
farm.hosts("webserv4")  --! the site has no host "webserv4"; did you mean "webserv1"?

--- a group that is not there
local farm = require "farm"
farm.site { groups = { web = "webserv[1-3]" } }
farm.hosts("@wbe")  --! there is no group "wbe"; did you mean "web"?

--- a set that comes to nothing
local farm = require "farm"
farm.hosts("web1!web1")  --! no host is in the set

--- a set that cannot be read
local farm = require "farm"
farm.hosts("web[1-")  --! column

--- a setting that is misspelt
local farm = require "farm"
farm.site { hosts = { web1 = { usr = "x" } } }  --! there is no option "usr"; did you mean "user"?

--- a method that is misspelt
local farm = require "farm"
farm.hosts("web1")[1]:rnu("ls")  --! there is no "rnu" in a host; did you mean "run"?

--- a method called with a dot
local farm = require "farm"
local host = farm.hosts("web1")[1]
host.run("ls")  --! call it with a colon, as in host:run(…)

--- a host is no table
local farm = require "farm"
farm.hosts("web1")[1].name = "x"  --! "name" cannot be set

--- hosts that answer alike
local farm = require "farm"
for _, g in ipairs(farm.fold { web10 = "up", web2 = "down", web1 = "up", web3 = { "down", "full" } }) do print(g.hosts, g.answer) end
--= web[1,10]	up
--= web[2-3]	down
--= web3	full
print(#farm.fold {})  --= 0

--- an answer that is none
require("farm").fold { web1 = 1 }  --! the answer of web1

--- the folder of the site file
local farm = require "farm"
print(farm.folder())  --= .
local site = loadstring('require("farm").site { groups = { web = "web1" } }', "@/etc/site/site.lua")
site()
print(farm.folder())  --= /etc/site
