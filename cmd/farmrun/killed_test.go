package main

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"farmrun/testdata/need"
)

// TestKilledAtAllPoints: the farmrun of a rollout on two hosts is killed as kill -9 does,
// and the run resumed at once: before and after each command on a host, and before and
// after each entry of the journal. Every other run is killed a second time. The two hosts are never out together, both have their
// turn, and nothing is left on them. FARM_KILLS is how many of the points are tried;
// FARM_KILLS_SEED chooses those of an earlier test.
func TestKilledAtAllPoints(t *testing.T) {
	for _, program := range []string{"/usr/sbin/sshd", "bash", "flock"} {
		need.Program(t, program)
	}
	times, _ := strconv.Atoi(os.Getenv("FARM_KILLS"))
	seed, _ := strconv.ParseUint(os.Getenv("FARM_KILLS_SEED"), 10, 64)
	seed = cmp.Or(seed, rand.Uint64())
	points := append(newKilled(t, true).points(), newKilled(t, false).points()...)
	t.Logf("%d points, FARM_KILLS_SEED=%d", len(points), seed)
	dice := rand.New(rand.NewPCG(seed, 0))
	dice.Shuffle(len(points), func(i, j int) { points[i], points[j] = points[j], points[i] })
	for i, p := range points[:min(cmp.Or(times, 3), len(points))] {
		if i%2 == 0 {
			p.again = 1 + dice.IntN(20)
		}
		t.Run(p.String(), func(t *testing.T) {
			t.Parallel()
			newKilled(t, p.locks).resumedAt(p, func() {})
		})
	}
}

// TestResumedOnAFullDisk: the disk of a host fills up when its turn has begun, which bars
// neither the way forward nor the removal of the fence.
func TestResumedOnAFullDisk(t *testing.T) {
	need.Root(t)
	need.Program(t, "/usr/sbin/sshd")
	k := newKilled(t, false)
	home := filepath.Join(k.dir, "1/h")
	kindShell(t, home, "mount -t tmpfs -o size=256k none . && cd . && touch .bashrc up && mkdir d")
	t.Cleanup(func() { kindShell(t, k.dir, "umount -l 1/h") })
	k.resumedAt(killPoint{command: 8, when: "before"}, func() {
		if _, err := os.Stat(filepath.Join(home, ".farmrun/fence/h1")); err != nil {
			t.Fatalf("it is not killed in the turn of h1: %v", err)
		}
		kindShell(t, home, "cat /dev/zero >up 2>/dev/null || :")
	})
}

const killedSite = `
local farm = require "farm"
farm.site { groups = { web = "h[1-2]" }, LOCK }
local site = {}
function site.healthy(host) host:query "test -e up" end
return site
`

// killedJob restarts two hosts. Each looks at the other while it is out itself: one of two
// that are out together sees it. A command whose farmrun was killed waits for the worst
// moment, when the other is out.
const killedJob = `
local farm, site = require "farm", require "site"
farm.rollout("@web", { settle = "0s", healthy = site.healthy }, function(host)
  host:step("restart", function()
    local other = "../../" .. (host.name == "h1" and 2 or 1) .. "/h/up"
    host:run("for i in $WAITS; do [ -e " .. other .. " ] || break; sleep 0.1; done; " ..
      "rm -f up; for i in 1 2 3; do [ -e " .. other .. " ] || echo >>both; sleep 0.1; done; touch up done")
  end)
  host:step("note", function() host:run "touch note" end)
end)
`

// killedHost is the ForceCommand of a host: it counts the commands, and kills farmrun at
// one of them: before it, late, when others of its successor have run, or when it has
// ended. Its sshd does not know yet that farmrun is gone, as after a cut, so that no
// command ends because nobody hears it.
const killedHost = `cd ../.. || exit
n=$(flock lock sh -c 'cat state/farmrun/runs/*/journal 2>/dev/null | wc -c >>sizes; echo $(($(cat count) + 1)) | tee next; mv next count')
at() { [ "$n $1" = "$(cat at)" ] || return; kill -9 "$(cat pid)"; exec >/dev/null 2>&1; }
! at before || export WAITS="$(seq 100)"
if at late; then
	for i in $(seq 20); do
		[ "$(cat count)" -lt $((n + 5)) ] || break
		sleep 0.1
	done
fi
(cd "$HOME" && exec sh -c "$SSH_ORIGINAL_COMMAND")
status=$?
at after
exit $status
`

// killPoint is a moment of a run: at its command of that number, from 1, or when that
// would have come; before that the last entries of the journal, cut of them, have not
// been written, or of the first only a part.
type killPoint struct {
	locks   bool // the run takes a lock
	command int
	when    string
	cut     int
	again   int // the command of the successor before which that is killed; 0 is none
}

func (p killPoint) String() string {
	text := fmt.Sprintf("%s command %d", p.when, p.command)
	if p.cut > 0 {
		text = fmt.Sprintf("%d entries %s", p.cut, text)
	}
	if !p.locks {
		text = "without lock " + text
	}
	if p.again > 0 {
		text += fmt.Sprintf(" and before command %d", p.again)
	}
	return text
}

// killed is two hosts and an operator.
type killed struct {
	t     *testing.T
	dir   string
	locks bool
}

