-- Random histories of random files: a release that begins with another one is the
-- same, byte for byte, as one that is pulled afresh onto another server, from every
-- source; and whatever is done to a file of it is found. FARMRUN_TREES says how many
-- histories are tried.
local trial = require "trial"
trial.writable()
local dates = { "2000-10-03", "2000-10-10", "2000-10-17" }
local names = { "a", "b c", "-dash", "[x]", "q'uote", 'd"uote', ".new.css", "caf\233", "d/e", "d/f g", "e/deep/h", "Case", "case" }
local texts = { "", "one\n", "two\n", "no end", "$Name$\n", "$Id$ and $Revision$\n", "\0\1binary\255\r\n" }
local edits = { "echo more >>'%s'", "chmod u+x '%s'", "rm -f '%s'" }
local seed = tonumber(os.getenv "FARMRUN_SEED") or os.time()
math.randomseed(seed)

local function quoted(text) return "'" .. text:gsub("'", [['\'']]) .. "'" end

-- A shell line that changes the files of the current directory at random.
local function change()
  local lines = {}
  for _ = 1, 4 do
    local name, text = names[math.random(#names)], texts[math.random(#texts)]
    local escaped = text:gsub(".", function(c) return ("\\%03o"):format(c:byte()) end)
    lines[#lines + 1] = ("mkdir -p ./%s; printf %s >./%s"):format(quoted(name:match "^(.*)/" or "."), quoted(escaped), quoted(name))
  end
  for _ = 1, 3 do
    local name = "./" .. names[math.random(#names)]:gsub("'", [['\'']])
    lines[#lines + 1] = ("[ ! -e '%s' ] || "):format(name) .. edits[math.random(#edits)]:format(name)
  end
  return table.concat(lines, "\n")
end

-- What each source takes to make the release of a date of the changes.
local make = {}

function make.cvs(date, line)
  local tag = "Snapshot-" .. date
  trial.commit("", "export LC_ALL=C\n" .. line .. [[

    find . -name CVS -prune -o -type d ! -name . -print | sort | while IFS= read -r d; do [ -d "$d/CVS" ] || cvs -Q add "$d"; done
    find . -name CVS -prune -o -type f -print | while IFS= read -r f; do
      grep -qF "/${f##*/}/" "${f%/*}/CVS/Entries" && continue
      cvs -Q add -k]] .. ({ "kv", "v", "o", "b" })[math.random(4)] .. [[ "$f"
    done
    find . -path '*/CVS/Entries' | while IFS= read -r e; do
      sed -n 's:^/\([^/]*\)/.*:\1:p' "$e" | while IFS= read -r n; do f=${e%CVS/Entries}$n; [ -e "$f" ] || cvs -Q remove "$f"; done
    done
    cvs -Q commit -m new
    find "$CVSROOT/site" -type d -exec chmod 777 {} +
    cvs -Q rtag -b ]] .. tag .. " site\n")
end

local commits = 0
function make.git(date, line)
  commits = commits + 1
  trial.on("webserv[1-2]", ([[cd /tmp/site && { %s
    } && git add -A && export GIT_AUTHOR_DATE='%d +0000' GIT_COMMITTER_DATE='%d +0000' &&
    git -c user.name=rel -c user.email=rel@example.org commit -q --allow-empty -m new && git tag -f Snapshot-%s >&2]])
    :format(line, 976000000 + commits, 976000000 + commits, date))
end

function make.rsync(date, line)
  trial.on("webserv[1-2]", ([[mkdir -p /tmp/area/now && cd /tmp/area/now && touch always && { %s
    } && find . -type f -exec touch -d @976000000 {} + && rm -rf ../Snapshot-%s && cp -a . ../Snapshot-%s]]):format(line, date, date))
end

local function files(host, date)
  return trial.on(host, "cd releases/" .. date .. [[ && find . \( -name CVS -o -name .farmrun \) -prune -o -printf '%m %p %l\n' | sort
    find . \( -name CVS -o -name .farmrun \) -prune -o -type f -print0 | sort -z | xargs -0 cksum]])
end

trial.site {
  ['"git://127.0.0.1:9418/site.git"'] = '"/tmp/site"',
  ['listen = 9418, server = "dev:9418"'] = ("listen = 0, server = %q"):format(trial.server),
  ['"rsync://127.0.0.1:8730/site"'] = '"/tmp/area"',
  ['listen = 8730, server = "dev:873"'] = ("listen = 0, server = %q"):format(trial.server),
}
local function try(source, history)
  local pull = source .. "-pull-snapshot"
  for i, date in ipairs(dates) do
    date = date:gsub("2000", 2000 + history)
    make[source](date, change())
    trial.run(pull, "--hosts", "webserv1", date)
    if i == #dates then
      trial.run(pull, date) -- which compares the two
      local one, two = files("webserv1", date), files("webserv2", date)
      if one ~= two then error(("webserv1:\n%s\nwebserv2:\n%s"):format(one, two), 0) end
      trial.on("webserv1", ("cd releases/%s && f=$(find . \\( -name CVS -o -name .farmrun \\) -prune -o -type f -print | shuf -n1) && %s")
        :format(date, ({ 'chmod o+w "$f"', 'cp -p "$f" t && printf X >>"$f" && touch -r t "$f" && rm t', 'rm "$f"' })[math.random(3)]))
      trial.has(trial.ends(1, "status", "--all", "--check", "--hosts", "webserv1"), "releases/" .. date .. ": ")
    end
  end
end
trial.on("webserv[1-2]", "git init -q /tmp/site")
for history = 1, tonumber(os.getenv "FARMRUN_TREES") or 2 do
  for _, source in ipairs { "cvs", "git", "rsync" } do
    trial.on("webserv[1-2]", "rm -rf releases/20[01][0-9]-1*")
    local ok, err = pcall(try, source, history)
    if not ok then error(("FARMRUN_SEED=%d, %s: %s"):format(seed, source, err.message or tostring(err)), 0) end
  end
end
