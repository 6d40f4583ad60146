// Package farm lets tests live on a farm of real servers: sshd, sudo, nginx,
// telnetd and rlogind on web servers webserv1 to webservN, HAProxy on lb1, a
// CVS server on dev, and gate, an sshd to jump through. All of them run in
// namespaces of their own on this machine, made by the scripts beside this
// file, which say more: up, exec, fault and down.
//
// A package whose tests want a farm has
//
//	func TestMain(m *testing.M) { farm.Main(m, 3) }
//
// and each of those tests begins with
//
//	farm.Need(t)
//
// Such tests run on ctl, the operator's machine: they reach the hosts by name
// and see this machine's files. The operator's keys and configuration are
// under Home, which is not $HOME until a test sets it so:
//
//	t.Setenv("HOME", farm.Home())
//
// Whoever is not root gets the other tests of the package, and one line that
// says what was left out; where CI is true, that is a failure. Every test
// binary boots a farm for itself alone, so packages may be tested in parallel.
package farm

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"farmrun/testdata/need"
)

// The accounts, as lib/common.sh has them. User web has a password, keys and a
// certificate, and sudo with the password for /etc/init.d/httpd and /usr/bin/id.
// User deploy has keys only, and sudo without a password for everything. User
// csh is as web, but its shell is csh.
const (
	Password    = `w3b "Secret' pw` // of web and csh, for login and sudo
	Passphrase  = `open "this' key` // of the key id_locked
	RelPassword = `rel pw`          // of rel at the CVS server; anon's is empty
	CVSRoot     = "/cvsroot"        // on dev; its module is site
	AdminSocket = "/run/haproxy/admin.sock"
)

// Home is the operator's home. Its .ssh has
//
//	config           logs in to all hosts as web, by key
//	config.password  … by password
//	config.tunnel    … and has RemoteForward 127.0.0.1:2401 dev:2401 for webserv*
//	config.gate      … and ProxyJump gate for webserv*
//	known_hosts      all hosts; also .hashed, and .ca, which knows the even web
//	                 servers by their certificates only
//	id_ed25519       lets web, deploy and csh in
//	id_locked        does too, and has a passphrase
//	id_certified     does by its certificate, for web and deploy
//	id_stranger      lets nobody in
//
// OpenSSH finds a home by the account and not by HOME: give it
// -F with Config.
func Home() string { return filepath.Join(os.Getenv("FARM_STATE"), "home") }

// Config returns the path of an ssh_config in Home: Config("") is the plain
// one, Config("tunnel") that with the tunnel.
func Config(kind string) string {
	name := "config"
	if kind != "" {
		name += "." + kind
	}
	return filepath.Join(Home(), ".ssh", name)
}

// WebServers returns webserv1 to webservN, as many as Main was asked for.
func WebServers() []string {
	n, _ := strconv.Atoi(os.Getenv("FARM_HOSTS"))
	hosts := make([]string, n)
	for i := range hosts {
		hosts[i] = fmt.Sprintf("webserv%d", i+1)
	}
	return hosts
}

// Need says that a test needs the farm: without one it is skipped, and fails
// where CI is true.
func Need(t testing.TB) {
	t.Helper()
	need.That(t, inside(), "needs the farm")
}

// Exec runs a command as root on a host, by its back door, and returns what it
// printed. ctl is the host that tests run on. A command that fails ends the
// test. It may be called while a test is cleaned up.
func Exec(t testing.TB, host string, command ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	c := Command(context.Background(), host, command...)
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("on %s: %s: %v\n%s%s", host, strings.Join(command, " "), err, out, &stderr)
	}
	return string(out)
}

// Command is Exec for those who want to look themselves.
func Command(ctx context.Context, host string, command ...string) *exec.Cmd {
	return exec.CommandContext(ctx, script("exec"), append([]string{host}, command...)...)
}

// Fault breaks a host in one of the ways that the script fault lists, such as
// Fault(t, "freeze", "webserv2") or Fault(t, "drop-port", "webserv1", "22"), and
// heals it when the test ends.
func Fault(t testing.TB, fault, host string, argument ...string) {
	t.Helper()
	t.Cleanup(func() { Heal(t, host) })
	runFault(t, append([]string{fault, host}, argument...)...)
}

// Heal undoes every fault of a host.
func Heal(t testing.TB, host string) {
	t.Helper()
	runFault(t, "heal", host)
}

func runFault(t testing.TB, words ...string) {
	t.Helper()
	// Not t.Context, which is done by the time that a host is healed.
	if out, err := exec.Command(script("fault"), words...).CombinedOutput(); err != nil {
		t.Fatalf("fault %s: %v\n%s", strings.Join(words, " "), err, out)
	}
}

// script returns the path of a script of the farm. Tests run in the folder of
// their package, which is somewhere below that of go.mod.
func script(name string) string {
	dir, err := os.Getwd()
	for err == nil {
		path := filepath.Join(dir, "testdata", "farm", name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
		if dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	return name
}
