-- trial.lua: what the tests of scripts share. Each is a script that runs on a
-- practice farm and there starts farmrun, as an operator would.
local farm = require "farm"

-- The folder of the practice farm, and an address that answers, for a tunnel
-- that nothing goes through.
local server = require("site").cvs.server
local trial = { folder = farm.folder(), server = server }

-- Changes the site file of the farmruns that are started: every text that is a
-- key becomes its value.
function trial.site(changes)
  local path = trial.folder .. "/site.lua"
  local text = farm.here():read(path)
  for was, is in pairs(changes) do
    local first, last = text:find(was, 1, true)
    if not first then error("the site file does not have " .. was, 2) end
    text = text:sub(1, first - 1) .. is .. text:sub(last + 1)
  end
  farm.here():write(path, text)
end

-- The words that start farmrun on the practice farm.
function trial.words(...)
  local words = { "farmrun", "-F", trial.folder .. "/ssh/config", "--site", trial.folder .. "/site.lua", "--yes" }
  for _, word in ipairs { ... } do words[#words + 1] = word end
  return words
end

-- What farmrun said, without what is another each time, its lines in order:
-- hosts that work side by side say theirs in any.
local function plain(text)
  local lines = {}
  for line in text:gmatch "[^\n]+" do
    line = line:gsub(trial.folder:gsub("%p", "%%%0"), "FARM"):gsub("(%.farmrun%-new%.[%d-]+)%.%S+", "%1")
      :gsub("in %d[%d.ms]*s$", "in TIME")
    if not line:find "^farmrun: the page of this run" then lines[#lines + 1] = line end
  end
  table.sort(lines)
  return table.concat(lines, "\n")
end

-- Runs farmrun, which must end with the status; returns all that it said.
function trial.ends(status, ...)
  local result = farm.here():run(trial.words(...), { check = false })
  local said = plain(result.stdout .. result.stderr)
  if result.code ~= status then
    error(("farmrun %s: exit status %d, want %d\n%s"):format(table.concat({ ... }, " "), result.code, status, said), 2)
  end
  return said
end

function trial.run(...) return trial.ends(0, ...) end

-- Runs farmrun while somebody else has the lock; returns its output.
function trial.locked_out(...)
  local words = {}
  for _, word in ipairs(trial.words(...)) do words[#words + 1] = ("%q"):format(word) end
  return trial.run("-e", ("local farm = require 'farm'; farm.locked(function() print(farm.here():run({ %s }, { check = false }).stderr) end)")
    :format(table.concat(words, ", ")))
end

-- Whatever a script could change: the files of all machines, which web servers
-- run, and what the balancer thinks of them. What cvs notes of its own accord when
-- somebody looks is none of that.
local function state()
  local files = farm.here():query({ "sh", "-c", [[cd "$1" &&
    find . \( -name logs -o -name tmp -o -name history -o -name val-tags -o -path '*/CVS/Entries*' \) -prune -o \
      -printf '%p %l %m\n' -type f -exec cksum {} + &&
    cat */home/logs/httpd.pid]], "sh", trial.folder })
  local lines = { files.stdout }
  local pool = farm.hosts("lb1")[1]:tell("unix:/run/haproxy/admin.sock", "show stat\n")
  for name, is in pool:gmatch "\nweb,(webserv%d+),[^\n]-,(%u+)," do lines[#lines + 1] = name .. " is " .. is end
  return table.concat(lines, "\n")
end

-- The lines of one text that are not in the other.
local function more(text, other)
  local known, lines = {}, {}
  for line in other:gmatch "[^\n]+" do known[line] = true end
  for line in text:gmatch "[^\n]+" do
    if not known[line] then lines[#lines + 1] = line end
  end
  return table.concat(lines, "\n")
end

-- Makes a dry run, which must change nothing; returns what it said.
function trial.dry(...)
  local before = state()
  local said = trial.run("--dry-run", ...)
  local after = state()
  local changed = more(after, before) .. more(before, after)
  if changed ~= "" then error(("a dry run of %s has changed:\n%s"):format(table.concat({ ... }, " "), changed), 2) end
  return (said:gsub("farmrun: this was a dry run: nothing was changed on the hosts\n?", ""):gsub("\n$", ""))
end

-- Raises an error unless both are the same; indentation is left out.
function trial.same(got, want)
  want = want:gsub("\n%s+", "\n"):gsub("^%s+", ""):gsub("%s+$", "")
  if got ~= want then error(("got:\n%s\nwant:\n%s"):format(got, want), 2) end
end

-- Raises an error unless the text has a line that contains what.
function trial.has(text, what)
  if not text:find(what, 1, true) then error(("it does not say %q but:\n%s"):format(what, text), 2) end
end

-- The lines of a text, in order and without indentation.
function trial.sort(text)
  local lines = {}
  for line in text:gmatch "[^\n]+" do
    if line:find "%S" then lines[#lines + 1] = line:match "^%s*(.*)" end
  end
  table.sort(lines)
  return table.concat(lines, "\n")
end

-- Of what a dry run said, what would be done.
function trial.would(text)
  local lines = {}
  for line in text:gmatch "[^\n]+" do
    if line:find " would " then lines[#lines + 1] = line end
  end
  return table.concat(lines, "\n")
end

-- What a shell line says on the hosts, one after the other.
function trial.on(set, line)
  local texts = {}
  for _, host in ipairs(farm.hosts(set)) do texts[#texts + 1] = host:run(line).text end
  return table.concat(texts, "\n")
end

-- Lets everybody write into the repository, without a password.
function trial.writable()
  local root = farm.here():read(trial.folder .. "/site.lua"):match ":pserver:rel@[^\"]*"
  trial.site { [root] = root:gsub("rel", "anon") }
  farm.here():run({ "sh", "-c", 'chmod u+w "$1" && : >"$1"', "sh", trial.folder .. "/dev/cvsroot/CVSROOT/readers" })
end

-- Does what a developer does: the shell line changes a working copy of the
-- branch, or of the trunk for "", and that is committed; returns what it says.
function trial.commit(branch, line)
  return farm.here():run({ "sh", "-c", [[set -e
    export CVSROOT=$1/dev/cvsroot
    cd "$1/dev/tmp" && cvs -Q checkout -d theirs ${2:+-r "$2"} site && cd theirs
    eval "$3"
    cvs -Q commit -m new
    find "$CVSROOT/site" -type d -exec chmod a+rwx {} + # for the locks of who reads
    cd .. && rm -r theirs]], "sh", trial.folder, branch, line }).text
end

return trial
