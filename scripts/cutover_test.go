package scripts_test

import (
	"io"
	"os"
	"strings"
	"testing"

	"farmrun/testdata/farm"
)

// TestCutover is the night of a release: pull, cut over and go back, while
// visitors look at the site.
func TestCutover(t *testing.T) {
	o := newOperator(t)
	reset(t)
	t.Cleanup(func() { reset(t) })

	o.ok("cvs-pull-snapshot", "2000-09-19")
	if got := onAir(t); got["releases/initial"] != servers {
		t.Errorf("a pull has changed what is on the air: %v", got)
	}
	status := o.ok("status", "--changed=false").out
	if !strings.Contains(status, "webserv[1-20]") || !strings.Contains(status, "2000-09-19") {
		t.Errorf("status:\n%s", status)
	}

	v := visit(t, 50)
	o.ok("cutover", "--settle", "0s", "2000-09-19")
	if got := onAir(t); got["releases/2000-09-19"] != servers {
		t.Errorf("after the cut-over: %v", got)
	}
	if page := farm.Exec(t, "webserv7", "curl", "-s", "http://localhost/"); !strings.Contains(page, "2000-09-19") {
		t.Errorf("webserv7 shows:\n%s", page)
	}
	o.ok("rollback", "--settle", "0s")
	if got := onAir(t); got["releases/initial"] != servers {
		t.Errorf("after the rollback: %v", got)
	}
	v.check()
}

// TestCutoverTogether takes up to four servers off the air at once, the first by
// itself, is killed when several are in the middle, and goes on.
func TestCutoverTogether(t *testing.T) {
	o := newOperator(t)
	reset(t)
	t.Cleanup(func() { reset(t) })
	o.write("site.lua", strings.Replace(o.read("site.lua"), "\nsite.offline = 1\n", "\nsite.offline = \"20%\"\n", 1))
	o.ok("cvs-pull-snapshot", "2000-09-19")

	v := visit(t, 50)
	cutover := []string{"cutover", "--settle", "0s", "--batches", "1,4", "2000-09-19"}
	got := o.runKilled("webserv8: restart\n", 0, cutover...)
	if first := strings.Index(got.err, "webserv1: done"); got.code != -1 || first < 0 || first > strings.Index(got.err, "webserv2: turn") {
		t.Errorf("webserv1 was not the first by itself, or farmrun was not killed: exit status %d\n%s", got.code, got.err)
	}
	o.ok("resume")
	if on := onAir(t); on["releases/2000-09-19"] != servers {
		t.Errorf("after the cut-over: %v", on)
	}
	got = o.ok("rollback", "--settle", "0s")
	early, _, _ := strings.Cut(got.err, "turn 6 of")
	if n := strings.Count(early, ": done in"); n != 5 {
		t.Errorf("the second batch of four began when %d servers were done:\n%s", n, got.err)
	}
	if on := onAir(t); on["releases/initial"] != servers {
		t.Errorf("after the rollback: %v", on)
	}
	v.checkOut(2, 4)
	locked(t, "")
}

// TestCutoverStops is a cut-over on which the third server does not come up.
func TestCutoverStops(t *testing.T) {
	o := newOperator(t)
	reset(t)
	t.Cleanup(func() { reset(t) })
	o.ok("cvs-pull-snapshot", "2000-09-19")
	farm.Exec(t, "webserv3", "rm", "/home/web/releases/2000-09-19/htdocs/index.html")

	v := visit(t, 50)
	got := o.fails(3, []string{"webserv3: failed: check health", "2 done", "17 not touched"}, "cutover", "--settle", "0s", "2000-09-19")
	if on := onAir(t); on["releases/2000-09-19"] != 3 || on["releases/initial"] != servers-3 {
		t.Errorf("after the halt: %v", on)
	}
	v.check()
	t.Log(got.err)
	if strings.Contains(got.err, "webserv3: healthy") {
		t.Error("it says of a server that answers 404 that it is healthy")
	}

	o.ok("rollback", "--settle", "0s", "2000-09-19")
	if on := onAir(t); on["releases/initial"] != servers {
		t.Errorf("after the rollback: %v", on)
	}
}

