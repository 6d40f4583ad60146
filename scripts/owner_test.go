package scripts_test

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"farmrun/testdata/farm"
)

// ownerSite is a farm of two web servers and a balancer of their own.
const ownerSite = `
local farm, probe = require "farm", require "probe"
farm.site {
  groups = { web = "WEB", lb = "lb1" },
  hosts  = { ["@web"] = { SETTINGS } },
  lock   = { host = "lb1", path = "owner-ADMIN.lock" },
}
local pool = require "balancer.haproxy" { host = "lb1", socket = "localhost:ADMIN", backend = "web" }
local site = { drain = pool.drain, enable = pool.enable }
function site.healthy(host)
  probe.http(host, "http://localhost:8080/", { within = "10s" })
  pool.check(host)
end
return site
`

const ownerJob = `
local expect, farm, site = require "expect", require "farm", require "site"
local function in_session(host)
  local function log(m) host:log(m.text) return expect.continue end
  local s = host:session { timeout = "2m" }
  s:expect "[$] $"
  s:send "/tmp/owner/restart; echo status: $?\n"
  s:expect { { "waits", log }, { "down", log }, { "status: 0", true } }
end
farm.rollout("@web", { healthy = site.healthy, settle = "0s" }, function(host)
  host:step("drain", site.drain)
  host:step("restart", function() WORK end)
  host:step("enable", site.enable)
end)
`

// ownerRestart restarts a web server, which takes 3 s. Where there is a file late, it
// waits for the worst moment, once: it begins when the other server is out.
const ownerRestart = `#!/bin/sh
trap '' HUP
cd /tmp/owner || exit
if [ -e late ]; then
	rm -f late
	echo waits >&2
	while curl -s -o /dev/null "http://$(cat other):8080/"; do sleep 0.1; done
fi
echo down >>log
(echo down >&2) # nobody may hear it any more
pkill -x -f 'busybox httpd -p 8080 -h htdocs'
sleep 3
until busybox httpd -p 8080 -h htdocs; do sleep 0.02; done >/dev/null 2>&1
echo up >>log
`

// ownerShell runs in a login shell before a command or a session: the restart waits,
// once, where there is a file early.
const ownerShell = `does=$BASH_EXECUTION_STRING
case $- in *i*) does=owner/restart ;; esac
case $does in *owner/restart*)
	if mv /tmp/owner/early /tmp/owner/held 2>/dev/null; then
		while curl -s -o /dev/null "http://$(cat /tmp/owner/other):8080/"; do sleep 0.1; done
	fi
esac
`

// ownerLogins are the ways to the servers, and whose the servers are.
var ownerLogins = map[string]struct{ settings, server string }{
	"ssh":    {`user = "web"`, "web"},
	"telnet": {`user = "web", login = "telnet"`, "web"},
	"rlogin": {`user = "web", login = "rlogin"`, "web"},
	"sudo":   {`user = "deploy"`, "root"},
	// web may run that by sudo and nothing else, and so does not end it.
	"sudo with a password": {`user = "web"`, "root"},
}

// TestOwner: farmruns are killed while a server is restarted and resumed at once, on
// two farms side by side for each kind of login. At no time are two servers of a farm
// out, and no visitor is turned away, as an observer sees it that is no part of this
// process. FARM_KILLS=40 kills so often on each farm; FARM_KILLS_SEED kills at the
// moments of an earlier test.
func TestOwner(t *testing.T) {
	farm.Need(t)
	times, _ := strconv.Atoi(os.Getenv("FARM_KILLS"))
	seed, _ := strconv.ParseUint(os.Getenv("FARM_KILLS_SEED"), 10, 64)
	seed = cmp.Or(seed, rand.Uint64())
	t.Logf("FARM_KILLS_SEED=%d", seed)
	farms := 0
	for _, login := range []string{"ssh", "ssh", "telnet", "telnet", "rlogin", "rlogin", "sudo with a password", "sudo"} {
		farms++
		o := newOwned(t, login, farms)
		t.Run(fmt.Sprintf("%s %d", login, farms), func(t *testing.T) {
			t.Parallel()
			o := o.in(t)
			dice := rand.New(rand.NewPCG(seed, uint64(o.number)))
			finish := o.observe()
			for i := range cmp.Or(times, 2) {
				o.killAndResume(i, dice)
			}
			finish()
		})
	}
}

