-- passmass.lua HOSTS: change a user's password on every server, by dialogue with
-- passwd, as the Expect script of that name does:
--
--   farmrun passmass -user web 'webserv[1-20]'
--
-- It reads what passwd answers, for a server that refuses says why in words only.
local cli, expect, farm = require "cli", require "expect", require "farm"

local args = cli.parse {
  about = [[
Changes a user's password on every server in turn, by dialogue with passwd. It
asks for the new password twice, and for the old one when a server wants it. A
password that has expired is changed as the server demands it at login. The
first server that refuses stops it; at the end it says for each what became of
it.]],
  single_dash = true,
  { "hosts", cli.list, "the servers" },
  user    = { help = "the user to log on as, whose password it is" },
  login   = { help = "how to log on: ssh, telnet or rlogin" },
  program = { default = "passwd", help = "what changes the password there" },
  prompt  = { default = "[$#%>] ?$", help = "the shell's prompt, as a regular expression" },
  timeout = { default = "30s", type = cli.duration, help = "the time that each answer has" },
}

-- Without a word on how to log on, the site file says it, if there is one.
if args.user or args.login then
  local settings = {}
  for _, set in ipairs(args.hosts) do settings[set] = { user = args.user, login = args.login } end
  farm.site { hosts = settings }
else
  local found, why = pcall(require, "site")
  if not found and not tostring(why):find("there is no site file", 1, true) then error(why, 0) end
end

local new = not farm.dry_run() and cli.secret("New password:", { twice = true })
if new then cli.renew(new) end

-- What passwd and its like say. What others say goes in here.
local asks = {
  old = "(?i)[^\r\n]*(current|old|login)( unix)? password: ?$|(?i)password for [^:]*: ?$",
  new = "(?i)[^\r\n]*(new|again|retype|verify|confirm)[^\r\n]*: ?$",
}
local says = {
  done = "(?i)(updated|changed) successfully|successfully (updated|changed)|password (updated|changed)[.\r]",
  no   = "(?i)[^\r\n]*(unchanged|not (been )?changed|not updated|denied|incorrect|failure|error|invalid)[^\r\n]*[\r\n]",
}

-- Raises an error with the last line of what a server has said.
local function refused(text)
  local last = "without a word"
  for line in text:gmatch "[^\r\n]+" do
    if line:find "%w" then last = line end
  end
  error("refused: " .. last, 0)
end

-- Raises an error if a server asks for the password of somebody else.
local function mine(host, question)
  local whose = question:match "[Pp]assword for ([^%s:@]+)" or question:match "([^%s'@]+)[^%s']*'s "
  whose = whose and whose:gsub("%.$", "") -- passwd ends its line with one
  if whose and whose ~= host:user() then
    error(("refused: it asks for the password of %s, not of %s"):format(whose, host:user()), 0)
  end
end

local function change(host)
  if farm.dry_run() then return "would change the password of " .. host:user() end
  if host:renewed() then return "changed, for it had expired" end
  local s = host:session { timeout = args.timeout }
  local old, answers = nil, 0
  s:expect(args.prompt)
  s:send(args.program .. "\n")
  s:expect {
    { asks.old, function(m)
      mine(host, m.text)
      if old then old:reject() end
      old = cli.password(host:user(), host)
      s:send_secret(old)
      return expect.continue
    end },
    { asks.new, function(m)
      mine(host, m.text)
      if answers == 2 then refused(m.before) end -- it did not like the new one, and asks for another
      if old and answers == 0 then old:accept() end
      answers = answers + 1
      s:send_secret(new)
      return expect.continue
    end },
    { says.done },
    { says.no, function(m)
      if old and answers == 0 then old:reject() end
      refused(m.text)
    end },
    { args.prompt, function(m) refused(m.before) end },
  }
  return "changed"
end

local changed, failed = farm.each(args.hosts, { parallel = 1, on_failure = "stop", check = false }, change)

for _, host in ipairs(farm.hosts(args.hosts)) do
  local failure = failed[host.name]
  local outcome = changed[host.name] or failure and failure.message or "not tried"
  print(host.name .. ": " .. outcome)
end
os.exit(next(failed) == nil)