// TestCutoverUndo is a turn that fails and cannot be undone, since the web server does
// not come up: its switch is taken back, and no visitor is sent to it.
func TestCutoverUndo(t *testing.T) {
	o := newOperator(t)
	reset(t)
	t.Cleanup(func() { reset(t) })
	o.ok("cvs-pull-snapshot", "--hosts", few, "2000-09-19")
	t.Cleanup(func() {
		farm.Exec(t, "webserv2", "sh", "-c", "mv /etc/init.d/away /etc/init.d/httpd && /etc/init.d/httpd restart")
	})
	farm.Exec(t, "webserv2", "sh", "-c", `mv /etc/init.d/httpd /etc/init.d/away && cat >/etc/init.d/httpd <<'EOF' && chmod 755 /etc/init.d/httpd
#!/bin/sh
/etc/init.d/away stop
echo cannot bind
exit 1
EOF`)
	got := o.fails(3, []string{"webserv2: failed: restart", "cannot bind", "could not be put back: undo"},
		"cutover", "--undo", "--hosts", "webserv2", "--settle", "0s", "2000-09-19")
	t.Log(got.err)
	if reads := strings.TrimSpace(farm.Exec(t, "webserv2", "readlink", "/home/web/www")); reads != "releases/initial" {
		t.Errorf("its link reads %s", reads)
	}
	// The fourth column names a server, the seventh is its administrative state.
	state := farm.Exec(t, "lb1", "sh", "-c", "echo show servers state web | socat - unix:"+farm.AdminSocket+` | awk '$4 == "webserv2" { print $7 }'`)
	if strings.TrimSpace(state) != "8" { // drained
		t.Errorf("HAProxy has it in the administrative state %s", state)
	}
}

// TestPruneGoesOn has releases that cannot be removed as a whole, since an application
// has written into one: the others go, and it says so at the end.
func TestPruneGoesOn(t *testing.T) {
	o := newOperator(t)
	reset(t)
	t.Cleanup(func() { reset(t) })
	for _, date := range []string{"2000-09-12", "2000-09-19", "2000-09-26"} {
		o.ok("cvs-pull-snapshot", "--hosts", "webserv1", date)
	}
	o.ok("switchrel", "--hosts", "webserv1", "2000-09-26")
	farm.Exec(t, "webserv1", "sh", "-c", "cd /home/web/releases && mkdir 2000-09-19/cache && touch 2000-09-19/cache/x && mkdir .farmrun-gone.1 && touch .farmrun-gone.1/x")
	for range 2 {
		o.fails(1, []string{"could not remove all: ", ".farmrun-gone.1/x': Permission denied", "releases/2000-09-19: somebody else has a directory in it: cache"},
			"prune", "--hosts", "webserv1", "--keep", "1", "--changed")
		if got := farm.Exec(t, "webserv1", "sh", "-c", "cd /home/web/releases; echo $(ls -A; ls 2000-09-19/htdocs/index.html)"); got !=
			".farmrun-gone.1 2000-09-19 2000-09-26 initial 2000-09-19/htdocs/index.html\n" {
			t.Errorf("there is left: %s", got)
		}
	}
}

// TestCutoverGoesOn begins with a server that an earlier run has left drained:
// no other one leaves the air before that is back.
func TestCutoverGoesOn(t *testing.T) {
	o := newOperator(t)
	reset(t)
	t.Cleanup(func() { reset(t) })
	o.ok("cvs-pull-snapshot", "--hosts", few, "2000-09-19")
	drain := func(host string) {
		farm.Exec(t, "lb1", "sh", "-c", "echo set server web/"+host+" state drain | socat - unix:"+farm.AdminSocket)
	}
	drain("webserv3")
	v := visit(t, 50)
	got := o.ok("cutover", "--hosts", few, "--settle", "0s", "2000-09-19")
	if !strings.Contains(got.err, "webserv3: turn 1 of 3") {
		t.Errorf("the server that is off the air was not the first:\n%s", got.err)
	}
	v.check()

	drain("webserv2")
	drain("webserv3")
	got = o.fails(1, []string{"webserv[2-3]", "DRAIN"}, "cutover", "--hosts", few, "--settle", "0s", "2000-09-19")
	if strings.Contains(got.err, "turn 1 of") {
		t.Errorf("a turn began with two servers off the air:\n%s", got.err)
	}
	o.fails(3, []string{"drain", "webserv[2-3]"}, "cutover", "--hosts", "webserv1", "--settle", "0s", "2000-09-19")
	o.ok("rollback", "--hosts", "webserv[2-3]", "--settle", "0s", "2000-09-12") // which they are not on
	if on := onAir(t); on["releases/2000-09-19"] != 3 {
		t.Errorf("a rollback of another release has switched: %v", on)
	}
	o.ok("cutover", "--hosts", few, "--settle", "0s", "2000-09-19")
}