// owned is a farm of two servers, and its operator.
type owned struct {
	*operator
	login  string
	number int
	hosts  [2]string
}

func (o *owned) in(t *testing.T) *owned {
	in := *o
	in.operator = o.operator.in(t)
	return &in
}

// The ports of the balancer of a farm on lb1.
func (o *owned) front() string { return strconv.Itoa(8100 + o.number) }
func (o *owned) admin() string { return strconv.Itoa(8200 + o.number) }

// newOwned makes the farm of that number, from 1.
func newOwned(t *testing.T, login string, number int) *owned {
	t.Helper()
	o := &owned{operator: newOperator(t), login: login, number: number}
	o.hosts = [2]string{fmt.Sprintf("webserv%d", 2*number-1), fmt.Sprintf("webserv%d", 2*number)}
	how := ownerLogins[login]
	site := strings.NewReplacer("WEB", strings.Join(o.hosts[:], ","), "SETTINGS", how.settings, "ADMIN", o.admin())
	o.write("site.lua", site.Replace(ownerSite))
	for i, h := range o.hosts {
		farm.Exec(t, h, "sh", "-c", `rm -rf /tmp/owner; mkdir -m 777 /tmp/owner; cd /tmp/owner; mkdir htdocs
			echo "$1" >restart; chmod 755 restart; echo "$2" >other; echo page >htdocs/index.html
			echo 'web ALL = (root) /tmp/owner/restart' >>/etc/sudoers
			echo "$4" | tee /home/web/.bashrc /home/web/.bash_profile >/home/deploy/.bashrc
			exec su -s /bin/sh -c 'busybox httpd -p 8080 -h htdocs' "$3"`, "sh", ownerRestart, o.hosts[1-i], how.server, ownerShell)
		t.Cleanup(func() {
			farm.Exec(t, h, "sh", "-c", `pkill -f '[h]ttpd -p 8080'; sed -i /owner/d /etc/sudoers; rm -r /tmp/owner /home/*/.bash[r_]*`)
		})
	}
	o.balance()
	return o
}

// balance starts the farm's balancer.
func (o *owned) balance() {
	o.t.Helper()
	config := fmt.Sprintf(`global
	stats socket ipv4@0.0.0.0:%s level admin
	stats timeout 1h
defaults
	mode http
	timeout connect 10s
	timeout client 30s
	timeout server 30s
	timeout check 10s
frontend site
	bind :%s
	default_backend web
backend web
	option httpchk GET /index.html
`, o.admin(), o.front())
	for _, h := range o.hosts {
		config += "	server " + h + " " + h + ":8080 check inter 2s fastinter 200ms downinter 200ms fall 3 rise 1\n"
	}
	name := "/run/owner-" + o.admin()
	farm.Exec(o.t, "lb1", "sh", "-c", `echo "$2" >$1.cfg; exec haproxy -D -p $1.pid -f $1.cfg`, "sh", name, config)
	o.t.Cleanup(func() { farm.Exec(o.t, "lb1", "sh", "-c", `kill $(cat $1.pid); rm $1.*`, "sh", name) })
}

