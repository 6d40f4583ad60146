package scripts_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"farmrun/testdata/farm"
)

// newMixedOperator is newOperator for a farm of which a third is reached by
// ssh, a third by telnet and a third by rlogin. Nothing but the site file knows.
func newMixedOperator(t *testing.T) *operator {
	t.Helper()
	o := newOperator(t)
	site, err := os.ReadFile(filepath.Join(o.dir, "site.lua"))
	if err != nil {
		t.Fatal(err)
	}
	const settings = `hosts = {
		["webserv[3-4]"] = { login = "telnet" },
		["webserv[5-6]"] = { login = "rlogin" },
	},
}`
	before, after, found := strings.Cut(string(site), "  -- hosts = {")
	_, after, closed := strings.Cut(after, "\n}")
	if !found || !closed {
		t.Fatal("the site file has no place for settings of hosts")
	}
	o.write("site.lua", before+settings+after)
	return o
}

// some are the servers of a mixed farm that these tests work on.
const some = "webserv[1-6]"

// TestLogins is the night of a release, and what comes before and after it, on
// a farm whose servers are reached in three ways.
func TestLogins(t *testing.T) {
	o := newMixedOperator(t)
	reset(t)
	t.Cleanup(func() { reset(t) })

	o.ok("cvs-pull-snapshot", "--hosts", some, "2000-09-19")
	v := visit(t, 50)
	o.ok("cutover", "--hosts", some, "--settle", "0s", "2000-09-19")
	if got := onAir(t); got["releases/2000-09-19"] != 6 {
		t.Errorf("after the cut-over: %v", got)
	}
	if page := farm.Exec(t, "webserv6", "curl", "-s", "http://localhost/"); !strings.Contains(page, "2000-09-19") {
		t.Errorf("webserv6 shows:\n%s", page)
	}
	o.ok("rollback", "--hosts", some, "--settle", "0s")
	if got := onAir(t); got["releases/initial"] != servers {
		t.Errorf("after the rollback: %v", got)
	}
	v.check()

	o.ok("update", "--hosts", some, "--dir", "releases/2000-09-19")
	got := o.ok("cvsmass", "-dir", "releases/2000-09-19", "-program", "ls htdocs/index.html; hostname", "webserv1", "webserv3", "webserv5")
	for _, h := range []string{"webserv1", "webserv3", "webserv5"} {
		if !strings.Contains(got.out, h+": htdocs/index.html\n"+h+": "+h+"\n") {
			t.Errorf("cvsmass on %s:\n%s", h, got.out)
		}
	}
}
