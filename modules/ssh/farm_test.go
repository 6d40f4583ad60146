package ssh_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"farmrun/luahost/remote"
	"farmrun/luahost/remote/remotetest"
	"farmrun/modules/ssh"
	"farmrun/testdata/farm"
)

func TestMain(m *testing.M) {
	if os.Getenv(benchEnv) != "" {
		benchServer()
		return
	}
	farm.Main(m, 4)
}

// onFarm returns a Dialer of the operator's.
func onFarm(t *testing.T, kind string, set ...string) *ssh.Dialer {
	t.Helper()
	farm.Need(t)
	t.Setenv("HOME", farm.Home())
	t.Setenv("SSH_AUTH_SOCK", "")
	d := &ssh.Dialer{ConfigFile: farm.Config(kind), Set: append([]string{"StrictHostKeyChecking=yes"}, set...)}
	d.Patient()
	return d
}

func dialFarm(t *testing.T, d *ssh.Dialer, host, user string) *ssh.Client {
	t.Helper()
	c, err := d.Dial(context.Background(), host, ssh.Options{User: user})
	check(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

func TestFarmLogins(t *testing.T) {
	farm.Need(t)
	dir := filepath.Join(farm.Home(), ".ssh")
	for _, x := range []struct {
		name, config, user, password string
		set                          []string
	}{
		{name: "key"},
		{name: "key for deploy", user: "deploy"},
		{name: "password", config: "password", password: farm.Password},
		{name: "password only", config: "password", password: farm.Password, set: []string{"PreferredAuthentications=password"}},
		{name: "through gate", config: "gate"},
		{name: "locked key", password: farm.Passphrase, set: []string{"IdentityFile=" + dir + "/id_locked", "IdentitiesOnly=yes"}},
		{name: "certificate", set: []string{"IdentityFile=" + dir + "/id_certified"}},
		{name: "hashed names", set: []string{"UserKnownHostsFile=" + dir + "/known_hosts.hashed"}},
		{name: "authority", set: []string{"UserKnownHostsFile=" + dir + "/known_hosts.ca"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			d := onFarm(t, x.config)
			d.Set = append(x.set, d.Set...)
			asked := 0
			if x.password != "" {
				d.Passwords = keyring(x.password, &asked)
			}
			for _, host := range []string{"webserv1", "webserv2"} {
				r, err := run(dialFarm(t, d, host, x.user), remote.Cmd{Line: "hostname"})
				if check(t, err); string(r.Stdout) != host+"\n" {
					t.Errorf("%s says %q", host, r.Stdout)
				}
			}
			if want := min(len(x.password), 1); asked != want {
				t.Errorf("asked %d times, want %d", asked, want)
			}
		})
	}
}

// TestFarmKeyboardInteractive logs in through PAM, which asks once more with no
// question at all.
func TestFarmKeyboardInteractive(t *testing.T) {
	d := onFarm(t, "password", "PreferredAuthentications=keyboard-interactive")
	farm.Fault(t, "sshd", "webserv2", "KbdInteractiveAuthentication yes")
	asked := 0
	d.Passwords = keyring(farm.Password, &asked)
	dialFarm(t, d, "webserv2", "")
	wrong := onFarm(t, "password")
	wrong.Passwords = keyring("wrong", &asked)
	_, err := wrong.Dial(context.Background(), "webserv2", ssh.Options{})
	expect(t, err, ssh.StageLogin, ssh.ErrAuth, "rejected")
	farm.Fault(t, "expire", "webserv2", "web")
	_, err = d.Dial(context.Background(), "webserv2", ssh.Options{})
	t.Log(err)
	expect(t, err, ssh.StageLogin, ssh.ErrAuth, "")
}

// TestFarmTwoFactors has a host that wants a key and then the password.
func TestFarmTwoFactors(t *testing.T) {
	d := onFarm(t, "")
	farm.Fault(t, "sshd", "webserv2", "AuthenticationMethods publickey,password")
	asked := 0
	d.Passwords = keyring(farm.Password, &asked)
	dialFarm(t, d, "webserv2", "")
	wrong := onFarm(t, "")
	wrong.Passwords = keyring("wrong", &asked)
	_, err := wrong.Dial(context.Background(), "webserv2", ssh.Options{})
	expect(t, err, ssh.StageLogin, ssh.ErrAuth, "rejected")
	if asked != 2 {
		t.Errorf("asked %d times, want twice", asked)
	}
}

// TestFarmTwoKeys has a host that wants two keys, as ssh gets in as well.
func TestFarmTwoKeys(t *testing.T) {
	d := onFarm(t, "")
	farm.Fault(t, "sshd", "webserv2", "AuthenticationMethods publickey,publickey")
	dir := filepath.Join(farm.Home(), ".ssh")
	asked, traced := 0, ""
	d.Passwords = keyring(farm.Passphrase, &asked)
	d.Trace = func(_, text string) { traced += text + "\n" }
	d.Set = append([]string{"IdentityFile=" + dir + "/id_ed25519", "IdentityFile=" + dir + "/id_locked"}, d.Set...)
	dialFarm(t, d, "webserv2", "")
	besideFarm(t, "webserv2", farm.Passphrase, d.Set...)
	for _, want := range []string{dir + "/id_ed25519): accepted, and the host wants more", dir + "/id_locked): accepted\n"} {
		if !strings.Contains(traced, want) {
			t.Errorf("%q is not in\n%s", want, traced)
		}
	}
	one := onFarm(t, "")
	one.Set = append([]string{"IdentityFile=" + dir + "/id_ed25519", "IdentitiesOnly=yes"}, one.Set...)
	_, err := one.Dial(context.Background(), "webserv2", ssh.Options{})
	expect(t, err, ssh.StageLogin, ssh.ErrAuth, "publickey was accepted, but the host takes publickey as well, and there was nothing more to try")
}

// besideFarm logs in by ssh, which is given one answer to all questions.
func besideFarm(t *testing.T, host, answer string, set ...string) {
	t.Helper()
	ask := filepath.Join(t.TempDir(), "ask")
	check(t, os.WriteFile(ask, []byte("#!/bin/sh\nprintf '%s\\n' \"$ANSWER\"\n"), 0o700))
	args := []string{"-F", farm.Config("")}
	for _, o := range append(set, "BatchMode=no") {
		args = append(args, "-o", o)
	}
	cmd := exec.Command("ssh", append(args, host, "true")...)
	cmd.Env = append(os.Environ(), "SSH_ASKPASS="+ask, "SSH_ASKPASS_REQUIRE=force", "ANSWER="+answer)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("ssh: %v: %s", err, out)
	}
}

// TestFarmMaxStartups has more logins at a time than a host lets begin.
func TestFarmMaxStartups(t *testing.T) {
	d := onFarm(t, "")
	farm.Fault(t, "sshd", "webserv2", "MaxStartups 2")
	errs := make(chan error)
	const logins = 12
	for range logins {
		go func() {
			c, err := d.Dial(context.Background(), "webserv2", ssh.Options{})
			if err == nil {
				c.Close()
			}
			errs <- err
		}()
	}
	for range logins {
		check(t, <-errs)
	}
}

// TestFarmSessions has a host that opens few sessions, and one that asks whether
// its client lives while a session is open that nobody uses yet.
func TestFarmSessions(t *testing.T) {
	for _, x := range []struct{ name, setting, line string }{
		{"one", "MaxSessions 1", "true"},
		{"two", "MaxSessions 2", "true"},
		{"asks", "ClientAliveInterval 1\nClientAliveCountMax 1", "sleep 2.5"},
	} {
		t.Run(x.name, func(t *testing.T) {
			farm.Fault(t, "sshd", "webserv2", x.setting)
			c := dialFarm(t, onFarm(t, ""), "webserv2", "")
			for _, line := range []string{"true", x.line, "true", "true"} {
				_, err := run(c, remote.Cmd{Line: line})
				check(t, err)
			}
			errs := make(chan error)
			for range 30 {
				go func() {
					_, err := run(c, remote.Cmd{Line: "true"})
					errs <- err
				}()
			}
			for range 30 {
				check(t, <-errs)
			}
			_, err := runFor(100*time.Millisecond, c, remote.Cmd{Line: "sleep 1000000"})
			expect(t, err, ssh.StageRun, ssh.ErrTimeout, "")
		})
	}
}

func TestFarmAlgorithms(t *testing.T) {
	for _, set := range [][]string{
		{"Ciphers=aes256-ctr", "MACs=hmac-sha2-512", "KexAlgorithms=ecdh-sha2-nistp256", "HostKeyAlgorithms=^ssh-ed25519"},
		{"Ciphers=-chacha*", "MACs=^hmac-sha2-256", "KexAlgorithms=+diffie-hellman-group14-sha1"},
	} {
		dialFarm(t, onFarm(t, "", set...), "webserv1", "")
	}
	_, err := onFarm(t, "", "Ciphers=arcfour").Dial(context.Background(), "webserv1", ssh.Options{})
	expect(t, err, ssh.StageConnect, ssh.ErrUnreachable, "no common algorithm")
}

func TestFarmRefusals(t *testing.T) {
	d := onFarm(t, "password")
	asked := 0
	d.Passwords = keyring("wrong", &asked)
	for _, h := range []string{"webserv1", "webserv2"} {
		_, err := d.Dial(context.Background(), h, ssh.Options{})
		expect(t, err, ssh.StageLogin, ssh.ErrAuth, "rejected")
	}
	if tries := farm.Exec(t, "webserv2", "sh", "-c", "cat /var/log/*.log /run/log* 2>/dev/null | grep -c 'Failed password' || :"); asked != 1 || strings.TrimSpace(tries) > "1" {
		t.Errorf("asked %d times, and webserv2 saw %s wrong passwords", asked, tries)
	}
	d = onFarm(t, "", "IdentityFile="+farm.Home()+"/.ssh/id_stranger", "UserKnownHostsFile="+farm.Home()+"/.ssh/known_hosts")
	d.ConfigFile = "none"
	_, err := d.Dial(context.Background(), "webserv1", ssh.Options{User: "web"})
	expect(t, err, ssh.StageLogin, ssh.ErrAuth, "tried: publickey")
}

// TestFarmShells has the same commands mean the same whatever the login shell.
func TestFarmShells(t *testing.T) {
	d := onFarm(t, "")
	for _, user := range []string{"web", "csh"} {
		c := dialFarm(t, d, "webserv1", user)
		for _, x := range []struct {
			cmd  remote.Cmd
			want remote.Result
		}{
			{remote.Cmd{Line: `for i in 1 2; do echo "$i" >&2; done; exit 3`}, remote.Result{Stderr: []byte("1\n2\n"), Code: 3}},
			{remote.Cmd{Args: []string{"printf", "%s|", "a b", "it's", `back\slash\\`, "wow!", "$x", "two\nlines", "`", "~", "*"}},
				remote.Result{Stdout: []byte(`a b|it's|back\slash\\|wow!|$x|` + "two\nlines|`|~|*|")}},
			{remote.Cmd{Line: `pwd; echo "$A"`, Dir: "/usr", Env: map[string]string{"A": "x ! y\n\\'"}}, remote.Result{Stdout: []byte("/usr\nx ! y\n\\'\n")}},
			{remote.Cmd{Line: "cat", Stdin: strings.NewReader(strings.Repeat("x", 1<<20)), Keep: 8}, remote.Result{Stdout: []byte("xxxx\n[farmrun: 1048568 bytes cut here]\nxxxx")}},
			{remote.Cmd{Line: "kill -KILL $$"}, remote.Result{Code: -1, Signal: "KILL"}},
			{remote.Cmd{Line: "true", Dir: "/no such"}, remote.Result{Code: 2, Stderr: []byte("sh: 1: cd: can't cd to /no such\n")}},
		} {
			got, err := run(c, x.cmd)
			check(t, err)
			if diff := cmp.Diff(x.want, got, cmpopts.IgnoreFields(remote.Result{}, "Duration"), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s: %s (-want +got):\n%s", user, x.cmd, diff)
			}
		}
	}
}

func running(t *testing.T, host string) func(string) string {
	return func(mark string) string {
		return farm.Exec(t, host, "sh", "-c", "pgrep -af '"+mark[:len(mark)-1]+"["+mark[len(mark)-1:]+"]' || :")
	}
}

func TestFarmEndless(t *testing.T) {
	d := onFarm(t, "")
	for _, user := range []string{"web", "csh"} {
		t.Run(user, func(t *testing.T) {
			remotetest.Ender{Run: dialFarm(t, d, "webserv1", user).Run, Find: running(t, "webserv1")}.TryAll(t)
		})
	}
}

// TestFarmSudo has commands run by sudo ended where the user may do that, and
// named where not.
func TestFarmSudo(t *testing.T) {
	d := onFarm(t, "")
	for name, line := range map[string]string{
		"plain": "sudo sleep 1800001", "in a script": "sudo sh -c 'sleep 1800002; :'", "exec": "exec sudo sleep 1800003",
		"deaf": "sudo sh -c \"trap '' TERM; sleep 1800004; sleep 1800005\"",
	} {
		t.Run(name, func(t *testing.T) {
			c := dialFarm(t, d, "webserv3", "deploy")
			_, err := runFor(300*time.Millisecond, c, remote.Cmd{Line: line})
			expect(t, err, ssh.StageRun, ssh.ErrTimeout, "")
			if left := running(t, "webserv3")("180000"); left != "" {
				t.Errorf("still running: %s", left)
			}
		})
	}
	farm.Exec(t, "webserv3", "sh", "-c", "echo 'web ALL=(root) NOPASSWD: /usr/bin/sh' >>/etc/sudoers")
	c := dialFarm(t, d, "webserv3", "web")
	ctx, cancel := context.WithCancelCause(context.Background())
	started := make(remotetest.Signal, 1)
	go func() {
		<-started
		cancel(context.DeadlineExceeded)
	}()
	_, err := c.Run(ctx, remote.Cmd{Line: "sudo sh -c \"trap '' TERM; echo; exec sleep 1800009\"", Stdout: started})
	expect(t, err, ssh.StageRun, ssh.ErrTimeout, "sleep 1800009 (root)")
	var e *ssh.Error
	if errors.As(err, &e); len(e.Left) == 0 || e.Hint == "" {
		t.Errorf("left %v, hint %q", e.Left, e.Hint)
	}
	t.Log(err)
	farm.Exec(t, "webserv3", "pkill", "-KILL", "-f", "sleep 1800009")
}

func TestFarmFaults(t *testing.T) {
	for _, x := range []struct {
		fault string
		args  []string
		stage string
		kind  error
	}{
		{"freeze", nil, ssh.StageConnect, ssh.ErrTimeout},
		{"mute-ssh", nil, ssh.StageConnect, ssh.ErrTimeout},
		{"drop-port", []string{"22"}, ssh.StageConnect, ssh.ErrTimeout},
		{"reset-port", []string{"22"}, ssh.StageConnect, ssh.ErrUnreachable},
		{"kill-sshd", nil, ssh.StageConnect, ssh.ErrUnreachable},
		{"nologin", nil, ssh.StageLogin, ssh.ErrUnreachable},
	} {
		t.Run(x.fault, func(t *testing.T) {
			patience := 1
			if x.kind != ssh.ErrTimeout {
				patience = 60
			}
			d := onFarm(t, "", fmt.Sprint("ConnectTimeout=", patience))
			d.LoginWithin(time.Duration(patience) * time.Second)
			farm.Fault(t, x.fault, "webserv4", x.args...)
			_, err := d.Dial(context.Background(), "webserv4", ssh.Options{})
			t.Log(err)
			expect(t, err, x.stage, x.kind, "")
		})
	}
}

// TestFarmPowerCut has a host lose its power in the middle of a command.
func TestFarmPowerCut(t *testing.T) {
	d := onFarm(t, "", "ServerAliveInterval=1", "ServerAliveCountMax=3")
	c := dialFarm(t, d, "webserv4", "web")
	started := make(remotetest.Signal, 1)
	ended := make(chan error, 1)
	go func() {
		_, err := c.Run(context.Background(), remote.Cmd{Line: "echo; sleep 1000", Stdout: started})
		ended <- err
	}()
	<-started
	farm.Fault(t, "unplug", "webserv4")
	expect(t, <-ended, ssh.StageRun, ssh.ErrLost, "silent")
}

func TestFarmForward(t *testing.T) {
	d := onFarm(t, "tunnel")
	c := dialFarm(t, d, "webserv1", "web")
	if got := fmt.Sprint(c.Settings().RemoteForwards); got != "[[127.0.0.1]:2401 [dev]:2401]" {
		t.Errorf("RemoteForwards are %s", got)
	}
	ctx := context.Background()
	l, err := c.Listen(ctx, "tcp", "127.0.0.1:2401")
	check(t, err)
	echo(l)
	far, err := c.DialContext(ctx, "tcp", "127.0.0.1:2401")
	check(t, err)
	talk(t, far)
	_, err = dialFarm(t, d, "webserv1", "deploy").Listen(ctx, "tcp", "127.0.0.1:2401")
	expect(t, err, ssh.StageForward, ssh.ErrForwardRefused, "2401")
	check(t, l.Close())
	l, err = c.Listen(ctx, "tcp", "127.0.0.1:0")
	check(t, err)
	t.Log(l.Addr())
	admin, err := dialFarm(t, d, "lb1", "web").DialContext(ctx, "unix", farm.AdminSocket)
	check(t, err)
	admin.Close()
}

func TestFarmChangedKey(t *testing.T) {
	d := onFarm(t, "")
	file := filepath.Join(t.TempDir(), "known_hosts")
	check(t, os.WriteFile(file, []byte("webserv1 "+text(newKey(t).PublicKey())), 0o600))
	d.Set = append([]string{"UserKnownHostsFile=" + file, "GlobalKnownHostsFile=none"}, d.Set...)
	_, err := d.Dial(context.Background(), "webserv1", ssh.Options{})
	expect(t, err, ssh.StageHostKey, ssh.ErrHostKey, file+":1")
}