// killAndResume kills the farmrun of a rollout at a moment of the i-th kind, and resumes
// it at once.
func (o *owned) killAndResume(i int, dice *rand.Rand) {
	o.t.Helper()
	for _, h := range o.hosts {
		farm.Exec(o.t, h, "sh", "-c", ": >/tmp/owner/log; chmod 666 /tmp/owner/log")
	}
	first, sudo := o.hosts[0], strings.HasPrefix(o.login, "sudo")
	work := `host:run "/tmp/owner/restart"`
	switch {
	case sudo:
		work = `host:sudo { "/tmp/owner/restart" }`
	case (i+o.number)%2 == 0:
		work = `in_session(host)`
	}
	o.write("job.lua", strings.Replace(ownerJob, "WORK", work, 1))
	switch i % 3 {
	case 0:
		if o.login == "sudo" && i%2 == 0 || o.login == "ssh" && dice.IntN(2) == 0 {
			o.goOnElsewhere(first)
		} else {
			o.killLate(first)
		}
		if log := farm.Exec(o.t, first, "cat", "/tmp/owner/log"); log != "down\nup\n" {
			o.t.Errorf("%s went down and up so often:\n%s", first, log)
		}
	case 1: // while its server is out, or a moment later
		o.resume(o.runKilled(first+": down\n", time.Duration(dice.IntN(3500))*time.Millisecond, "job.lua"))
	default:
		at := o.hosts[dice.IntN(2)] + ": " + []string{"drain", "restart", "enable"}[dice.IntN(3)] + "\n"
		o.resume(o.runKilled(at, time.Duration(dice.IntN(1000))*time.Millisecond, "job.lua"))
	}
	if log := farm.Exec(o.t, o.hosts[1], "cat", "/tmp/owner/log"); i%3 == 0 && log != "down\nup\n" {
		o.t.Errorf("%s went down and up so often:\n%s", o.hosts[1], log)
	}
	for _, h := range o.hosts {
		if left := farm.Exec(o.t, h, "sh", "-c", "pgrep -fa '[o]wner/restart' || :"); left != "" {
			o.t.Errorf("%s: still running: %s", h, left)
		}
		if left := farm.Exec(o.t, h, "sh", "-c", "ls -d /home/*/.farmrun 2>/dev/null || :"); left != "" {
			o.t.Errorf("%s: left behind: %s", h, left)
		}
	}
}

// killLate kills a farmrun whose command waits for the worst moment.
func (o *owned) killLate(host string) {
	o.t.Helper()
	farm.Exec(o.t, host, "touch", "/tmp/owner/late")
	kill := reaction{host + ": waits", func(_ io.Writer, p *os.Process) { p.Kill() }}
	if got := o.runWhen([]reaction{kill}, "job.lua"); got.code != -1 {
		o.t.Fatalf("it was not killed: %d\n%s%s", got.code, got.out, got.err)
	}
	if o.login == "sudo with a password" {
		o.fails(3, []string{host + ": a command of the run still runs there and may not be ended: ", "/tmp/owner/restart (root)"}, "resume")
		farm.Exec(o.t, host, "pkill", "-f", "[o]wner/restart")
	}
	if got := o.ok("resume"); !strings.Contains(got.err, host+": the last command of step restart: process ") {
		o.t.Errorf("resume does not say how the step ended:\n%s", got.err)
	}
}

// goOnElsewhere has a farmrun stand still when its command is on its way to the host, which
// arrives at the worst moment: the run was resumed by then, from a copy of its journal.
func (o *owned) goOnElsewhere(host string) {
	o.t.Helper()
	farm.Exec(o.t, host, "touch", "/tmp/owner/early")
	there := *o.operator
	there.dir = o.t.TempDir()
	var resumed outcome
	stop := reaction{host + ": restart\n", func(_ io.Writer, p *os.Process) {
		farm.Exec(o.t, host, "sh", "-c", `cd /tmp/owner
			timeout 600 sh -c 'until [ -e held ] || [ -s log ]; do sleep 0.02; done'; rm -f held`)
		p.Signal(syscall.SIGSTOP)
		os.CopyFS(there.state(), os.DirFS(o.state()))
		resumed = there.run("resume")
		p.Signal(syscall.SIGCONT)
	}}
	if got := o.runWhen([]reaction{stop}, "job.lua"); got.code != 3 || !strings.Contains(got.err, host+": its fence is gone") {
		o.t.Errorf("the former owner: exit status %d\n%s%s", got.code, got.out, got.err)
	}
	if resumed.code != 0 || !strings.Contains(resumed.err, host+": no command of step restart has begun") {
		o.t.Errorf("resume: exit status %d\n%s%s", resumed.code, resumed.out, resumed.err)
	}
}

