package scripts_test

import (
	"strings"
	"testing"

	"farmrun/testdata/farm"
)

// few are the servers of the tests that need no more.
const few = "webserv[1-3]"

// TestRefusals are things that are wrong with the world or with what was asked:
// each has a clear error, and nothing is changed anywhere.
func TestRefusals(t *testing.T) {
	o := newOperator(t)
	reset(t)
	t.Cleanup(func() { reset(t) })
	o.write("wrong.lua", "local x = = 1\n")
	o.write("misspelt.lua", `require("farm").hosts("web1")[1]:run("true", { timout = "1s" })`)
	o.ok("cvs-pull-snapshot", "--hosts", few, "2000-09-19")

	cutover := []string{"cutover", "--hosts", few, "--settle", "0s", "2000-09-19"}
	for _, test := range []struct {
		name string
		host string   // where the world is wrong
		make []string // how: a fault of the farm, or "sh", a command, and one that takes it back
		args []string
		code int
		says []string
	}{
		{"no such script", "", nil, []string{"cutovr", "2000-09-19"}, 2, []string{`did you mean "cutover"?`}},
		{"syntax error", "", nil, []string{"wrong.lua"}, 2, []string{"wrong.lua:1"}},
		{"misspelt option in Lua", "", nil, []string{"--site", "/dev/null", "misspelt.lua"}, 2, []string{`did you mean "timeout"?`, "misspelt.lua:1"}},
		{"misspelt option of a script", "", nil, []string{"cutover", "--host", few, "2000-09-19"}, 2, []string{`did you mean "--hosts"?`}},
		{"unknown host", "", nil, []string{"cutover", "--hosts", "webserv99", "2000-09-19"}, 2, []string{`"webserv99"`}},
		{"unknown group", "", nil, []string{"cutover", "--hosts", "@wbe", "2000-09-19"}, 2, []string{`did you mean "web"?`}},
		{"empty set", "", nil, []string{"cutover", "--hosts", "webserv1!webserv1", "2000-09-19"}, 2, []string{"no host is in the set"}},
		{"no date", "", nil, []string{"cutover", "2000-02-30"}, 2, []string{"February 2000 has 29 days"}},
		{"no tag", "", nil, []string{"cvs-pull-snapshot", "--hosts", few, "2000-09-18"}, 1, []string{"Snapshot-2000-09-18", "webserv1"}},
		{"release not pulled", "", nil, []string{"cutover", "--hosts", few, "2000-09-26"}, 1, []string{"releases/2000-09-26", few, "hint: pull it first: farmrun cutover --pull"}},
		{"release half-pulled", "webserv2", []string{"sh", "cd /home/web/releases/2000-09-19/CVS && mv farmrun-release away", "cd /home/web/releases/2000-09-19/CVS && mv away farmrun-release"},
			cutover, 1, []string{"webserv2", "the release is not complete"}},
		{"link is a directory", "webserv2", []string{"sh", "cd /home/web && mv www away && cp -r releases/initial www", "cd /home/web && rm -r www && mv away www"},
			cutover, 1, []string{"webserv2", "is not a symbolic link"}},
		{"sick host", "webserv3", []string{"kill-httpd"}, cutover, 1, []string{"webserv3", "GET http://localhost/", "--allow-sick"}},
		{"full disk", "webserv2", []string{"fill"}, cutover, 1, []string{"webserv2", "MB free"}},
		{"sudo would not restart", "webserv2", []string{"sh", "sed -i s:init.d/httpd:init.d/other: /etc/sudoers", "sed -i s:init.d/other:init.d/httpd: /etc/sudoers"},
			cutover, 1, []string{"webserv2", "the user may not run this by sudo"}},
		{"balancer does not answer", "lb1", []string{"sh", "mv /run/haproxy/admin.sock /run/haproxy/away", "mv /run/haproxy/away /run/haproxy/admin.sock"},
			cutover, 1, []string{few, "lb1", "admin.sock"}},
		{"port taken", "webserv2", []string{"stranger", "2401"}, []string{"cvs-pull-snapshot", "--hosts", few, "2000-09-26"}, 1, []string{"webserv2", "2401", "taken", "stranger"}},
		{"CVS server does not answer", "dev", []string{"blackhole"}, []string{"cvs-pull-snapshot", "--hosts", few, "2000-09-26"}, 1, []string{"dev:2401"}},
		{"host is off", "webserv3", []string{"unplug"}, cutover, 1, []string{"webserv3"}},
		{"host is silent", "webserv3", []string{"mute-ssh"}, cutover, 1, []string{"webserv3"}},
		{"host key has changed", "webserv3", []string{"new-host-key"}, cutover, 1, []string{"webserv3", "key"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := o.in(t)
			if test.host != "" {
				spoil(t, test.host, test.make)
			}
			got := o.fails(test.code, test.says, append([]string{"-o", "ConnectTimeout=3"}, test.args...)...)
			if !strings.Contains(got.err, "farmrun: error: ") {
				t.Errorf("no error line:\n%s", got.err)
			}
			t.Log(got.err)
			if on := onAir(t); on["releases/initial"]+on["a directory"] != servers {
				t.Errorf("something was switched: %v", on)
			}
		})
	}
}

// spoil makes something wrong with a host, and right again when the test ends.
func spoil(t *testing.T, host string, how []string) {
	t.Helper()
	if how[0] != "sh" {
		farm.Fault(t, how[0], host, how[1:]...)
		return
	}
	t.Cleanup(func() { farm.Exec(t, host, "sh", "-c", how[2]) })
	farm.Exec(t, host, "sh", "-c", how[1])
}

