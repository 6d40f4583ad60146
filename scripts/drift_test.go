package scripts_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"farmrun/testdata/farm"
)

// tamperings are done in web's home as root, and status must say what stands
// behind each. The first are of what is on the air, a server each; the others
// come on top of them.
var tamperings = []struct{ how, says string }{
	{"echo more >>www/htdocs/index.html", "releases/2000-09-19: changed htdocs/index.html"},
	{"cd www/htdocs && cp -p news.html t && tr a-z A-Z <t >news.html && touch -r t news.html && rm t", "releases/2000-09-19: changed htdocs/news.html"},
	{": >www/htdocs/news.html", "releases/2000-09-19: changed htdocs/news.html"},
	{"rm www/htdocs/docs/page7.html", "releases/2000-09-19: missing htdocs/docs/page7.html"},
	{"rm -r www/htdocs/docs", "releases/2000-09-19: missing htdocs/docs/page19.html"},
	{"touch www/htdocs/shell.php", "releases/2000-09-19: new htdocs/shell.php"},
	{"mkdir www/.hidden; touch www/.hidden/x", "releases/2000-09-19: new .hidden/x"},
	{"chmod 666 www/htdocs/news.html", "releases/2000-09-19: mode htdocs/news.html"},
	{"chmod 0 www/htdocs/news.html", "releases/2000-09-19: changed htdocs/news.html"},
	{"chown root www/htdocs/index.html", "releases/2000-09-19: owner htdocs/index.html"},
	{"cd www/htdocs && rm index.html && ln -s news.html index.html", "releases/2000-09-19: changed htdocs/index.html"},
	{"ln -sfn /tmp www/uploads", "releases/2000-09-19: link uploads"},
	{"rm -r shared/uploads", "releases/2000-09-19: link uploads"},
	{"echo TSnapshot-2000-09-12 >www/CVS/Tag", "releases/2000-09-19: changed CVS/Tag"},
	{"cd www && sed -i s/zwei/two/ htdocs/docs/page1.html", "releases/2000-09-19: changed htdocs/docs/page1.html"},
	{"ln -sfn releases/2000-09-12 www", "is on 2000-09-12 and not on 2000-09-19"},
	{"ln -sfn releases/gone www", "www leads nowhere: releases/gone"},
	{"rm www && cp -r releases/2000-09-12 www", "www: is not a symbolic link"},
	{"rm www", "www is not there"},
	{"ln -sfn releases/gone www.former", "www.former leads nowhere: releases/gone"},
	{"rm releases/2000-09-12/CVS/farmrun-release", "releases/2000-09-12 is no release that was pulled to its end"},
	{"mkdir releases/.farmrun-new.2000-09-26.ops-1.X", ".farmrun-new.2000-09-26.ops-1.X is being pulled, or left of a pull that died"},
	{"cp -r /etc/init.d releases/2000-09-05", "releases/2000-09-05 is no release that was pulled to its end"},
	{"rm www/CVS/farmrun-patches/numbers", "releases/2000-09-19 lacks patch numbers"},
	{"echo >>www/CVS/farmrun-patches/numbers", "releases/2000-09-19 carries patch numbers as it was before it was changed"},
	{"echo >www/CVS/farmrun-patches/other", "releases/2000-09-19 carries patch other, which is not in the ledger"},
	{"echo 'bad: the shop is empty' >>www/CVS/farmrun-release", "is on 2000-09-19, which is marked as bad: the shop is empty"},
	{"head -c 12m /dev/zero >filler || true", "MB free, 10 wanted"},
	{"/etc/init.d/httpd stop", "GET http://localhost/"},
}

// TestDrift tampers with each server in another way. All of it is found and
// named, and on a clean farm there is nothing to be found.
func TestDrift(t *testing.T) {
	o := newOperator(t)
	reset(t)
	t.Cleanup(func() { reset(t) })
	o.write("site.lua", strings.Replace(o.read("site.lua"), "shared = {}", `shared = { "uploads/" }`, 1))
	if err := os.Mkdir(filepath.Join(o.dir, "patches"), 0o777); err != nil {
		t.Fatal(err)
	}
	o.write("patches/numbers.patch", "id: numbers\nwho: anna\nwhen: 2000-09-20\nwhy: the page is read abroad\nhosts: @web\n\n"+
		"--- htdocs/docs/page1.html\n+++ htdocs/docs/page1.html\n@@ -1 +1,2 @@\n <p>page 1, by web@example.org\n+<p>zwei\n")
	o.ok("cvs-pull-snapshot", "2000-09-12")
	o.ok("cvs-pull-snapshot", "2000-09-19")
	everywhere(t, "cd /home/web && ln -sfn releases/2000-09-19 www && ln -s releases/2000-09-12 www.former")
	t.Cleanup(func() { everywhere(t, "cd /home/web && rm -rf filler shared www") })
	if got := o.ok("status", "--check", "--all"); strings.Count(got.out, "\n") != 2 {
		t.Errorf("a clean farm is not clean:\n%s", got.out)
	}
	said := map[string][]string{} // what status must say of each server; one is left alone
	for i, tampering := range tamperings {
		host := farm.WebServers()[i%(servers-1)]
		farm.Exec(t, host, "sh", "-c", "cd /home/web && "+tampering.how)
		said[host] = append(said[host], tampering.says)
	}
	checkWrong(t, o.fails(1, nil, "status", "--check", "--json").out, said)
}

// checkWrong compares what status says of each server with what it must say.
func checkWrong(t *testing.T, out string, want map[string][]string) {
	t.Helper()
	for line := range strings.Lines(out) {
		var state struct {
			Name  string
			Wrong []string
		}
		if err := json.Unmarshal([]byte(line), &state); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all := fmt.Sprintf("%q", state.Wrong)
		for _, says := range want[state.Name] {
			if !strings.Contains(all, says) {
				t.Errorf("%s: status does not say %q but %s", state.Name, says, all)
			}
		}
		if want[state.Name] == nil && len(state.Wrong) > 0 {
			t.Errorf("%s, which is left alone: %s", state.Name, all)
		}
	}
}
