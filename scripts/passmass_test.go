package scripts_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"farmrun/testdata/farm"
)

// TestPassmass changes the password of web on three servers, of which one is
// reached by ssh, one by telnet and one by rlogin, and back again, which shows
// that the new one holds.
func TestPassmass(t *testing.T) {
	o := newMixedOperator(t)
	const other = "n3w 'Secret\" pw"
	for _, change := range []struct{ old, new string }{{farm.Password, other}, {other, farm.Password}} {
		o.answers = map[string]string{
			"New password: ": change.new, "Once more: ": change.new, "Password for web: ": change.old,
		}
		got := o.ok("passmass", "webserv[1,4,7]")
		if want := "webserv1: changed\nwebserv4: changed\nwebserv7: changed\n"; got.out != want {
			t.Errorf("got:\n%swant:\n%s", got.out, want)
		}
		if text := got.out + got.err; strings.Contains(text, "n3w") || strings.Contains(text, "w3b") {
			t.Errorf("a password is shown:\n%s", text)
		}
	}
	kept := 0
	filepath.WalkDir(o.state(), func(path string, d fs.DirEntry, _ error) error {
		text, err := os.ReadFile(path)
		if err == nil && strings.HasSuffix(path, ".cast") {
			kept++
		}
		if strings.Contains(string(text), "n3w ") || strings.Contains(string(text), "w3b ") {
			t.Errorf("a password is in %s", path)
		}
		return nil
	})
	if kept == 0 {
		t.Error("the dialogues are not recorded")
	}
}

// TestPassmassRefused: the first server that refuses stops it, and says why.
func TestPassmassRefused(t *testing.T) {
	for name, test := range map[string]struct {
		old, new, why string
	}{
		"the old password is wrong": {"nonsense", "n3w secret", "the password was rejected"},
		"the new one is too short":  {farm.Password, "abc", "refused: You must choose a longer password."},
		"it is the old one":         {farm.Password, farm.Password, "refused: The password has not been changed."},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOperator(t)
			o.answers = map[string]string{
				"New password: ": test.new, "Once more: ": test.new, "Password for web: ": test.old,
			}
			got := o.fails(1, nil, "passmass", "webserv[1-3]")
			if want := "webserv1: " + test.why + "\nwebserv2: not tried\nwebserv3: not tried\n"; got.out != want {
				t.Errorf("got:\n%swant:\n%s", got.out, want)
			}
		})
	}
}

// TestPassmassExpired changes passwords that have expired, since the servers
// demand it at login. in.rlogind demands it, too, and has no way to do it.
func TestPassmassExpired(t *testing.T) {
	o := newMixedOperator(t)
	const other = "n3w 'Secret\" pw"
	answers := map[string]string{"New password: ": other, "Once more: ": other, "Password for web: ": farm.Password}
	for _, h := range []string{"webserv1", "webserv3", "webserv5", "webserv7"} {
		farm.Exec(t, h, "cp", "-p", "/etc/shadow", "/run/shadow")
		t.Cleanup(func() { farm.Exec(t, h, "sh", "-c", "cat /run/shadow >/etc/shadow") })
	}
	for _, h := range []string{"webserv1", "webserv3", "webserv5"} {
		farm.Exec(t, h, "chage", "-d", "0", "web")
	}

	o.answers = map[string]string{"New password: ": "abc", "Once more: ": "abc", "Password for web: ": farm.Password}
	for _, hosts := range []string{"webserv1,webserv7", "webserv3,webserv7"} {
		got := o.fails(1, nil, "passmass", hosts)
		if want := "the host does not take the new one: You must choose a longer password.\nwebserv7: not tried\n"; !strings.HasSuffix(got.out, want) {
			t.Errorf("got:\n%swant:\n%s", got.out, want)
		}
	}

	o.answers = answers
	got := o.ok("passmass", "webserv[1,3,7]")
	const had = ": changed, for it had expired\n"
	if want := "webserv1" + had + "webserv3" + had + "webserv7: changed\n"; got.out != want {
		t.Errorf("got:\n%s%swant:\n%s", got.out, got.err, want)
	}
	got = o.fails(1, nil, "passmass", "webserv5")
	if !strings.Contains(got.out, "has expired, and the host does not let it be changed by this login: Authentication failure") {
		t.Errorf("got:\n%s", got.out)
	}

	o.answers = map[string]string{"Password for web: ": other}
	if got := o.ok("-c", "id -un", "webserv3"); got.out != "webserv3: web\n" {
		t.Errorf("got:\n%s", got.out)
	}
}