// resume goes on with a run unless that has come to its end.
func (o *owned) resume(was outcome) {
	o.t.Helper()
	switch was.code {
	case 0:
		return
	case -1:
		was = o.run("resume")
	}
	if was.code != 0 && !strings.Contains(was.err, "there is no run that was halted or killed") { // it was killed after the last turn
		o.t.Fatalf("exit status %d\n%s%s", was.code, was.out, was.err)
	}
}

// ownedEnv has the numbers of a farm for the process of its observer.
const ownedEnv = "FARM_OBSERVE"

// observe has a process of its own visit the farm until finish is called, which fails
// the test if that has seen two servers out, or a request that failed.
func (o *owned) observe() (finish func()) {
	o.t.Helper()
	c := exec.Command(os.Args[0], "-test.run=^TestObserver$", "-test.v")
	c.Env = append(os.Environ(), ownedEnv+"="+strings.Join([]string{o.front(), o.admin(), o.hosts[0], o.hosts[1]}, " "))
	leash, err := c.StdinPipe()
	var said strings.Builder
	c.Stdout, c.Stderr = &said, &said
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() { c.Process.Kill() })
	return func() {
		leash.Close()
		if err := c.Wait(); err != nil {
			o.t.Errorf("the observer: %v", err)
		}
		o.t.Log(said.String())
	}
}

// TestObserver is what TestOwner runs in a process of its own; by itself it has
// nothing to look at.
func TestObserver(t *testing.T) {
	is := strings.Fields(os.Getenv(ownedEnv))
	if len(is) < 3 {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	v := &visitor{t: t, cancel: cancel}
	v.busy.Go(func() { v.ask(ctx, "http://lb1:"+is[0]+"/", time.Second/20) })
	v.busy.Go(func() { v.readPool(ctx, "lb1:"+is[1], is[2:]) })
	down := &visitor{t: t, cancel: cancel}
	down.busy.Go(func() { down.knock(ctx, is[2:]) })
	io.Copy(io.Discard, os.Stdin)
	v.check()
	down.stop()
	t.Logf("%d knocks, most down at once %d", down.looks, down.mostOut)
	if down.looks == 0 || down.mostOut != 1 {
		t.Errorf("most servers down at once: %d (%v), want 1", down.mostOut, down.out)
	}
}

// readPool asks a balancer again and again which of the servers are out of its pool.
func (v *visitor) readPool(ctx context.Context, admin string, hosts []string) {
	for ; ctx.Err() == nil; time.Sleep(30 * time.Millisecond) {
		c, err := net.Dial("tcp", admin)
		if err != nil {
			v.t.Error(err)
			return
		}
		c.SetDeadline(time.Now().Add(time.Minute))
		io.WriteString(c, "show stat\n")
		stat, err := io.ReadAll(c)
		c.Close()
		var off []string
		for _, h := range hosts {
			_, row, found := strings.Cut(string(stat), "web,"+h+",")
			if fields := strings.Split(row, ","); err != nil || !found || len(fields) < 16 {
				v.t.Errorf("the pool reads %q, %v", stat, err)
			} else if !strings.HasPrefix(fields[15], "UP") {
				off = append(off, h+" "+fields[15])
			}
		}
		v.look(off)
	}
}

// knock asks the servers themselves, again and again. They are down together if the first
// one is down before the second one is and after that, too.
func (v *visitor) knock(ctx context.Context, hosts []string) {
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	down := func(i int) bool { return get(client, "http://"+hosts[i]+":8080/") != nil }
	for ; ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
		before, second, after := down(0), down(1), down(0)
		switch {
		case before && second && after:
			v.look(hosts)
		case before || second || after:
			v.look(hosts[:1])
		default:
			v.look(nil)
		}
	}
}