// TestInterrupt presses ^C twice in the middle of the second server's turn: that
// goes on to its end, and no further one begins. The run can be resumed.
func TestInterrupt(t *testing.T) {
	o := newOperator(t)
	reset(t)
	t.Cleanup(func() { reset(t) })
	o.ok("cvs-pull-snapshot", "2000-09-19")
	v := visit(t, 50)
	got := o.runUntil("webserv2: restart", "cutover", "--settle", "0s", "2000-09-19")
	if got.code != 130 {
		t.Errorf("exit status %d, want 130", got.code)
	}
	if !strings.Contains(got.err, "webserv2: done") || strings.Contains(got.err, "webserv3: turn") {
		t.Errorf("after ^C:\n%s", got.err)
	}
	if on := onAir(t); on["releases/2000-09-19"] != 2 || on["releases/initial"] != servers-2 {
		t.Errorf("after ^C: %v", on)
	}
	if !strings.Contains(got.err, "farmrun: webserv2: for") {
		t.Errorf("^C does not tell where the servers stand:\n%s", got.err)
	}
	o.ok("resume")
	if on := onAir(t); on["releases/2000-09-19"] != servers {
		t.Errorf("after going on: %v", on)
	}
	v.check()
	locked(t, "")
}

// TestRollbackToDifferentReleases takes servers back each to its own former
// release, and leaves alone those that are on another one.
func TestRollbackToDifferentReleases(t *testing.T) {
	o := newOperator(t)
	reset(t)
	t.Cleanup(func() { reset(t) })
	for _, date := range []string{"2000-09-12", "2000-09-19"} {
		o.ok("cvs-pull-snapshot", "--hosts", few, date)
	}
	o.ok("switchrel", "--hosts", "webserv[1-2]", "2000-09-12")
	o.ok("switchrel", "--hosts", "webserv[2-3]", "2000-09-19")
	o.fails(1, []string{"say which release to leave"}, "rollback", "--hosts", few)
	o.ok("rollback", "--hosts", few, "--settle", "0s", "2000-09-19")
	want := map[string]string{"webserv1": "releases/2000-09-12", "webserv2": "releases/2000-09-12", "webserv3": "releases/initial"}
	for host, release := range want {
		if got := strings.TrimSpace(farm.Exec(t, host, "readlink", "/home/web/www")); got != release {
			t.Errorf("%s is on %s, want %s", host, got, release)
		}
	}
	o.ok("rollback", "--hosts", "webserv2", "--settle", "0s") // the journal knows what was before that
	if got := strings.TrimSpace(farm.Exec(t, "webserv2", "readlink", "/home/web/www")); got != "releases/initial" {
		t.Errorf("webserv2 is on %s", got)
	}
	o.fails(1, []string{"it is not known what was"}, "rollback", "--hosts", "webserv2", "--settle", "0s")
}

// TestEndNow presses ^C three times in the middle of a restart: of what that has
// begun as root this user may end only sudo, so what is left is named.
func TestEndNow(t *testing.T) {
	o := newOperator(t)
	reset(t)
	t.Cleanup(func() { reset(t) })
	o.ok("cvs-pull-snapshot", "--hosts", few, "2000-09-19")
	got := func() outcome {
		farm.Fault(t, "slow", "webserv1", "600")
		defer farm.Fault(t, "heal", "webserv1")
		defer farm.Exec(t, "webserv1", "pkill", "-f", "^sleep 600")
		press := func(terminal io.Writer, _ *os.Process) { terminal.Write([]byte{3}) }
		return o.runWhen([]reaction{
			{"webserv1: restart", func(terminal io.Writer, p *os.Process) {
				farm.Exec(t, "webserv1", "sh", "-c", "until pgrep -f '^sleep 600'; do sleep 0.02; done")
				press(terminal, p)
			}},
			{"^C again stops", press},
			{"^C again ends", press},
		}, "cutover", "--hosts", few, "--settle", "0s", "2000-09-19")
	}()
	if got.code != 130 {
		t.Errorf("exit status %d, want 130", got.code)
	}
	for _, want := range []string{
		"webserv1: what ran on it was ended: how it stands is unknown",
		"webserv1: failed: restart: ended after ", "stopped by the operator; still running there: ", "sleep 600",
	} {
		if !strings.Contains(got.err, want) {
			t.Errorf("it does not say %q:\n%s", want, got.err)
		}
	}
	o.ok("resume")
	if on := onAir(t); on["releases/2000-09-19"] != 3 {
		t.Errorf("after going on: %v", on)
	}
	locked(t, "")
}
