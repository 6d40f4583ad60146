package scripts_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"farmrun/testdata/farm"
)

// develop does what developers do: script runs in a working copy of the branch
// of date, and what it changes is committed. A branch that is not there is made
// of the one before.
func develop(t *testing.T, before, date, script string) {
	t.Helper()
	farm.Exec(t, "dev", "su", "-s", "/bin/sh", "cvs", "-c", fmt.Sprintf(`set -e
		export CVSROOT=/cvsroot HOME=/tmp TMPDIR=/tmp
		dir=$(mktemp -d)
		cd "$dir"
		[ -z '%s' ] || cvs -Q rtag -b -r Snapshot-%[1]s Snapshot-%[2]s site
		cvs -Q checkout -P -r Snapshot-%[2]s site
		cd site
		%[3]s
		cvs -Q commit -m 'for %[2]s'
		rm -r "$dir"`, before, date, script))
}

// undevelop takes the releases away that a test has made, and its patches.
func undevelop(t *testing.T) {
	t.Helper()
	farm.Exec(t, "dev", "sh", "-c", `rm -rf /cvsroot && cp -a /var/cvsroot.new /cvsroot`)
}

// keepRepository keeps the repository as it is for the end of the test.
func keepRepository(t *testing.T) {
	t.Helper()
	farm.Exec(t, "dev", "sh", "-c", `[ -d /var/cvsroot.new ] || cp -a /cvsroot /var/cvsroot.new`)
	t.Cleanup(func() { undevelop(t) })
}

// putOnAir switches links without any ado.
func putOnAir(t *testing.T, date string, hosts ...string) {
	t.Helper()
	for _, h := range hosts {
		farm.Exec(t, h, "ln", "-sfn", "releases/"+date, "/home/web/www")
	}
}

// has fails the test unless each of the hosts has that text in a file of what
// is on the air, or does not have it where want is false.
func has(t *testing.T, hosts []string, file, text string, want bool) {
	t.Helper()
	for _, h := range hosts {
		got := farm.Exec(t, h, "cat", "/home/web/www/"+file)
		if strings.Contains(got, text) != want {
			t.Errorf("%s: %s has %q: %v, want %v:\n%s", h, file, text, !want, want, got)
		}
	}
}

// TestMinorUpdate is the original's first scenario: an update of six files on
// all servers, of which none is restarted.
func TestMinorUpdate(t *testing.T) {
	o := newOperator(t)
	keepRepository(t)
	reset(t)
	t.Cleanup(func() { reset(t) })
	develop(t, "2000-09-19", "2000-10-03", `echo '<p>begin' >>htdocs/news.html`)
	o.ok("cvs-pull-snapshot", "2000-10-03")
	putOnAir(t, "2000-10-03", farm.WebServers()...)
	pids := map[string]string{}
	for _, h := range farm.WebServers() {
		pids[h] = farm.Exec(t, h, "cat", "/home/web/logs/httpd.pid")
	}
	develop(t, "", "2000-10-03", `for n in 1 2 3 4 5; do echo "<p>minor" >>htdocs/docs/page$n.html; done
		mkdir htdocs/more; echo minor >htdocs/more/new.html; cvs -Q add htdocs/more htdocs/more/new.html`)
	o.ok("update")
	for _, h := range farm.WebServers() {
		got := farm.Exec(t, h, "sh", "-c", "cd /home/web/www && grep -rl --exclude-dir=CVS minor htdocs | sort | xargs")
		if want := "htdocs/docs/page1.html htdocs/docs/page2.html htdocs/docs/page3.html htdocs/docs/page4.html htdocs/docs/page5.html htdocs/more/new.html\n"; got != want {
			t.Errorf("%s has %s, want %s", h, got, want)
		}
		if pid := farm.Exec(t, h, "cat", "/home/web/logs/httpd.pid"); pid != pids[h] {
			t.Errorf("%s was restarted", h)
		}
	}
	if got := o.ok("status").out; !strings.Contains(got, "webserv[1-20]") {
		t.Errorf("the servers differ after the update, or from what they should be:\n%s", got)
	}
}

