package scripts_test

import (
	"os"
	"strings"
	"testing"

	"farmrun/testdata/farm"
)

// TestLocalDirector cuts over behind a balancer that has nothing but a telnet
// login, the last two servers together, while visitors look at the site.
func TestLocalDirector(t *testing.T) {
	o := newOperator(t)
	reset(t)
	t.Cleanup(func() { reset(t) })
	double, err := os.ReadFile("testdata/localdirector")
	if err != nil {
		t.Fatal(err)
	}
	farm.Exec(t, "lb1", "sh", "-c", "cat >/tmp/localdirector <<'EOF'\n"+string(double)+"EOF\nchmod 755 /tmp/localdirector")
	farm.Exec(t, "lb1", "sh", "-c", `setsid socat TCP-LISTEN:2323,reuseaddr,fork EXEC:'/tmp/localdirector ldpw' >/dev/null 2>&1 </dev/null & echo $! >/tmp/ld.pid
		until ss -ltnH 'sport = :2323' | grep -q .; do sleep 0.01; done`)
	t.Cleanup(func() { farm.Exec(t, "lb1", "sh", "-c", "kill $(cat /tmp/ld.pid)") })
	site, i := o.read("site.lua"), 0
	if i = strings.Index(site, `local pool = require "balancer.haproxy" {`); i < 0 {
		t.Fatal("the site file has no balancer")
	}
	rest := site[i:][strings.Index(site[i:], "\n}\n")+3:]
	o.write("site.lua", site[:i]+`local pool = require "balancer.localdirector" { address = "lb1 2323", user = "ld1" }`+"\n"+rest)
	o.write("site.lua", strings.Replace(o.read("site.lua"), "\nsite.offline = 1\n", "\nsite.offline = 2\n", 1))

	o.answers["Password for ld1: "] = "wrong"
	got := o.fails(1, nil, "status", "--check", "--changed=false", "--hosts", "webserv1")
	if !strings.Contains(got.out, "webserv1: the password was rejected") {
		t.Errorf("a wrong password for the balancer:\n%s%s", got.out, got.err)
	}
	o.answers["Password for ld1: "] = "ldpw"
	o.ok("cvs-pull-snapshot", "--hosts", few, "2000-09-19")
	o.ok("--dry-run", "cutover", "--hosts", few, "--settle", "0s", "2000-09-19")
	v := visit(t, 50)
	got = o.ok("cutover", "--hosts", few, "--settle", "0s", "2000-09-19")
	if strings.Contains(got.out+got.err, "ldpw") {
		t.Errorf("the password is shown:\n%s%s", got.out, got.err)
	}
	first, _, _ := strings.Cut(got.err, "webserv1: done")
	both, _, _ := strings.Cut(strings.TrimPrefix(got.err, first+"webserv1: done"), ": done")
	if strings.Contains(first, "webserv2: turn") || strings.Count(both, ": turn ") != 2 {
		t.Errorf("the last two were not taken together, after the first:\n%s", got.err)
	}
	v.checkOut(1, 2)
	if on := onAir(t); on["releases/2000-09-19"] != 3 {
		t.Errorf("after the cut-over: %v", on)
	}
}

