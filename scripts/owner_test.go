package scripts_test

import (
	"cmp"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"farmrun/testdata/farm"
)

// ownerJob is a step whose command, the first time, waits for a line that comes when
// its farmrun is long gone, and then takes its host down.
const ownerJob = `
local farm = require "farm"
require "site"
farm.rollout("webserv[1-2]", { healthy = function(host) host:query "test -e /tmp/owner/up" end }, function(host)
  host:step("restart", function()
    WORK(host, [[cd /tmp/owner; if [ -e slow ]; then rm slow; echo waits >&2; read -r line <go; fi
      rm up; echo down >>log; touch up]])
  end)
end)
`

// TestOwner: a farmrun that is killed leaves a command on a host, which does not run
// on beside that of the farmrun that resumes the run. FARM_KILLS=40 tries that so
// many times on each kind of login.
func TestOwner(t *testing.T) {
	times, _ := strconv.Atoi(os.Getenv("FARM_KILLS"))
	for name, kind := range map[string]struct{ settings, work string }{
		"ssh":    {`user = "web"`, `host.run(host, `},
		"sudo":   {`user = "deploy"`, `host.sudo(host, `},
		"telnet": {`user = "web", login = "telnet"`, `host.run(host, `},
		"rlogin": {`user = "web", login = "rlogin"`, `host.run(host, `},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOperator(t)
			o.write("site.lua", `require("farm").site { groups = { web = "webserv[1-2]" }, hosts = { ["@web"] = { `+kind.settings+` } } }`)
			o.write("job.lua", strings.Replace(ownerJob, "WORK(host, ", kind.work, 1))
			for range cmp.Or(times, 2) {
				killAndResume(t, o)
			}
		})
	}
}

func killAndResume(t *testing.T, o *operator) {
	t.Helper()
	hosts := []string{"webserv1", "webserv2"}
	for _, h := range hosts {
		farm.Exec(t, h, "sh", "-c", "rm -rf /tmp/owner; mkdir -m 777 /tmp/owner; cd /tmp/owner; mkfifo -m 666 go; touch up log; chmod 666 *")
	}
	farm.Exec(t, hosts[0], "touch", "/tmp/owner/slow")
	kill := reaction{"webserv1: waits", func(_ io.Writer, p *os.Process) { p.Kill() }}
	if got := o.runWhen([]reaction{kill}, "job.lua"); got.code != -1 {
		t.Fatalf("it was not killed: %d\n%s%s", got.code, got.out, got.err)
	}
	got := o.ok("resume")
	if !strings.Contains(got.err, "webserv1: the last command of step restart: process ") {
		t.Errorf("resume does not say how the step ended:\n%s", got.err)
	}
	for _, h := range hosts {
		if left := farm.Exec(t, h, "sh", "-c", "pgrep -fa 'tmp/[o]wner' || :"); left != "" {
			t.Errorf("%s: still running: %s", h, left)
		}
		if log := farm.Exec(t, h, "cat", "/tmp/owner/log"); log != "down\n" {
			t.Errorf("%s went down so often:\n%s", h, log)
		}
		if left := farm.Exec(t, h, "sh", "-c", "ls -d /home/*/.farmrun 2>/dev/null || :"); left != "" {
			t.Errorf("%s: left behind: %s", h, left)
		}
	}
}
