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
func undevelop(t testing.TB) {
	t.Helper()
	farm.Exec(t, "dev", "sh", "-c", `rm -rf /cvsroot && cp -a /var/cvsroot.new /cvsroot`)
}

// keepRepository keeps the repository as it is for the end of the test.
func keepRepository(t testing.TB) {
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
	if got := o.ok("--dry-run", "update", "--hosts", "webserv1").err; strings.Count(got, "would update htdocs/docs/page") != 5 ||
		!strings.Contains(got, "would update htdocs/more/new.html\n") {
		t.Errorf("a dry run does not say what comes:\n%s", got)
	}
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
	o.fails(1, []string{"no file was changed in www/"}, "patch", "take", "webserv4", "www")
	farm.Exec(t, "webserv4", "su", "web", "-c", `cd ~/www/htdocs && cp -p bus.html b && echo more >>bus.html && touch new`)
	o.fails(1, []string{"htdocs/bus.html was changed, and carries the patch htdocs-bus-html"}, "patch", "take", "--why", "more", "webserv4", "www")
	farm.Exec(t, "webserv4", "su", "web", "-c", `cd ~/www/htdocs && mv b bus.html && rm new`)
	o.ok("patch", "apply", "htdocs-bus-html")
	has(t, patched, "htdocs/bus.html", commented, true)
	has(t, others, "htdocs/bus.html", commented, false)
	o.fails(1, []string{"there is no patch bus"}, "patch", "revert", "bus")
	again := o.ok("patch", "apply").out
	if !strings.Contains(again, "applied on 0 of 3 servers") {
		t.Errorf("applied twice:\n%s", again)
	}

	// An update of the same file.
	develop(t, "", "2000-10-03", `sed -i 's/line 1$/line one/' htdocs/bus.html; rm htdocs/docs/page3.html; cvs -Q remove htdocs/docs/page3.html`)
	dry := o.ok("--dry-run", "update", "--hosts", "webserv[6-7]").err
	for _, want := range []string{"webserv6: would merge what is new into htdocs/bus.html", "webserv7: would update htdocs/bus.html",
		"webserv6: would remove htdocs/docs/page3.html"} {
		if !strings.Contains(dry, want) {
			t.Errorf("a dry run does not say %q:\n%s", want, dry)
		}
	}
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

// TestLifeOfARelease takes a release from the stage area to where it is pruned.
func TestLifeOfARelease(t *testing.T) {
	o := newOperator(t)
	keepRepository(t)
	reset(t)
	t.Cleanup(func() { reset(t) })
	hosts := []string{"webserv1", "webserv2", "webserv3"}
	o.write("site.lua", strings.NewReplacer("shared = {}", `shared = { "uploads/", "htdocs/settings.inc" }`,
		"-- site.stage =", "site.stage =").Replace(o.read("site.lua")))
	releases := func(host string) string {
		return strings.Join(strings.Fields(farm.Exec(t, host, "ls", "-A", "/home/web/releases")), " ")
	}

	// The stage area is checked in: without a word when there is nothing to do,
	// and not at all where there is a conflict.
	stage := func(script string) { farm.Exec(t, "webserv1", "su", "web", "-c", "set -e; cd ~/stage; "+script) }
	o.write("check-out.lua", `local cvs, source = require "cvs", require "cvs-pull-snapshot"
		require("farm").each("webserv1", function(host)
		  source.open_tunnel(host)
		  cvs.checkout(host, { root = require("site").cvs.write, module = "site", dir = "stage" })
		end)`)
	o.ok("check-out.lua")
	t.Cleanup(func() { farm.Exec(t, "webserv1", "rm", "-rf", "/home/web/stage") })
	stage(`echo '<p>staged' >>htdocs/news.html; mkdir -p htdocs/new/deep; echo x >htdocs/new/deep/x; rm htdocs/docs/page40.html
		printf '\0\1\r\n' >htdocs/new/dot.gif; : >htdocs/new/later`)
	o.ok("stage")
	if got := o.ok("stage"); got.out+got.err != "" {
		t.Errorf("with nothing to do it says:\n%s%s", got.out, got.err)
	}
	farm.Exec(t, "dev", "su", "-s", "/bin/sh", "cvs", "-c", `cd /tmp && export HOME=/tmp CVSROOT=/cvsroot TMPDIR=/tmp && cvs -Q co -d theirs site &&
		cd theirs && echo theirs >>htdocs/news.html && cvs -Q ci -m theirs && cd .. && rm -r theirs`)
	stage("echo ours >>htdocs/news.html")
	o.fails(1, []string{"conflict in htdocs/news.html"}, "stage")
	stage("rm htdocs/news.html && CVS_RSH=false sed -i '/news.html/d' htdocs/CVS/Entries")
	o.ok("stage")

	// What is gone here, and was changed by others, is a conflict too.
	farm.Exec(t, "dev", "su", "-s", "/bin/sh", "cvs", "-c", `cd /tmp && export HOME=/tmp CVSROOT=/cvsroot TMPDIR=/tmp && cvs -Q co -d theirs site &&
		echo theirs >>theirs/htdocs/docs/page39.html && cvs -Q ci -m theirs theirs && rm -r theirs`)
	stage("rm htdocs/docs/page3[89].html; ! grep later.*-kb htdocs/new/CVS/Entries")
	for _, how := range []string{"--dry-run", "--yes"} {
		o.fails(1, []string{"conflict in htdocs/docs/page39.html"}, how, "stage")
	}
	stage("grep -q /page38.html/1 htdocs/docs/CVS/Entries && sed -i '/page39.html/d' htdocs/docs/CVS/Entries")
	o.ok("stage")

	// It becomes a release, once, and the list says what is new in it.
	o.fails(2, []string{"February 2000 has 29 days"}, "snapshot", "2000-02-30")
	o.fails(2, []string{"--stage, --from and --day do not go together"}, "snapshot", "--stage", "--day", "now", "2000-10-03")
	o.ok("--dry-run", "snapshot", "2000-10-03")
	got := o.ok("snapshot", "--stage", "2000-10-03").out
	for _, want := range []string{"7 files differ", "changed  htdocs/news.html  1.2 -> 1.4", "new      htdocs/new/deep/x  1.1", "removed  htdocs/docs/page40.html"} {
		if !strings.Contains(got, want) {
			t.Errorf("the list does not say %q:\n%s", want, got)
		}
	}
	o.fails(1, []string{"there is a Snapshot-2000-10-03 already"}, "snapshot", "2000-10-03")
	o.ok("snapshot", "--from", "Snapshot-2000-09-12", "2000-10-10")

	// What outlives releases is linked into each.
	o.fails(1, []string{few, "shared/htdocs/settings.inc, which site.release.shared names, is not there"}, "cvs-pull-snapshot", "--hosts", few, "2000-10-03")
	for _, h := range hosts {
		farm.Exec(t, h, "su", "web", "-c", "mkdir -p ~/shared/htdocs && echo settings of "+h+" >~/shared/htdocs/settings.inc")
	}
	for _, date := range []string{"2000-09-12", "2000-09-19", "2000-10-10", "2000-10-03"} {
		o.ok("cvs-pull-snapshot", "--hosts", few, date)
	}
	for _, h := range hosts {
		farm.Exec(t, h, "su", "web", "-c", "echo a picture >~/releases/2000-10-03/uploads/picture")
		got := farm.Exec(t, h, "sh", "-c", "cd /home/web/releases && cat 2000-09-12/uploads/picture 2000-10-03/htdocs/settings.inc && cksum <2000-10-03/htdocs/new/dot.gif")
		if want := "a picture\nsettings of " + h + "\n307475562 4\n"; got != want {
			t.Errorf("%s: got %q, want %q", h, got, want)
		}
	}

	// One that is bad is left, and not switched to again by mistake.
	o.ok("cutover", "--hosts", few, "--settle", "0s", "2000-09-19")
	o.ok("cutover", "--hosts", few, "--settle", "0s", "2000-10-03")
	o.ok("rollback", "--hosts", few, "--settle", "0s", "--bad", "the shop is empty")
	for _, script := range []string{"cutover", "switchrel"} {
		o.fails(1, []string{few, "releases/2000-10-03 is marked as bad: the shop is empty"}, script, "--hosts", few, "2000-10-03")
	}
	o.ok("switchrel", "--hosts", "webserv3", "--bad", "2000-10-03")

	// Old ones go, but for those that are needed, on the air on any server, changed by
	// hand, or newer than the release on the air.
	for _, h := range hosts {
		farm.Exec(t, h, "mkdir", "/home/web/releases/2000-01-01")
	}
	farm.Exec(t, "webserv2", "su", "web", "-c", "echo by hand >>~/releases/2000-09-12/htdocs/news.html")
	o.ok("--dry-run", "prune", "--hosts", few, "--keep", "1")
	o.ok("prune", "--hosts", few, "--keep", "1")
	for host, want := range map[string]string{
		"webserv1": "2000-01-01 2000-09-19 2000-10-03 2000-10-10 initial",
		"webserv2": "2000-01-01 2000-09-12 2000-09-19 2000-10-03 2000-10-10 initial",
		"webserv3": "2000-01-01 2000-09-19 2000-10-03 2000-10-10 initial",
	} {
		if got := releases(host); got != want {
			t.Errorf("%s: after prune there are %s, want %s", host, got, want)
		}
	}
}

// TestCopyOnWrite pulls a release that begins with another one: it is as a fresh
// checkout, and whatever is done to it later, the other one stays as it was.
func TestCopyOnWrite(t *testing.T) {
	o := newOperator(t)
	keepRepository(t)
	reset(t)
	t.Cleanup(func() { reset(t) })
	const sums = `find . -name 'farmrun*' -prune -o -type f -print | sort | xargs -d '\n' cksum`
	of := func(host, date string) string {
		return farm.Exec(t, host, "sh", "-c", "cd /home/web/releases/"+date+" && "+sums)
	}
	develop(t, "2000-09-26", "2000-10-03", "echo '<p>$Name$' >htdocs/named.html; cvs -Q add htdocs/named.html")
	develop(t, "2000-10-03", "2000-10-10", "echo '<p>more' >>htdocs/news.html; rm htdocs/docs/page1.html; cvs -Q remove htdocs/docs/page1.html")
	o.ok("cvs-pull-snapshot", "--hosts", "webserv[1-2]", "2000-10-03")
	farm.Exec(t, "webserv1", "su", "web", "-c", "cd ~/releases/2000-10-03/htdocs && echo by hand >>docs/page2.html && touch new && cp -p big.txt t && tr l L <t >big.txt && touch -r t big.txt && rm t")
	before := of("webserv1", "2000-10-03")
	got := o.ok("cvs-pull-snapshot", "--hosts", "webserv1", "2000-10-10")
	if !strings.Contains(got.err, "4 files fetched, the others are those of releases/2000-10-03") {
		t.Errorf("not copied:\n%s", got.err)
	}
	farm.Exec(t, "webserv2", "rm", "-r", "/home/web/releases/2000-10-03")
	o.ok("cvs-pull-snapshot", "--hosts", "webserv2", "2000-10-10")
	const files = `find . -name CVS -prune -o -type f -print | sort | xargs -d '\n' cksum; find . -type d | sort; cat CVS/Tag htdocs/docs/CVS/Tag`
	copied := farm.Exec(t, "webserv1", "sh", "-c", "cd /home/web/releases/2000-10-10 && "+files)
	fresh := farm.Exec(t, "webserv2", "sh", "-c", "cd /home/web/releases/2000-10-10 && "+files)
	if copied != fresh {
		t.Errorf("the copy is not as a fresh checkout:\n%s\nfresh:\n%s", copied, fresh)
	}
	if n := farm.Exec(t, "webserv1", "stat", "-c", "%h", "/home/web/releases/2000-10-10/htdocs/logo.gif"); n != "2\n" {
		t.Errorf("logo.gif has %s links, want 2", n)
	}

	// Patched, updated and taken to another tag, in place and by hand.
	develop(t, "", "2000-10-10", "for n in 4 6; do echo '<p>minor' >>htdocs/docs/page$n.html; done")
	farm.Exec(t, "webserv1", "su", "web", "-c", `cd ~/releases/2000-10-10 && chmod u+w -R . &&
		printf -- '--- htdocs/docs/page3.html\n+++ htdocs/docs/page3.html\n@@ -1 +1,2 @@\n <p>page 3, by web@example.org\n+<p>patched\n' | patch -b -p0 && sed -i s/page/PAGE/ htdocs/docs/page5.html`)
	putOnAir(t, "2000-10-10", "webserv1")
	o.ok("update", "--hosts", "webserv1")
	o.ok("-F", farm.Config("tunnel"), "-d", "www", "-c", "cvs -Q update -C -r Snapshot-2000-09-12; cvs -Q update -A", "webserv1")
	if after := of("webserv1", "2000-10-03"); after != before {
		t.Errorf("the release that it began with has changed:\n%s\nbefore:\n%s", after, before)
	}
}

// TestOtherSources pulls releases from git and by rsync: with the same names,
// checks and patches, so that a cut-over does not notice.
func TestOtherSources(t *testing.T) {
	const make1 = "mkdir -p htdocs && echo '<p>one' >htdocs/index.html && seq 9 >htdocs/list && echo same >htdocs/same && ln -sf list htdocs/link"
	const make2 = "echo '<p>two' >htdocs/index.html && chmod 755 htdocs/same"
	servers := map[string]string{
		"git": `mkdir -p /srv/git && cd /srv/git && rm -rf site.git w && git init -q --bare site.git && git clone -q site.git w 2>/dev/null && cd w &&
			git config user.email a@b && git config user.name a && ` + make1 + ` && git add . && git commit -qm 1 && git tag Snapshot-2000-10-03 &&
			` + make2 + ` && git commit -qam 2 && git tag -a -m 2 Snapshot-2000-10-10 && git push -q --tags origin HEAD &&
			git daemon --detach --export-all --reuseaddr --base-path=/srv/git --pid-file=/run/daemon.pid`,
		"rsync": `mkdir -p /srv/rsync/Snapshot-2000-10-03 && cd /srv/rsync/Snapshot-2000-10-03 && ` + make1 + ` && cp -a . ../Snapshot-2000-10-10 &&
			cd ../Snapshot-2000-10-10 && ` + make2 + ` && printf 'pid file = /run/daemon.pid\n[site]\npath = /srv/rsync\nuse chroot = no\n' >/srv/rsyncd.conf &&
			rm -f /run/daemon.pid && rsync --daemon --config=/srv/rsyncd.conf`,
	}
	for name, serve := range servers {
		t.Run(name, func(t *testing.T) {
			o := newOperator(t)
			reset(t)
			t.Cleanup(func() { reset(t) })
			farm.Exec(t, "dev", "sh", "-c", serve)
			t.Cleanup(func() { farm.Exec(t, "dev", "sh", "-c", "kill $(cat /run/daemon.pid); rm -rf /srv") })
			t.Cleanup(func() { farm.Exec(t, "webserv1", "rm", "-rf", "/home/web/site.git") })
			o.write("site.lua", strings.Replace(o.read("site.lua"), `site.source = "cvs"`, `site.source = "`+name+`"`, 1))
			if err := os.Mkdir(filepath.Join(o.dir, "patches"), 0o777); err != nil {
				t.Fatal(err)
			}
			o.write("patches/list.patch", "id: list\nwho: anna\nwhen: 2000-09-20\nwhy: no seven\nhosts: webserv1\n\n"+
				"--- htdocs/list\n+++ htdocs/list\n@@ -6,3 +6,2 @@\n 6\n-7\n 8\n")
			pull := []string{name + "-pull-snapshot", "--hosts", "webserv1"}
			o.fails(1, []string{"webserv1", "Snapshot-2000-10-17"}, append(pull, "2000-10-17")...)
			o.ok(append([]string{"--dry-run"}, append(pull, "2000-10-03")...)...)
			o.ok(append(pull, "2000-10-03")...)
			putOnAir(t, "2000-10-03", "webserv1")
			farm.Exec(t, "webserv1", "su", "web", "-c", "cd ~/www/htdocs && cp -p list t && tr 9 8 <t >list && touch -r t list && rm t")
			farm.Exec(t, "webserv1", "su", "web", "-c", "echo by hand >>~/www/htdocs/same")
			o.fails(1, []string{"htdocs/list was changed, and carries the patch list"}, "patch", "take", "--why", "because", "webserv1", "www")
			o.ok("patch", "take", "--why", "because", "webserv1", "www/htdocs/same")
			if got := o.read("patches/htdocs-same.patch"); !strings.HasSuffix(got, "\n--- htdocs/same\n+++ htdocs/same\n@@ -1 +1,2 @@\n same\n+by hand\n") {
				t.Errorf("the patch that was taken is\n%s", got)
			}
			o.ok("patch", "revert", "htdocs-same")
			o.ok("patch", "retire", "htdocs-same")
			over := o.ok("cutover", "--pull", "--hosts", "webserv1", "--settle", "0s", "2000-10-10")
			if !strings.Contains(over.err, "1 files were changed by hand in 2000-10-03, such as htdocs/list: 2000-10-10 does not have that") {
				t.Errorf("the cut-over does not show what is left behind:\n%s", over.err)
			}
			got := farm.Exec(t, "webserv1", "sh", "-c", "cd /home/web/www/htdocs && cat index.html link && stat -c %a same ../../2000-10-03/htdocs/same && ls -A ..")
			if want := "<p>two\n1\n2\n3\n4\n5\n6\n8\n9\n755\n644\n.farmrun\nhtdocs\n"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			o.ok("rollback", "--hosts", "webserv1", "--settle", "0s")
			state := o.ok("status", "--all", "--hosts", "webserv1").out
			if !strings.Contains(state, "changed htdocs/list") || strings.Contains(state, "10-10:") {
				t.Errorf("status:\n%s", state)
			}
		})
	}
}