// TestExpired has the operator choose a new password when a server wants it, in
// the middle of something else, which goes on then; sudo takes the new one.
func TestExpired(t *testing.T) {
	o := newMixedOperator(t)
	const other = "n3w 'Secret\" pw"
	for _, h := range []string{"webserv1", "webserv3"} {
		farm.Exec(t, h, "cp", "-p", "/etc/shadow", "/run/shadow")
		t.Cleanup(func() { farm.Exec(t, h, "sh", "-c", "cat /run/shadow >/etc/shadow") })
		farm.Exec(t, h, "chage", "-d", "0", "web")
	}
	o.answers = map[string]string{"Password for web: ": farm.Password, "New password for web: ": "", "Once more: ": ""}
	o.fails(1, []string{"webserv1: login: the password has expired; new password for web: no new password was given", "farmrun passmass webserv1"}, "-c", "id -un", "webserv1")
	o.fails(1, []string{"webserv3: login: the password has expired; new password for web: no new password was given"}, "-c", "id -un", "webserv3")
	o.answers["New password for web: "], o.answers["Once more: "] = other, other
	const script = `require "site"; require("farm").each("webserv[1,3]", function(host) print(host:sudo({ "/etc/init.d/httpd", "status" }).text) end)`
	got := o.ok("-e", script)
	if strings.Count(got.out, "httpd is running") != 4 { // as it is said, and as the script prints it
		t.Errorf("got:\n%s%s", got.out, got.err)
	}
}

// TestExpiredWithinLogin has servers whose sshd asks for another password within
// the login, on no terminal. The first that rejects one ends it, and says why.
func TestExpiredWithinLogin(t *testing.T) {
	o := newOperator(t)
	const other = "n3w 'Secret\" pw"
	for _, h := range []string{"webserv1", "webserv2"} {
		farm.Exec(t, h, "cp", "-p", "/etc/shadow", "/run/shadow")
		t.Cleanup(func() { farm.Exec(t, h, "sh", "-c", "cat /run/shadow >/etc/shadow") })
		farm.Fault(t, "sshd", h, "KbdInteractiveAuthentication yes\nPasswordAuthentication no\nPubkeyAuthentication no")
		farm.Fault(t, "expire", h, "web")
	}
	o.answers = map[string]string{"Password for web: ": farm.Password, "New password for web: ": "", "Once more: ": ""}
	o.fails(1, []string{"webserv1: login: the password has expired; new password for web: no new password was given", "farmrun passmass webserv1"}, "-c", "id -un", "webserv1")
	o.fails(1, []string{"webserv1: login: the password has expired (-e:1)"}, "-n", "-e", `require "site"; require("farm").each("webserv1", function(host) host:query("id -un") end)`)

	o.answers = map[string]string{"New password: ": "abc", "Once more: ": "abc", "Password for web: ": farm.Password}
	got := o.fails(1, nil, "passmass", "webserv1,webserv2")
	if want := "webserv1: login: the password has expired, and the host does not take the new one: You must choose a longer password.\nwebserv2: not tried\n"; got.out != want {
		t.Errorf("got:\n%s%swant:\n%s", got.out, got.err, want)
	}

	o.answers = map[string]string{"New password for web: ": other, "Once more: ": other, "Password for web: ": farm.Password}
	if got := o.ok("-c", "id -un", "webserv1"); got.out != "webserv1: web\n" || strings.Contains(got.err, "n3w") {
		t.Errorf("got:\n%s%s", got.out, got.err)
	}
	o.answers["New password: "] = other
	if got := o.ok("passmass", "webserv2"); got.out != "webserv2: changed, for it had expired\n" {
		t.Errorf("got:\n%s%s", got.out, got.err)
	}
	o.answers = map[string]string{"Password for web: ": other}
	o.ok("-c", "id -un", "webserv[1-2]")
}