// TestOutput is output that is none of the usual kind.
func TestOutput(t *testing.T) {
	o := newOperator(t)
	if got := o.ok("-c", `printf 'caf\351\n'`, "webserv1"); got.out != "webserv1: caf\xe9\n" {
		t.Errorf("bytes that are no UTF-8: got %q", got.out)
	}
	got := o.fails(1, []string{"did not end within 3s"}, "-t", "3s", "-c", "yes", "webserv1")
	if !strings.HasPrefix(got.out, "webserv1: y\n") {
		t.Errorf("output without end: %.40q", got.out)
	}
	if left := farm.Exec(t, "webserv1", "sh", "-c", "pgrep -x yes || true"); left != "" {
		t.Errorf("yes still runs: %s", left)
	}
}

// TestUpdate brings all working copies up to date, and changes none when one
// of them would have a conflict.
func TestUpdate(t *testing.T) {
	o := newOperator(t)
	reset(t)
	t.Cleanup(func() { reset(t) })
	o.ok("cvs-pull-snapshot", "--hosts", few, "2000-09-19")
	o.ok("switchrel", "--hosts", few, "2000-09-19")
	for _, h := range []string{"webserv1", "webserv2", "webserv3"} {
		farm.Exec(t, h, "sh", "-c", "echo '<!-- by hand -->' >>/home/web/www/htdocs/index.html; rm /home/web/www/htdocs/p1.html || true")
	}
	got := o.ok("status", "--hosts", few)
	if !strings.Contains(got.out, "webserv[1-3]: releases/2000-09-19: changed htdocs/index.html") {
		t.Errorf("status does not show what was changed:\n%s", got.out)
	}
	t.Log(got.out)
	o.ok("update", "--hosts", few)
}

// TestEverywhere is one command on all servers, by -c and as cvsmass had it.
func TestEverywhere(t *testing.T) {
	o := newOperator(t)
	reset(t)
	t.Cleanup(func() { reset(t) })
	o.ok("cvs-pull-snapshot", "2000-09-19")
	o.ok("switchrel", "2000-09-19")
	tunnel := farm.Config("tunnel") // whose RemoteForward leads to the CVS server
	for _, h := range farm.WebServers() {
		farm.Exec(t, h, "rm", "/home/web/www/htdocs/index.html")
	}
	got := o.ok("-F", tunnel, "-d", "www", "-c", "cvs -q up", "webserv[1-20]")
	if n := strings.Count(got.out, ": U htdocs/index.html\n"); n != servers {
		t.Errorf("-c updated %d of %d servers:\n%s%s", n, servers, got.out, got.err)
	}
	for _, h := range farm.WebServers() {
		farm.Exec(t, h, "rm", "/home/web/www/htdocs/index.html")
	}
	args := append([]string{"-F", tunnel, "cvsmass", "-dir", "www", "-program", "cvs -q up"}, farm.WebServers()...)
	got = o.ok(args...)
	if n := strings.Count(got.out, ": U htdocs/index.html\n"); n != servers {
		t.Errorf("cvsmass updated %d of %d servers:\n%s%s", n, servers, got.out, got.err)
	}
}

// TestPatch patches all servers, or none if the patch does not fit one.
func TestPatch(t *testing.T) {
	o := newOperator(t)
	reset(t)
	t.Cleanup(func() { reset(t) })
	o.ok("cvs-pull-snapshot", "--hosts", few, "2000-09-19")
	o.ok("switchrel", "--hosts", few, "2000-09-19")
	const page = "/home/web/www/htdocs/docs/page1.html"
	text := func(host string) string { return farm.Exec(t, host, "cat", page) }
	was := text("webserv1")
	o.write("two.patch", "--- htdocs/docs/page1.html\n+++ htdocs/docs/page1.html\n@@ -1 +1,2 @@\n "+was+"+<p>zwei\n")
	o.ok("patch", "add", "--why", "it is wanted", "--for", few, "two.patch")
	o.fails(1, []string{"has a patch two already"}, "patch", "add", "--why", "again", "two.patch")

	farm.Exec(t, "webserv2", "su", "web", "-c", "echo other >"+page)
	o.fails(1, []string{"webserv2", "two: the patch does not fit: hunk 1 of htdocs/docs/page1.html"}, "patch", "apply", "two")
	if got := text("webserv1"); got != was {
		t.Errorf("webserv1 was patched although webserv2 could not be: %q", got)
	}
	farm.Exec(t, "webserv2", "su", "web", "-c", "echo '"+strings.TrimSpace(was)+"' >"+page)
	o.ok("--dry-run", "patch", "apply", "two")
	if got := text("webserv1"); got != was {
		t.Errorf("a dry run has patched: %q", got)
	}
	o.ok("patch", "apply", "two")
	for _, h := range []string{"webserv1", "webserv2", "webserv3"} {
		if got := text(h); got != was+"<p>zwei\n" {
			t.Errorf("%s: %q", h, got)
		}
	}
	if got := o.ok("patch", "list").out; !strings.Contains(got, "releases/2000-09-19: "+few) {
		t.Errorf("the list does not say who carries it:\n%s", got)
	}
	o.ok("patch", "revert", "two")
	for _, h := range []string{"webserv1", "webserv2", "webserv3"} {
		if got := text(h) + farm.Exec(t, h, "sh", "-c", "ls -A /home/web/www/htdocs/docs | grep -e orig -e farmrun || true"); got != was {
			t.Errorf("%s: %q", h, got)
		}
	}
	got := o.fails(1, []string{"webserv[1-3]", "lacks patch two"}, "cutover", "--hosts", few, "--settle", "0s", "2000-09-19")
	if strings.Contains(got.err, "turn 1 of") {
		t.Errorf("a cut-over to a release without its patch began:\n%s", got.err)
	}
}