func newKilled(t *testing.T, locks bool) killed {
	t.Helper()
	k := killed{t, t.TempDir(), locks}
	lock := map[bool]string{true: `lock = { host = "h1", path = "lock" }`}[locks]
	kindDirs(t, k.dir)
	kindLink(t, k.dir)
	var config, known string
	for _, host := range []string{"1", "2"} {
		dir := filepath.Join(k.dir, host)
		kindDirs(t, dir)
		kindFile(t, dir, "h/up", "")
		kindHost(t, dir, filepath.Join(dir, "h"), kindOfHost{force: "sh " + filepath.Join(k.dir, "host")})
		config += strings.Replace(k.read(host+"/home/.ssh/config"), "Host h", "Host h"+host, 1) +
			"\tIdentityFile " + filepath.Join(dir, "home/.ssh/id_ed25519") + "\n"
		known += k.read(host + "/home/.ssh/known_hosts")
	}
	for name, text := range map[string]string{
		"home/.ssh/config": config, "home/.ssh/known_hosts": known, "host": killedHost, "site.lua": strings.Replace(killedSite, "LOCK", lock, 1), "job.lua": killedJob,
		"count": "0\n", "sizes": "", "at": "",
	} {
		kindFile(t, k.dir, name, text)
	}
	return k
}

func (k killed) read(name string) string {
	k.t.Helper()
	text, err := os.ReadFile(filepath.Join(k.dir, name))
	if err != nil {
		k.t.Fatal(err)
	}
	return string(text)
}

// farmrun runs farmrun, whose number is in the file pid.
func (k killed) farmrun(args ...string) (code int, said string) {
	k.t.Helper()
	cmd := kindCommand(k.dir, args...)
	cmd.Path, cmd.Args = "/bin/sh", append([]string{"sh", "-c", `echo $$ >pid; exec "$@"`, "sh"}, cmd.Args...)
	cmd.Env = append(cmd.Env, "XDG_STATE_HOME="+filepath.Join(k.dir, "state"))
	out, err := cmd.CombinedOutput()
	if _, ended := err.(*exec.ExitError); err != nil && !ended {
		k.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// points has a run come to its end, and returns all of its points.
func (k killed) points() (all []killPoint) {
	k.t.Helper()
	if code, said := k.farmrun("job.lua"); code != 0 {
		k.t.Fatalf("exit status %d\n%s", code, said)
	}
	k.check("")
	sizes := strings.Fields(k.read("sizes"))
	for i := range len(sizes) + 1 {
		for cut := range len(k.entriesBefore(i + 1)) {
			all = append(all, killPoint{k.locks, i + 1, "before", cut + 1, 0})
		}
		if i < len(sizes) {
			for _, when := range []string{"before", "late", "after"} {
				all = append(all, killPoint{k.locks, i + 1, when, 0, 0})
			}
		}
	}
	return all
}

// journal returns the path of the last run's journal, "" if there is none.
func (k killed) journal() string {
	paths, _ := filepath.Glob(filepath.Join(k.dir, "state/farmrun/runs/*/journal"))
	if len(paths) == 0 {
		return ""
	}
	return paths[len(paths)-1]
}

// entries returns all of the journal; "" if there is none.
func (k killed) entries() string {
	text, _ := os.ReadFile(k.journal())
	return string(text)
}

// entriesBefore returns where entries of the journal begin, the last one first, that were
// written between the command of that number and the one before.
func (k killed) entriesBefore(command int) (at []int) {
	k.t.Helper()
	sizes := append(strings.Fields(k.read("sizes")), "1000000000")
	from := 0
	if command > 1 {
		from, _ = strconv.Atoi(sizes[command-2])
	}
	to, _ := strconv.Atoi(sizes[command-1])
	offset := 0
	for line := range strings.Lines(k.entries()) {
		if from <= offset && offset < to {
			at = append(at, offset)
		}
		offset += len(line)
	}
	slices.Reverse(at)
	return at
}

// resumedAt kills a run at a point, resumes it when something else has happened, and
// checks its outcome.
func (k killed) resumedAt(p killPoint, meanwhile func()) {
	k.t.Helper()
	kindFile(k.t, k.dir, "at", fmt.Sprintf("%d %s\n", p.command, p.when))
	code, said := k.farmrun("job.lua")
	if entries := k.entriesBefore(p.command); p.cut > 0 && p.cut <= len(entries) {
		torn := entries[p.cut-1] + len(`{"time"`)
		if err := os.Truncate(k.journal(), int64(torn)); err != nil {
			k.t.Fatal(err)
		}
	}
	meanwhile()
	killed := code == -1 || p.cut > 0
	for again := p.again; killed; again = 0 {
		ran, _ := strconv.Atoi(strings.TrimSpace(k.read("count")))
		kindFile(k.t, k.dir, "at", fmt.Sprintf("%d before\n", ran+again))
		var more string
		code, more = k.farmrun(k.goesOn())
		said += "--\n" + more
		killed = code == -1
	}
	if over := strings.Contains(said, "there is no run that was halted or killed"); code != 0 && !over {
		k.t.Errorf("exit status %d", code)
	}
	k.check(said)
}

// goesOn has the operator go on after a kill: where nothing was begun there is nothing
// to resume.
func (k killed) goesOn() string {
	if text := k.entries(); strings.Contains(text, `"lock taken"`) || strings.Contains(text, `"rollout began"`) {
		return "resume"
	}
	return "job.lua"
}

// check fails unless the hosts are as they should be in the end.
func (k killed) check(said string) {
	k.t.Helper()
	for k.running() {
		time.Sleep(10 * time.Millisecond)
	}
	for _, host := range []string{"1/h/", "2/h/"} {
		if got := kindListing(k.t, filepath.Join(k.dir, host)); got != ".bashrc d done note up" {
			k.t.Errorf("host %s has %s", host, got)
		}
	}
	if k.t.Failed() {
		k.t.Logf("%s\n%s", said, k.entries())
	}
}

// running tells whether commands on the hosts have not ended.
func (k killed) running() bool {
	return exec.Command("pgrep", "-f", filepath.Join(k.dir, "host")).Run() == nil
}
