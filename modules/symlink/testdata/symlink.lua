--- read and switch
local symlink, host = require "symlink", require("here").host
print(symlink.read(host, "www"))                           --= releases/a
print(symlink.switch(host, "www", "releases/b"))           --= releases/a
print(symlink.read(host, "www"))                           --= releases/b
print(symlink.read(host, "none"))                          --= nil
print(symlink.switch(host, "none", "releases/b"))          --= nil
print(symlink.read(host, "none"))                          --= releases/b
print(symlink.switch(host, "www", "file", { target = "exists", timeout = "5s" }))  --= releases/b
print(symlink.switch(host, "www", "later", { target = "any" }))                    --= file

--- where a link leads, the link that remembers, and a switch that is only tried
local symlink, host = require "symlink", require("here").host
print(symlink.switch(host, "adir/l", "releases/b", { from_home = true, look = true }), symlink.read(host, "adir/l"))  --= nil	nil
print(symlink.switch(host, "adir/inner", "releases/b", { from_home = true, former = "was" }))   --= ../releases/a
print(symlink.read(host, "adir/inner", { within = "releases" }))                                --= ../releases/b	b
print(symlink.read(host, "adir/was"))                                                           --= ../releases/a
print(symlink.read(host, "dangling", { within = "releases" }))                                  --= gone	nil

--- a link in the place of something else, in a directory that is not there
local symlink, host = require "symlink", require("here").host
host:sh "mkdir -p full/d; touch full/d/x"
print(symlink.switch(host, "full", "nowhere", { replace = ".", look = true, target = "any" }), host:sh "ls -d full/d")  --= nil	full/d
local _, e = pcall(symlink.switch, host, "full", "nowhere", { replace = "." })
print(e.message, host:sh "ls -d full/d")  --= switch full to nowhere: there is no such target	full/d
print(symlink.switch(host, "full", "releases/b", { replace = "." }), symlink.read(host, "full"))        --= nil	releases/b
print(symlink.switch(host, "p/q/l", "releases/b", { replace = ".", from_home = true }), symlink.read(host, "p/q/l"))  --= nil	../../releases/b

--- nothing is replaced, or made, through a link that leads out
local symlink, host = require "symlink", require("here").host
host:sh "mkdir -p out/d new; touch out/d/x; ln -s ../out new/out"
local _, e = pcall(symlink.switch, host, "new/out/d", "releases/b", { replace = "new", from_home = true })
print(e.kind, e.message, host:sh "ls out/d")  --= refused	switch new/out/d to releases/b: a link above it leads elsewhere	x

--- a directory is left alone
local symlink, host = require "symlink", require("here").host
local ok, e = pcall(symlink.switch, host, "adir", "releases/b")
print(ok, e.kind, e.message)                               --= false	refused	switch adir: is not a symbolic link
symlink.read(host, "adir")                                 --! is not a symbolic link

--- a target that is not there
local symlink, host = require "symlink", require("here").host
local ok, e = pcall(symlink.switch, host, "www", "releases/x")
print(ok, e.kind, symlink.read(host, "www"))               --= false	refused	releases/a
symlink.switch(host, "www", "file")                        --! not a directory

--- a word that is none
local symlink, host = require "symlink", require("here").host
symlink.switch(host, "www", "x", { target = "exist" })     --! did you mean "exists"?

--- a misspelt option
local symlink, host = require "symlink", require("here").host
symlink.read(host, "www", { timout = "1s" })               --! did you mean "timeout"?

--- no host
local symlink = require "symlink"
symlink.read("webserv1", "www")                            --! a host expected, got a string
