--- words and lines
local host = require("here").host
print(host:sudo({ "printf", "%s|", "a b", "it's" }).stdout)   --= a b|it's|
print(host:sudo("echo $SUDO_USER; exit 3", { check = false }).code) --= 3
print(host:sudo("echo $SUDO_USER", { user = "web" }).text)    --= web

--- the options of host:run
local host = require("here").host
local r = host:sudo("pwd; echo $A; cat; echo oops >&2", { dir = "/", env = { A = "x y" }, stdin = "in", timeout = "10s", quiet = true })
print(r.stdout:gsub("\n", ","))                               --= /,x y,in	2
print(r.stderr:gsub("\n", ","), r.code, r.dry)                --= oops,	0	false

--- a failure
local host = require("here").host
local ok, e = pcall(host.sudo, host, { "sh", "-c", "echo why >&2; exit 4" })
print(ok, e.kind, e.code, e.host, e.output)                   --= false	exit	4	here	why

--- a wrong password
local host = require("here").host
local ok, e = pcall(host.sudo, host, "echo x", { user = "locked", check = false })
print(ok, e.kind, e.message)      --= false	login	sudo -u locked echo x: password for web: the password was rejected

--- not allowed
local host = require("here").host
local ok, e = pcall(host.sudo, host, { "echo" }, { user = "denied", check = false })
print(ok, e.kind, e.message:match("may not run this by sudo")) --= false	refused	may not run this by sudo
print(e.hint:match("sudo %-l"))                               --= sudo -l

--- too late
local host = require("here").host
local ok, e = pcall(host.sudo, host, "sleep 100", { timeout = "200ms" })
-- Whoever runs it says so before that if it had to end it.
print(ok, e.kind, e.message:match 'host:sudo.*')  --= false	timeout	host:sudo "sudo sleep 100" did not end within 200ms

--- a misspelt option
require("here").host:sudo("echo", { usr = "web" })            --! did you mean "user"?

--- nothing to run
require("here").host:sudo {}                                  --! the command is empty

--- a dot for the colon
require("here").host.sudo("echo")                             --! call it with a colon