// TestOtherBalancers tries the four functions of those that are simple.
func TestOtherBalancers(t *testing.T) {
	o := newOperator(t)
	reset(t)
	o.write("try.lua", `local file = require "balancer.file" { path = "in-service.html", notice = "10ms" }
		local none = require "balancer.none" {}
		require("farm").each("webserv1", function(host)
		  for _, pool in ipairs { none, file } do
		    pool.enable(host)
		    pool.check(host)
		    print((pool.state(host)))
		    pool.drain(host)
		    print((pool.state(host)), pcall(pool.check, host))
		  end
		end)`)
	got := o.ok("try.lua").out
	want := "webserv1: UP\nwebserv1: UP\ttrue\nwebserv1: UP\nwebserv1: DOWN\tfalse\tin-service.html is not there: the balancer passes it over\n"
	if got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

// TestHAProxyOverTCP takes a server into maintenance and back, little by
// little, by a socket that is a port.
func TestHAProxyOverTCP(t *testing.T) {
	o := newOperator(t)
	reset(t)
	t.Cleanup(func() {
		farm.Exec(t, "lb1", "sh", "-c", "echo set server web/webserv1 weight 100% | socat - unix:"+farm.AdminSocket)
		reset(t)
	})
	o.write("try.lua", `local farm = require "farm"
		local pool = require "balancer.haproxy" {
		  host = "lb1", socket = "localhost:9999", backend = "web", maintenance = true, weights = { 10, 50 }, every = "10ms",
		}
		farm.each("webserv1", function(host)
		  pool.drain(host)
		  print((pool.state(host)))
		  print(pcall(pool.drain, farm.hosts("webserv2")[1]))
		  pool.enable(host)
		  pool.check(host)
		  print((pool.state(host):match "%a+")) -- without the count of its checks
		end)`)
	got := o.ok("try.lua").out
	want := "webserv1: MAINT\nwebserv1: false\thaproxy on lb1 has drained webserv1 already: an earlier run has left it so, or somebody is at work there\nwebserv1: UP\n"
	if got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
	weight := farm.Exec(t, "lb1", "sh", "-c", "echo get weight web/webserv1 | socat - unix:"+farm.AdminSocket)
	if !strings.HasPrefix(weight, "100 ") {
		t.Errorf("its weight is %s", weight)
	}
	dry := o.ok("--dry-run", "try.lua").err
	for _, line := range []string{"state drain", "state maint", "weight 10%", "state ready"} {
		if !strings.Contains(dry, "would tell localhost:9999: set server web/webserv1 "+line) {
			t.Errorf("a dry run does not show %q:\n%s", line, dry)
		}
	}
}

// TestHAProxyWithoutChecks takes a server that HAProxy does not check out and back.
func TestHAProxyWithoutChecks(t *testing.T) {
	o := newOperator(t)
	reset(t)
	farm.Exec(t, "lb1", "sh", "-c", `cat >/tmp/unchecked.cfg <<'EOF' && haproxy -D -p /tmp/unchecked.pid -f /tmp/unchecked.cfg
global
	stats socket /tmp/unchecked.sock mode 666 level admin
defaults
	timeout connect 1s
	timeout client 1s
	timeout server 1s
backend web
	server webserv1 127.0.0.1:80 weight 100
	server webserv2 127.0.0.1:80 weight 100
EOF`)
	t.Cleanup(func() { farm.Exec(t, "lb1", "sh", "-c", "kill $(cat /tmp/unchecked.pid)") })
	o.write("try.lua", `local farm = require "farm"
		local pool = require "balancer.haproxy" { host = "lb1", socket = "unix:/tmp/unchecked.sock", backend = "web" }
		farm.each("webserv1", function(host)
		  pool.check(host)
		  pool.drain(host)
		  print((pool.state(host)), pcall(pool.check, host))
		  print(pcall(pool.drain, farm.hosts("webserv2")[1]))
		  pool.enable(host)
		  pool.check(host)
		  print((pool.state(host)))
		end)`)
	got := o.ok("try.lua").out
	want := "webserv1: DRAIN\tfalse\thaproxy on lb1 has webserv1 as DRAIN\n" +
		"webserv1: false\thaproxy on lb1 has drained webserv1 already: an earlier run has left it so, or somebody is at work there\n" +
		"webserv1: no check\n"
	if got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

// TestHAProxyAfterASecond asks HAProxy anew when what it said is a second old,
// though the clock was set back meanwhile.
func TestHAProxyAfterASecond(t *testing.T) {
	o := newOperator(t)
	reset(t)
	t.Cleanup(func() { reset(t) })
	o.write("try.lua", `local farm = require "farm"
		local function pool()
		  return require "balancer.haproxy" { host = "lb1", socket = "unix:/run/haproxy/admin.sock", backend = "web" }
		end
		local mine, colleagues = pool(), pool()
		local time, clock = os.time, os.clock
		farm.each("webserv1", function(host)
		  mine.check(host)
		  colleagues.drain(host)
		  os.time = function() return time() - 3600 end
		  os.clock = function() return clock() + 1.1 end
		  print(pcall(mine.check, host))
		end)`)
	if got, want := o.ok("try.lua").out, "webserv1: false\thaproxy on lb1 has webserv1 as DRAIN\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
