-- Names with blanks, quotes and dashes at either end are names like others, of links,
-- directories, files and shared paths.
local trial = require "trial"
trial.writable()
trial.site {
  ['dir  = "releases"'] = [[dir  = "my 're leases"]], ['link = "www"'] = [[link = "-w 'ww "]],
  ["shared = {}"] = [[shared = { "ht docs/-up'lo \"ads/", "-x/ y " }]],
}
local function run(name, ...) return trial.run(name, "--hosts", "webserv1", ...) end
local live = [[cd -- "$PWD/-w 'ww /ht docs" && ]]
trial.on("webserv1", [[mkdir -p shared/-x; echo mine >"shared/-x/ y "]])
trial.commit("", [[mkdir 'ht docs'; echo a >'ht docs/-b  c '; echo k >'ht docs/"q\'; cvs -Q add 'ht docs'
  (cd 'ht docs'; cvs -Q add './-b  c ' '"q\'); cvs -Q commit -m odd; for tag in 2000-10-03 2000-10-10; do cvs -Q rtag -b Snapshot-$tag site; done]])
for _, date in ipairs { "2000-10-03", "2000-10-10" } do
  run("cvs-pull-snapshot", date)
  run("switchrel", date)
end
trial.commit("Snapshot-2000-10-10", [[(cd 'ht docs'; echo new >>'-b  c '; echo k >' z'; echo k >>'"q\'; cvs -Q add ' z')]])
trial.has(run "update", 'webserv1: U ht docs/ z\nwebserv1: U ht docs/"q\\\nwebserv1: U ht docs/-b  c ')
run("status", "--check")
trial.same(trial.on("webserv1", [[cd shared && find . -type f && cat -- '-x/ y ']]), "./-x/ y \nmine")

-- There and back, and a patch.
trial.has(run("rollback", "--settle", "0s"), "webserv1: 2000-10-10 -> 2000-10-03")
trial.same(trial.on("webserv1", [[find . -name '-w*' -printf '%p|']]), "./-w 'ww |")
run("switchrel", "2000-10-10")
run("prune", "--keep", "1")
trial.on("webserv1", live .. "echo by hand >>'./-b  c '")
run("patch", "--id", "odd", "--why", "a try", "take", "webserv1", "ht docs/-b  c ")
run("patch", "revert", "odd")
trial.same(trial.on("webserv1", live .. "tail -n1 './-b  c '"), "new")
run("patch", "apply")
trial.same(trial.on("webserv1", live .. "tail -n1 './-b  c '"), "by hand")
run("status", "--check")
