-- A password is changed by dialogue, until a server refuses it.
local farm  = require "farm"
local trial = require "trial"
trial.on("webserv[1-2]", [[cat >change <<'X'
printf 'New password: '; read -r new; echo
printf 'Retype new password: '; read -r again; echo
[ "$new" = "$again" ] && [ "$new" != bad ] || { echo "password unchanged"; exit 1; }
echo "$new" >password
echo "password updated successfully"
X
]])

-- A dry run needs no new password. Who farmrun is there is the tester.
local dry = trial.dry("passmass", "-program", "sh change", "webserv[1-2]")
trial.has(dry, "webserv1: would change the password of ")
trial.has(dry, "webserv2: would change the password of ")

-- What becomes of the new password, which is typed twice.
local function change(new)
  local s = farm.here():session { timeout = "20s" }
  local words = trial.words("passmass", "-program", "'sh change'", "'webserv[1-2]'")
  s:send(table.concat(words, " ") .. "; echo the end\n")
  s:expect "New password: "
  s:send(new .. "\n")
  s:expect "Once more: "
  s:send(new .. "\n")
  local said
  s:expect { { "\nthe end", function(m) said = m.before end } }
  return trial.sort(said:gsub("\r", ""):match "webserv1: .*")
end

trial.same(change "n3w", "webserv1: changed\nwebserv2: changed")
trial.same(trial.on("webserv[1-2]", "cat password"), "n3w\nn3w")
trial.has(change "bad", "webserv1: refused: password unchanged\nwebserv2: not tried")
trial.same(trial.on("webserv[1-2]", "cat password"), "n3w\nn3w")

-- A server that asks for the password of somebody else gets none.
trial.on("webserv[1-2]", [[cat >change <<'X'
printf "alice's new password: "; read -r new && echo "$new" >password
X
]])
trial.has(change "stolen", "webserv1: refused: it asks for the password of alice, not of ")
trial.same(trial.on("webserv[1-2]", "cat password"), "n3w\nn3w")

trial.has(trial.ends(2, "passmass"), "HOSTS is missing")
