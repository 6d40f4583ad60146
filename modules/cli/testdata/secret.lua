--- a secret does not show
local cli, read, mask = require "cli", require "read", require "mask"
local s = cli.secret "New password:"
print(s, tostring(s), read.secret(s))               --= (secret)	(secret)	xyzzy
print("<" .. read.asked() .. ">")                   --= <New password: >
print(mask.line "it is xyzzy!")                     --= it is (secret)!

--- a secret has no way to its text
local s = require("cli").secret "?"
local t = s.text                                    --! there is no "text" in a secret

--- a secret is no string
local s = require("cli").secret "?"
print("it is " .. s)                                --! attempt to concatenate local 's' (a userdata value)

--- twice, until both are the same
local cli, read = require "cli", require "read"
print(read.secret(cli.secret("New?", { twice = true })))  --= xyzzy
print(read.secret(cli.secret("New?", { twice = true })))  --! there is no terminal

--- they differ
local cli, read = require "cli", require "read"
cli.secret "one"
print(read.secret(cli.secret("New?", { twice = true })))  --= plover
print("<" .. read.asked() .. ">")                   --= <one |New? |Once more: |They differ. New? |Once more: >

--- a misspelt option
require("cli").secret("?", { twise = true })        --! did you mean "twice"?

--- a password is asked for once
local cli, read = require "cli", require "read"
local first = cli.password "web"
first:accept()
print(read.secret(first), read.secret(cli.password "web"), read.asked())  --= xyzzy	xyzzy	web

--- a password that was rejected is not to be had again
local cli = require "cli"
local ok, e = pcall(function() cli.password("web"):reject() end)
print(ok, e.kind, e.message)                        --= false	login	the password was rejected
cli.password "web"                                  --! password for web: the password was rejected

--- whoever accepts it has it for good
local cli = require "cli"
cli.password("web"):accept()
local p = cli.password "web"
local ok = pcall(p.reject, p)
print(ok, cli.password "web")                       --= false	(secret)

--- whoever has a password says what became of it before he has it again
local cli = require "cli"
local p = cli.password "web"
local ok, e = pcall(cli.password, "web")
print(ok, e.kind, e.message)                        --= false	script	cli.password: the script has the password of web already, and has not said what became of it
p:accept()
print(cli.password "web")                           --= (secret)

--- what hosts get in the place of a password that has expired
local cli, ring = require "cli", require "ring"
cli.renew(cli.secret "New?")
print(ring.new())                                   --= xyzzy

--- only a secret
require("cli").renew("xyzzy")                       --! a secret expected
