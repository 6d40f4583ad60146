package farm_test

import (
	"encoding/csv"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"farmrun/testdata/farm"
)

func TestMain(m *testing.M) { farm.Main(m, 30) }

// sh runs a shell script on ctl and returns what it printed, errors included.
func sh(t *testing.T, script string) (string, error) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "bash", "-euc", script)
	out, err := c.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// must is sh for scripts that have to succeed.
func must(t *testing.T, script string) string {
	t.Helper()
	out, err := sh(t, script)
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return out
}

// ssh returns the start of a command line for OpenSSH's client.
func ssh(config string) string {
	return "ssh -o BatchMode=yes -o ConnectTimeout=${WAIT:-10} -F " + farm.Config(config) + " "
}

// askpass makes ssh answer what it asks for with a text, and returns the start
// of a command line.
func askpass(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "askpass")
	script := "#!/bin/sh\ncat <<'.'\n" + text + "\n.\n"
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return "SSH_ASKPASS=" + path + " SSH_ASKPASS_REQUIRE=force ssh "
}

func TestLogins(t *testing.T) {
	farm.Need(t)
	home := farm.Home() + "/.ssh/"
	plain := "-F " + farm.Config("") + " "
	only := func(key string) string {
		return "-F /dev/null -o BatchMode=yes -o IdentitiesOnly=yes -o UserKnownHostsFile=" + home + "known_hosts -i " + home + key + " "
	}
	for name, test := range map[string]struct{ command, want string }{
		"key":              {"ssh " + plain + "webserv1 whoami", "web"},
		"deploy":           {"ssh " + plain + "deploy@webserv2 whoami", "deploy"},
		"csh":              {"ssh " + plain + "csh@webserv1 'echo $shell'", "/bin/csh"},
		"password":         {askpass(t, farm.Password) + "-F " + farm.Config("password") + " webserv1 whoami", "web"},
		"passphrase":       {askpass(t, farm.Passphrase) + strings.ReplaceAll(only("id_locked"), "BatchMode=yes", "BatchMode=no") + "web@webserv1 whoami", "web"},
		"user certificate": {"ssh " + only("id_certified") + "web@webserv3 whoami", "web"},
		"host certificate": {"ssh " + plain + "-o UserKnownHostsFile=" + home + "known_hosts.ca webserv2 whoami", "web"},
		"hashed names":     {"ssh " + plain + "-o UserKnownHostsFile=" + home + "known_hosts.hashed webserv2 whoami", "web"},
		"gate":             {"ssh -F " + farm.Config("gate") + " webserv1 'echo ${SSH_CLIENT%% *}'", "10.99.0.252"},
		"balancer":         {"ssh " + plain + "lb1 whoami", "web"},
		"tool path":        {"ssh " + plain + "webserv1 'which cvs'", "/usr/bin/cvs"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := must(t, test.command); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	t.Run("stranger", func(t *testing.T) {
		if out, err := sh(t, "ssh "+only("id_stranger")+"web@webserv1 true"); err == nil || !strings.Contains(out, "Permission denied") {
			t.Errorf("got %q and %v, want a refusal", out, err)
		}
	})
}

func TestSudo(t *testing.T) {
	farm.Need(t)
	sudo := ssh("") + "webserv1 sudo -S "
	answer := "<<'.'\n" + farm.Password + "\n.\n"
	if got := must(t, sudo+"id -u 2>/dev/null "+answer); got != "0" {
		t.Errorf("id: got %q, want 0", got)
	}
	if out, err := sh(t, sudo+"/bin/cat /etc/shadow "+answer); err == nil || !strings.Contains(out, "is not allowed to execute") {
		t.Errorf("cat: got %q and %v, want a refusal", out, err)
	}
	if out, err := sh(t, sudo+"id -u <<<wrong"); err == nil || !strings.Contains(out, "Sorry, try again") {
		t.Errorf("a wrong password: got %q and %v, want a refusal", out, err)
	}
	if got := must(t, ssh("")+"deploy@webserv1 sudo -n whoami"); got != "root" {
		t.Errorf("deploy: got %q, want root", got)
	}
}

func TestRepository(t *testing.T) {
	farm.Need(t)
	cvs := "cvs -Q -d :pserver:anon@dev:" + farm.CVSRoot
	for release, files := range map[string]string{"2000-09-12": "43", "2000-09-19": "44", "2000-09-26": "44"} {
		got := must(t, fmt.Sprintf(`cd %s; %s export -r Snapshot-%s -d out site
			grep -o 'release [-0-9]*' out/htdocs/index.html; find out -type f | wc -l
			wc -c <out/htdocs/logo.gif`, t.TempDir(), cvs, release))
		if want := "release " + release + "\n" + files + "\n518"; got != want {
			t.Errorf("%s: got %q, want %q", release, got, want)
		}
	}
	login := fmt.Sprintf("export CVS_PASSFILE=%s/pass; cvs -d :pserver:rel@dev:%s login <<<'%s'", t.TempDir(), farm.CVSRoot, farm.RelPassword)
	must(t, login)
}

// The web servers have no way to CVS but a tunnel.
func TestTunnel(t *testing.T) {
	farm.Need(t)
	if out, err := sh(t, ssh("")+"webserv1 'timeout 1 cvs -d :pserver:anon@dev:/cvsroot rlog site'"); err == nil {
		t.Errorf("webserv1 reaches dev's CVS without a tunnel: %s", out)
	}
	dir := "out" + strconv.Itoa(os.Getpid())
	got := must(t, ssh("tunnel")+`-o ExitOnForwardFailure=yes webserv1 '
		cvs -Q -d :pserver:anon@127.0.0.1:/cvsroot export -r Snapshot-2000-09-19 -d `+dir+` site &&
		cat `+dir+`/htdocs/news.html'`)
	if want := "<p>new on 2000-09-19"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// status returns what HAProxy thinks of a web server.
func status(t *testing.T, server string) string {
	t.Helper()
	out := farm.Exec(t, "lb1", "sh", "-c", "echo show stat | socat - "+farm.AdminSocket)
	rows, err := csv.NewReader(strings.NewReader(strings.TrimSpace(out))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if row[0] == "web" && row[1] == server {
			return row[17]
		}
	}
	t.Fatalf("HAProxy does not know %s:\n%s", server, out)
	return ""
}

func TestBalancer(t *testing.T) {
	farm.Need(t)
	admin := func(words string) string {
		return must(t, ssh("")+"lb1 'socat - "+farm.AdminSocket+"' <<<'"+words+"'")
	}
	t.Cleanup(func() {
		farm.Exec(t, "lb1", "sh", "-c", "echo set server web/webserv1 state ready | socat - "+farm.AdminSocket)
	})
	if got := admin("set server web/webserv1 state drain"); got != "" {
		t.Errorf("drain: got %q, want nothing", got)
	}
	if got := status(t, "webserv1"); got != "DRAIN" {
		t.Errorf("got %s, want DRAIN", got)
	}
	for range 6 {
		if got := must(t, "curl -sSi http://lb1/"); strings.Contains(got, "x-host: webserv1\r") {
			t.Errorf("a server that is drained got a request:\n%s", got)
		}
	}
	if got, want := admin("set server web/nobody state drain"), "No such server."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWebServer(t *testing.T) {
	farm.Need(t)
	httpd := ssh("") + "deploy@webserv2 sudo /etc/init.d/httpd "
	pid := func() string { return must(t, ssh("")+"webserv2 cat logs/httpd.pid") }
	before := pid()
	if got, want := must(t, httpd+"restart"), "httpd stopped\nhttpd started"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if after := pid(); after == before {
		t.Errorf("process %s is still the web server", after)
	}
	must(t, ssh("")+"deploy@webserv2 'sudo kill $(cat /home/web/logs/httpd.pid)'")
	if _, err := sh(t, "until curl -s webserv2; do "+httpd+"start; done; "+httpd+"status"); err != nil {
		t.Error(err)
	}
	// The link is followed with each request.
	got := must(t, ssh("")+`webserv2 '
		mkdir -p releases/other/htdocs && echo other >releases/other/htdocs/index.html &&
		ln -s releases/other next && mv -T next www && curl -s localhost; ln -s releases/initial next && mv -T next www
		grep -c "start worker process" logs/error >&2'`)
	if !strings.HasPrefix(got, "other") {
		t.Errorf("after the switch: got %q, want other", got)
	}
}

// Every fault breaks what it says, and heal mends it. Each has a web server to
// itself, except those of the CVS server.
func TestFaults(t *testing.T) {
	farm.Need(t)
	const (
		login = "SSH HOST 'touch probe'"
		web   = "curl -sSf --max-time ${WAIT:-10} HOST"
		cvs   = "cd $(mktemp -d); timeout ${WAIT:-10} cvs -d :pserver:anon@dev:/cvsroot export -r Snapshot-2000-09-19 site"
		bind  = "SSH -o ExitOnForwardFailure=yes -R 127.0.0.1:2401:dev:2401 HOST true"
	)
	for i, test := range []struct {
		fault, argument string
		test            string // fails while the fault lasts, within $WAIT seconds
		says            string // what it says then
	}{
		{"crash", "", login, "timed out"},
		{"halt", "", login, "timed out"},
		{"freeze", "", login, "timed out"},
		{"unplug", "", login, "timed out"},
		{"blackhole", "", login, "timed out"},
		{"drop-port", "22", login, "timed out"},
		{"reset-port", "22", login, "Connection refused"},
		{"gated", "", login, "timed out"},
		{"loss", "99", login, "timed out"},
		{"rate", "256kbit", "timeout ${WAIT:-10} SSH HOST head -c 200000 /dev/zero | tail -c 1", ""},
		{"delay", "300ms", "timeout ${WAIT:-10} SSH HOST true", ""},
		{"fill", "", "SSH HOST 'head -c 100000 /dev/zero >large && rm large'", "No space left"},
		{"read-only", "", login, "Read-only file system"},
		{"stop-sshd", "", login, "timed out"},
		{"kill-sshd", "", login, "Connection refused"},
		{"mute-ssh", "", login, "timed out"},
		{"sshd", "DenyUsers web", login, "Permission denied"},
		{"new-host-key", "", login, "HOST IDENTIFICATION HAS CHANGED"},
		{"expire", "web", login, "Password change required"},
		{"nologin", "", login, "Connection closed"},
		{"stranger", "2401", bind, "remote port forwarding failed"},
		{"stale-forward", "", bind, "remote port forwarding failed"},
		{"kill-httpd", "", web, "connect to"},
		{"sick", "", web, "503"},
		{"cvs-lock", "", cvs, "waiting for cvs's lock"},
		{"slow", "3", cvs, ""},
	} {
		t.Run(test.fault, func(t *testing.T) {
			host := fmt.Sprintf("webserv%d", 4+i)
			if test.test == cvs {
				host = "dev"
			} else {
				t.Parallel()
			}
			command := "set -o pipefail;" + strings.NewReplacer("HOST", host, "SSH ", ssh("")).Replace(test.test)
			must(t, command)
			t.Run("broken", func(t *testing.T) {
				farm.Fault(t, test.fault, host, test.argument)
				if out, err := sh(t, "WAIT=1;"+command); err == nil || !strings.Contains(out, test.says) {
					t.Errorf("got %q and %v, want %q", out, err, test.says)
				}
			})
			must(t, command)
		})
	}
}

func TestReboot(t *testing.T) {
	farm.Need(t)
	must(t, ssh("")+"webserv2 'echo kept >kept'")
	farm.Fault(t, "reboot", "webserv2")
	if got := must(t, ssh("")+"webserv2 cat kept"); got != "kept" {
		t.Errorf("got %q, want kept", got)
	}
	must(t, "curl -sSf webserv2")
}

// alone is the start of a script that boots a farm inside this one. look shows
// all that a farm could leave behind.
const alone = `
	umount --recursive --lazy /run/farm-of-tests
	unset FARM_STATE FARM_INSIDE
	cd "$SCRIPTS"
	look() { lsns --noheadings --output NS,TYPE | sort; ip -o link | wc -l; cat /proc/mounts; }
	before=$(look)
	same() { [ "$(look)" = "$before" ]; }
`

// nested runs a script in a mount namespace of its own.
func nested(t *testing.T, script string) {
	t.Helper()
	scripts, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), "timeout", "60", "unshare", "--mount", "bash", "-euxc", alone+script)
	c.Env = append(os.Environ(), "SCRIPTS="+scripts)
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestDownLeavesNothing(t *testing.T) {
	farm.Need(t)
	nested(t, `
		FARM_STATE=$(./up 1)
		export FARM_STATE
		./exec webserv1 true
		! same
		./down
		same
		[ ! -e "$FARM_STATE" ]`)
}

// A farm on a leash ends with whoever holds the leash, however that one ends.
func TestLeash(t *testing.T) {
	farm.Need(t)
	nested(t, `
		mkfifo "$0.leash"
		sleep infinity >"$0.leash" &
		FARM_STATE=$(./up --leash 1 <"$0.leash")
		! same
		kill -KILL %1
		wait || true
		rm "$0.leash"
		until same; do sleep 0.05; done
		[ ! -e "$FARM_STATE" ]`)
}

// A farm that does not boot leaves nothing either.
func TestFailedBoot(t *testing.T) {
	farm.Need(t)
	nested(t, `
		! FARM_DISK=nonsense FARM_STATE=/tmp/farm.failed ./up 1
		same
		[ ! -e /tmp/farm.failed ]`)
}

// Two farms have the same addresses and do not meet.
func TestTwoFarms(t *testing.T) {
	farm.Need(t)
	nested(t, `
		one=$(./up 1)
		two=$(./up 1)
		FARM_STATE=$one ./exec webserv1 touch /home/one
		! FARM_STATE=$two ./exec webserv1 ls /home/one
		FARM_STATE=$one ./exec ctl ssh -F "$one/home/.ssh/config" webserv1 ls /home/one
		FARM_STATE=$one ./down
		FARM_STATE=$two ./exec ctl ssh -F "$two/home/.ssh/config" webserv1 true
		FARM_STATE=$two ./down
		same`)
}

// Telnet and rlogin let in with the password.
func TestOldLogins(t *testing.T) {
	farm.Need(t)
	for _, client := range []string{"telnet webserv1", "rsh-redone-rlogin -l web webserv1"} {
		c := exec.CommandContext(t.Context(), "expect", "-c", `
			set timeout 5
			spawn {*}$env(CLIENT)
			expect {
				"login: $" { send "web\r"; exp_continue }
				"Password: $" { send "$env(PASSWORD)\r" }
			}
			expect "web@webserv1" { send "exit\r" } timeout { exit 1 } eof { exit 1 }
			expect eof`)
		c.Env = append(os.Environ(), "CLIENT="+client, "PASSWORD="+farm.Password)
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", client, err, out)
		}
	}
}