// TestLocalPatch is the original's second scenario: a line is commented out on
// three servers only. That survives an update, a new release and a rollback,
// and is retired when a release has it.
func TestLocalPatch(t *testing.T) {
	o := newOperator(t)
	keepRepository(t)
	reset(t)
	t.Cleanup(func() { reset(t) })
	patched, others := []string{"webserv4", "webserv5", "webserv6"}, []string{"webserv7", "webserv8"}
	const five, three = "webserv[4-8]", "webserv[4-6]"
	const commented = "<!-- <p>line 15 -->"
	develop(t, "2000-09-19", "2000-10-03", `seq -f '<p>line %g' 30 >htdocs/bus.html; cvs -Q add htdocs/bus.html`)
	o.ok("cvs-pull-snapshot", "--hosts", five, "2000-10-03")
	putOnAir(t, "2000-10-03", append(patched, others...)...)

	// Done by hand on one, taken into the ledger, and put on the others.
	farm.Exec(t, "webserv4", "su", "web", "-c", `cd ~/www/htdocs && sed -i 's/.*line 15$/<!-- & -->/' bus.html`)
	if got := o.ok("status", "--hosts", five).out; !strings.Contains(got, "htdocs/bus.html") {
		t.Errorf("status does not show what was done by hand:\n%s", got)
	}
	o.ok("patch", "take", "--for", three, "--why", "the co-brand has no bus", "webserv4", "www/htdocs/bus.html")
	o.ok("patch", "apply", "htdocs-bus-html")
	has(t, patched, "htdocs/bus.html", commented, true)
	has(t, others, "htdocs/bus.html", commented, false)
	again := o.ok("patch", "apply").out
	if !strings.Contains(again, "applied on 0 of 3 servers") {
		t.Errorf("applied twice:\n%s", again)
	}

	// An update of the same file.
	develop(t, "", "2000-10-03", `sed -i 's/line 1$/line one/' htdocs/bus.html`)
	if got := o.ok("update", "--hosts", five).err; !strings.Contains(got, "patch htdocs-bus-html of htdocs/bus.html stays in") {
		t.Errorf("update does not say which patch it met:\n%s", got)
	}
	has(t, patched, "htdocs/bus.html", commented, true)
	has(t, append(patched, others...), "htdocs/bus.html", "line one", true)

	// A new release, and back.
	develop(t, "2000-10-03", "2000-10-10", `sed -i 's/line 30$/line thirty/' htdocs/bus.html`)
	o.ok("cutover", "--pull", "--hosts", five, "--settle", "0s", "2000-10-10")
	has(t, patched, "htdocs/bus.html", commented, true)
	has(t, others, "htdocs/bus.html", commented, false)
	has(t, append(patched, others...), "htdocs/bus.html", "line thirty", true)
	o.ok("rollback", "--hosts", five, "--settle", "0s")
	has(t, patched, "htdocs/bus.html", commented, true)
	has(t, patched, "htdocs/bus.html", "line thirty", false)
	if got := o.ok("status", "--hosts", five).out; strings.Contains(got, "bus.html") {
		t.Errorf("status finds fault with the patch:\n%s", got)
	}

	// One that no longer fits stops the pull, and shows why.
	develop(t, "2000-10-10", "2000-10-17", `sed -i 's/line 15$/line fifteen/' htdocs/bus.html`)
	o.fails(1, []string{three, "the patch does not fit", "hunk 1 of htdocs/bus.html", "-<p>line 15"}, "cvs-pull-snapshot", "--hosts", five, "2000-10-17")
	for _, h := range patched {
		if got := farm.Exec(t, h, "ls", "-A", "/home/web/releases"); strings.Contains(got, "2000-10-17") {
			t.Errorf("%s: half a release is left: %s", h, got)
		}
	}

	// A release that has it.
	develop(t, "2000-10-10", "2000-10-24", `sed -i 's/.*line 15$/<!-- & -->/' htdocs/bus.html`)
	got := o.ok("cvs-pull-snapshot", "--hosts", five, "2000-10-24").err
	if !strings.Contains(got, "the release has it; it can be retired") {
		t.Errorf("the pull does not say that the patch can be retired:\n%s", got)
	}
	o.fails(1, []string{three, "carries it still"}, "patch", "retire", "htdocs-bus-html")
	putOnAir(t, "2000-10-24", append(patched, others...)...)
	o.ok("patch", "retire", "htdocs-bus-html")
	if _, err := os.Stat(filepath.Join(o.dir, "patches", "retired", "htdocs-bus-html.patch")); err != nil {
		t.Error(err)
	}
	has(t, append(patched, others...), "htdocs/bus.html", commented, true)
}
