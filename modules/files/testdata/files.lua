--- write and read
local host = require("here").host
host:write("new", "one\ntwo\n")
host:write("secret", "x", { mode = "0600" })
host:write("old", "changed")
io.write(host:read("new"))                       --= one
--= two
print(host:sh("stat -c '%a %s' new secret old")) --= 644 8
--= 600 1
--= 640 7

--- put and get
local host = require("here").host
host:write("a", "\0\255binary\r\n")
host:get("a", "local")
host:put("local", "dir/b", { mode = "755", timeout = "10m" })
print(#host:read("dir/b"), host:sh("cmp a dir/b && stat -c %a dir/b"))   --= 10	755

--- a directory is left alone
local host = require("here").host
local ok, e = pcall(host.write, host, "dir", "x")
print(ok, e.kind, e.message)                     --= false	refused	put dir: is not a regular file
host:write("dirlink", "x")                       --! is not a regular file

--- a file that is not there
local host = require("here").host
local ok, e = pcall(host.get, host, "none", "local")
print(ok, e.kind, e.message)                     --= false	refused	get none: there is no such file
host:put("none", "new")                          --! no such file

--- a home that nothing expands
local host = require("here").host
host:read("~/old")                               --! begins with ~

--- a mode that is none
local host = require("here").host
host:write("new", "x", { mode = "rwx" })         --! permissions such as "0644" expected, got "rwx"

--- more than fits
local host = require("here").host
host:sh("head -c 17000000 /dev/zero >big")
host:read("big")                                 --! the file is too large
