package ssh_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	xssh "golang.org/x/crypto/ssh"

	"farmrun/luahost/secret"
	"farmrun/modules/ssh"
	"farmrun/modules/ssh/sshserver"
	"farmrun/testdata/need"
)

// Here logins are tried by ssh itself as well as by a Dialer: where the one gets
// in, so must the other.

// besideSSH is a world that ssh can reach, too.
func besideSSH(t *testing.T) *world {
	t.Helper()
	need.Program(t, "ssh")
	w := newWorld(t)
	w.real = true
	return w
}

// options are what both are given: set, and what they need in order to find
// nothing of this machine's.
func (w *world) options(set []string) []string {
	if !slices.ContainsFunc(set, func(s string) bool { return strings.HasPrefix(s, "IdentityFile=") }) {
		set = append(slices.Clip(set), "IdentityFile="+w.path(".ssh/id_ed25519"))
	}
	return append(slices.Clip(set), w.dialer().Set...)
}

// ssh logs in by ssh, which has nobody to ask, and returns what the command prints.
func (w *world) ssh(host, command string, set ...string) (string, error) {
	w.t.Helper()
	args := []string{"-F", w.path(".ssh/config"), "-l", "web"}
	for _, o := range w.options(set) {
		args = append(args, "-o", o)
	}
	cmd := exec.Command("ssh", append(args, host, command)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // so that there is no terminal to ask on
	if w.askpass != "" {
		cmd.Env = append(os.Environ(), "SSH_ASKPASS="+w.askpass, "SSH_ASKPASS_REQUIRE=force")
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%w: %s", err, stderr.String())
	}
	return stdout.String(), nil
}

// both logs in by ssh and by a Dialer, and returns what the latter comes to,
// which has to be the same.
func (w *world) both(host string, set ...string) error {
	w.t.Helper()
	_, want := w.ssh(host, "true", set...)
	d := w.dialer()
	d.Set = w.options(set)
	if w.prepare != nil {
		w.prepare(d)
	}
	defer d.Close()
	c, err := d.Dial(context.Background(), host, ssh.Options{User: "web"})
	if err == nil {
		c.Close()
	}
	if (err == nil) != (want == nil) {
		w.t.Errorf("%s: got %v, ssh has %v", host, err, want)
	}
	return err
}

// operator answers the questions of both by the first of answers whose question
// is in what is asked, and returns all that farmrun and ssh have asked.
func (w *world) operator(answers ...[2]string) (asked func() (farmrun, ssh string)) {
	w.t.Helper()
	script := "#!/bin/sh\nprintf '%s\\n' \"$1\" >>" + w.path("asked") + "\ncase $1 in\n"
	for _, a := range answers {
		script += "*'" + a[0] + "'*) echo '" + a[1] + "';;\n"
	}
	w.write("askpass", script+"*) exit 1;;\nesac\n")
	check(w.t, chmod(w.path("askpass"), 0o700))
	w.askpass = w.path("askpass")
	log := ""
	answer := func(question string) (secret.Secret, error) {
		log += question + "\n"
		for _, a := range answers {
			if strings.Contains(question, a[0]) {
				return secret.New(a[1]), nil
			}
		}
		return secret.Secret{}, errors.New("nobody knows")
	}
	keyring := &secret.Keyring{
		Ask: func(ctx context.Context, account string) (secret.Secret, error) {
			return answer(secret.QuestionOf(ctx))
		},
		AskPassphrase: func(_ context.Context, path string) (secret.Secret, error) { return answer("passphrase for " + path) },
		AskOnce:       func(ctx context.Context, _ bool) (secret.Secret, error) { return answer(secret.QuestionOf(ctx)) },
	}
	w.prepare = func(d *ssh.Dialer) {
		d.Passwords = keyring
		d.Warn = func(_, text string) { log += text + "\n" }
	}
	return func() (string, string) { return log, w.read("asked") }
}

// asks is a host that asks for these things, one after the other, and says
// something before the end.
func asks(says string, steps ...[2]string) func(string, xssh.KeyboardInteractiveChallenge) error {
	return func(_ string, ask xssh.KeyboardInteractiveChallenge) error {
		for _, s := range steps {
			a, err := ask("", "", []string{s[0]}, []bool{strings.Contains(s[0], "visible")})
			if err != nil || a[0] != s[1] {
				return errors.New("no")
			}
		}
		_, err := ask("", says, nil, nil)
		return err
	}
}

// TestQuestionsBesideSSH has hosts that ask for more than a password.
func TestQuestionsBesideSSH(t *testing.T) {
	const code, password = "One-time password (OATH) for `web\u0027: ", "Password: "
	for _, x := range []struct {
		name    string
		steps   [][2]string
		answers [][2]string
		says    string // in the error; "" is let in
		asked   string // by farmrun
	}{
		{"code", [][2]string{{code, "714233"}}, [][2]string{{"OATH", "714233"}}, "", code},
		{"password and code", [][2]string{{password, "pw"}, {code, "714233"}}, [][2]string{{"OATH", "714233"}, {"Password", "pw"}}, "", password + "\n" + code},
		{"code and password", [][2]string{{code, "714233"}, {password, "pw"}}, [][2]string{{"OATH", "714233"}, {"Password", "pw"}}, "", code + "\n" + password},
		{"visible", [][2]string{{"Your visible PIN: ", "12"}}, [][2]string{{"PIN", "12"}}, "", "Your visible PIN: "},
		{"two passwords", [][2]string{{password, "pw"}, {"LDAP Password: ", "pw2"}}, [][2]string{{"LDAP", "pw2"}, {"Password", "pw"}}, "", password + "\nLDAP " + password},
		{"wrong code", [][2]string{{code, "714233"}}, [][2]string{{"OATH", "1"}}, "not let in", code},
		{"no answer", [][2]string{{code, "714233"}}, nil, "the host asks \"One-time", code},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := besideSSH(t)
			asked := w.operator(x.answers...)
			w.serve("h", &sshserver.Server{Auth: sshserver.Auth{Questions: asks("Pushed a login request", x.steps...)}})
			err := w.both("h", "NumberOfPasswordPrompts=1")
			if x.says != "" {
				expect(t, err, ssh.StageLogin, ssh.ErrAuth, x.says)
			} else {
				x.asked += "\nPushed a login request"
			}
			farmrun, ssh := asked()
			lines := strings.Split(strings.TrimSpace(strings.ReplaceAll(farmrun, "\n\n", "\n")), "\n")
			lines = slices.DeleteFunc(lines, func(l string) bool { return l == "" || strings.HasPrefix(l, "its key") })
			if got := strings.Join(lines, "\n"); strings.TrimSpace(got) != strings.TrimSpace(x.asked) {
				t.Errorf("farmrun asked\n%q\nwant\n%q", got, x.asked)
			}
			for _, s := range x.steps {
				if !strings.Contains(ssh, s[0]) && x.says == "" {
					t.Errorf("ssh asked\n%s", ssh)
				}
			}
		})
	}
}

// TestCodeIsNotKept has the next host asked for its code again, but not for the
// password, although one host rejected a code.
func TestCodeIsNotKept(t *testing.T) {
	w := newWorld(t)
	right := [][2]string{{"Password: ", "pw"}, {"Code: ", "1"}}
	w.serve("wrong", &sshserver.Server{Auth: sshserver.Auth{Questions: asks("", [2]string{"Password: ", "pw"}, [2]string{"Code: ", "2"})}})
	w.serve("h1", &sshserver.Server{Auth: sshserver.Auth{Questions: asks("", right...)}})
	w.serve("h2", &sshserver.Server{Auth: sshserver.Auth{Questions: asks("", right...)}})
	var asked []string
	d := w.dialer()
	d.Passwords = &secret.Keyring{
		Ask: func(context.Context, string) (secret.Secret, error) {
			asked = append(asked, "password")
			return secret.New("pw"), nil
		},
		AskOnce: func(ctx context.Context, _ bool) (secret.Secret, error) {
			asked = append(asked, secret.HostOf(ctx))
			return secret.New("1"), nil
		},
	}
	_, err := d.Dial(context.Background(), "wrong", ssh.Options{User: "web"})
	if expect(t, err, ssh.StageLogin, ssh.ErrAuth, "not let in"); errors.Is(err, secret.ErrRejected) {
		t.Errorf("%v says of the password that it was rejected", err)
	}
	w.dial(d, "h1")
	w.dial(d, "h2")
	if got := strings.Join(asked, " "); got != "password wrong h1 h2" {
		t.Errorf("asked: %s", got)
	}
}

// TestQuestionOfAnother has a host ask for the password of another user.
func TestQuestionOfAnother(t *testing.T) {
	w := newWorld(t)
	w.serve("h", &sshserver.Server{Auth: sshserver.Auth{Questions: asks("", [2]string{"Password for root: ", "pw"})}})
	asked := 0
	d := w.dialer()
	d.Passwords = keyring("pw", &asked)
	_, err := d.Dial(context.Background(), "h", ssh.Options{User: "web"})
	expect(t, err, ssh.StageLogin, ssh.ErrAuth, `asks for the secret of "root"`)
	if asked != 0 {
		t.Error("the password was asked for")
	}
}

// TestPush has a login wait for somebody's phone, for longer than ConnectTimeout.
func TestPush(t *testing.T) { inBubble(t, testPush) }

func testPush(t *testing.T, w *world) {
	w.serve("h", &sshserver.Server{Auth: sshserver.Auth{Questions: func(_ string, ask xssh.KeyboardInteractiveChallenge) error {
		ask("", "Pushed a login request to your phone...", nil, nil)
		time.Sleep(100 * time.Second)
		return nil
	}}})
	told := ""
	d := w.dialer()
	d.Set = append(d.Set, "ConnectTimeout=5")
	d.Passwords = &secret.Keyring{}
	d.Warn = func(_, text string) { told += text }
	w.dial(d, "h")
	if !strings.Contains(told, "Pushed a login request to your phone...") {
		t.Errorf("the operator sees %q", told)
	}
}

// TestKeysBesideSSH has keys that farmrun could not use, or did not say so.
func TestKeysBesideSSH(t *testing.T) {
	need.Program(t, "ssh-keygen")
	w := besideSSH(t)
	make := func(name string, args ...string) xssh.PublicKey {
		out, err := exec.Command("ssh-keygen", append(args, "-q", "-N", "open sesame", "-f", w.path(name))...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		key, _, _, _, err := xssh.ParseAuthorizedKey([]byte(w.read(name + ".pub")))
		check(t, err)
		return key
	}
	keys := map[string]xssh.PublicKey{
		"pkcs8":    make("pkcs8", "-t", "rsa", "-m", "PKCS8"),
		"pkcs8-ec": make("pkcs8-ec", "-t", "ecdsa", "-m", "PKCS8"),
		"pem":      make("pem", "-t", "rsa", "-m", "PEM"),
		"alone":    make("alone", "-t", "ecdsa", "-m", "PKCS8"),
	}
	check(t, os.Remove(w.path("alone.pub")))
	for name, key := range keys {
		w.serve(name, &sshserver.Server{Auth: sshserver.Auth{Key: sshserver.Keys(key)}})
	}
	for name := range keys {
		asked := w.operator([2]string{"passphrase for", "open sesame"})
		if err := w.both(name, "IdentityFile="+w.path(name)); err != nil {
			t.Error(err)
		}
		if got, _ := asked(); !strings.Contains(got, "passphrase for "+w.path(name)) {
			t.Errorf("%s: asked %q", name, got)
		}
	}
	w.operator([2]string{"passphrase for", "wrong"})
	expect(t, w.both("pkcs8", "IdentityFile="+w.path("pkcs8"), "NumberOfPasswordPrompts=1"), ssh.StageLogin, ssh.ErrAuth, "wrong passphrase")

	w.serve("password", &sshserver.Server{Auth: sshserver.Auth{Key: sshserver.Keys(newKey(t).PublicKey()), Password: sshserver.Passwords{"web": "pw"}.Check}})
	w.write("broken", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n")
	w.write("open", w.read(".ssh/id_ed25519"))
	check(t, chmod(w.path("open"), 0o644))
	asked := w.operator([2]string{"", "pw"})
	if err := w.both("password", "IdentityFile="+w.path("broken"), "IdentityFile="+w.path("open")); err != nil {
		t.Error(err)
	}
	got, _ := asked()
	for _, want := range []string{w.path("broken") + " cannot be read", w.path("open") + " can be read by others"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not said before the password is asked for: %q", want, got)
		}
	}
}

// TestAcceptedKeysBesideSSH has the configuration say which keys are of use.
func TestAcceptedKeysBesideSSH(t *testing.T) {
	w := besideSSH(t)
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	check(t, err)
	signer, err := xssh.NewSignerFromKey(rs)
	check(t, err)
	block, err := xssh.MarshalPrivateKey(rs, "")
	check(t, err)
	w.write("rsa", string(pemText(block)))
	w.serve("h", &sshserver.Server{Auth: sshserver.Auth{Key: sshserver.Keys(signer.PublicKey())}, HostKeys: []xssh.Signer{signer}})
	key := "IdentityFile=" + w.path("rsa")
	for _, set := range [][]string{
		{key},
		{key, "PubkeyAcceptedAlgorithms=rsa-sha2-256"},
		{key, "PubkeyAcceptedKeyTypes=ssh-ed25519"},
		{key, "PubkeyAcceptedAlgorithms=-rsa*"},
		{key, "RequiredRSASize=2048"},
		{key, "RequiredRSASize=3072"},
		{key, "CheckHostIP=yes"},
		{key, "NoHostAuthenticationForLocalhost=yes", "UserKnownHostsFile=none", "StrictHostKeyChecking=yes"},
		{key, "StrictHostKeyChecking=yes", "UserKnownHostsFile=none"},
	} {
		w.both("h", set...)
	}
}

// noting is a host key that notes when it was shown.
type noting struct {
	xssh.AlgorithmSigner
	shown *string
}

func (n noting) Sign(rand io.Reader, data []byte) (*xssh.Signature, error) {
	return n.SignWithAlgorithm(rand, data, n.PublicKey().Type())
}

func (n noting) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*xssh.Signature, error) {
	*n.shown = algorithm
	return n.AlgorithmSigner.SignWithAlgorithm(rand, data, algorithm)
}

// TestHostKeyBesideSSH has a host with several keys show both the same one.
func TestHostKeyBesideSSH(t *testing.T) {
	w := besideSSH(t)
	shown := ""
	note := func(key any) xssh.Signer {
		s, err := xssh.NewSignerFromKey(key)
		check(t, err)
		return noting{s.(xssh.AlgorithmSigner), &shown}
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	check(t, err)
	keys := []xssh.Signer{note(rs), note(ec), note(newEd25519(t))}
	port := w.serve("h", &sshserver.Server{HostKeys: keys})
	for name, x := range map[string]struct {
		known []int // which of keys
		set   []string
	}{
		"none is known":          {},
		"the first":              {known: []int{0}},
		"the second":             {known: []int{1}},
		"both of these":          {known: []int{0, 1}},
		"all":                    {known: []int{0, 1, 2}},
		"an order":               {known: []int{1, 2}, set: []string{"HostKeyAlgorithms=rsa-sha2-256,ecdsa-sha2-nistp256,ssh-ed25519"}},
		"one more":               {known: []int{0}, set: []string{"HostKeyAlgorithms=+ssh-rsa"}},
		"one less":               {set: []string{"HostKeyAlgorithms=-ssh-ed25519"}},
		"one in front":           {known: []int{2}, set: []string{"HostKeyAlgorithms=^ecdsa-sha2-nistp256"}},
		"another is in the list": {known: []int{0}, set: []string{"HostKeyAlgorithms=rsa-sha2-512"}},
	} {
		t.Run(name, func(t *testing.T) {
			login := func(by func()) string {
				shown = ""
				w.write(".ssh/known_hosts", "")
				for _, i := range x.known {
					w.know(port, keys[i].PublicKey())
				}
				by()
				return shown
			}
			want := login(func() { _, err := w.ssh("h", "true", x.set...); t.Log(err) })
			got := login(func() {
				d := w.dialer()
				d.Set = w.options(x.set)
				c, err := d.Dial(context.Background(), "h", ssh.Options{User: "web"})
				if t.Log(err); err == nil {
					c.Close()
				}
			})
			if got != want || want == "" {
				t.Errorf("it shows %q, and %q to ssh", got, want)
			}
		})
	}
}

// TestKnownHostsBesideSSH has files of known hosts that cannot be read, and a
// command that prints them.
func TestKnownHostsBesideSSH(t *testing.T) {
	w := besideSSH(t)
	key := newKey(t)
	port := w.serve("h", &sshserver.Server{HostKeys: []xssh.Signer{key}})
	w.write("known", fmt.Sprintf("[127.0.0.1]:%d %s", port, text(key.PublicKey())))
	w.write("other", fmt.Sprintf("[127.0.0.1]:%d %s", port, text(newKey(t).PublicKey())))
	w.write("log", "")
	w.write("print", "#!/bin/sh\necho \"$@\" >>"+w.path("log")+"\ncat "+w.path("known")+"\n")
	w.write("fail", "#!/bin/sh\necho no such database >&2\nexit 3\n")
	for _, name := range []string{"print", "fail"} {
		check(t, chmod(w.path(name), 0o700))
	}
	const strict, nowhere = "StrictHostKeyChecking=yes", "UserKnownHostsFile=none"
	for _, set := range [][]string{
		{strict, "UserKnownHostsFile=" + w.path(".ssh") + " " + w.path("known")},
		{strict, "UserKnownHostsFile=" + w.path(".ssh")},
		{strict, nowhere, "GlobalKnownHostsFile=" + w.path(".ssh") + " " + w.path("known")},
		{strict, nowhere, "KnownHostsCommand=none"},
		{strict, nowhere, "KnownHostsCommand=" + w.path("print") + " %H %I %t %f %K %h:%p"},
		{strict, nowhere, "KnownHostsCommand=" + w.path("print") + ` "%n \"x" '' %%`},
		{strict, nowhere, "KnownHostsCommand=/bin/cat " + w.path("other")},
		{strict, nowhere, "KnownHostsCommand=/bin/true"},
		{strict, "UserKnownHostsFile=" + w.path("known"), "KnownHostsCommand=" + w.path("fail")},
		{strict, nowhere, "KnownHostsCommand=print"},
		{strict, nowhere, "KnownHostsCommand=" + w.path("print") + " %q"},
	} {
		w.both("h", set...)
	}
	calls := strings.Split(strings.TrimSuffix(w.read("log"), "\n"), "\n")
	if name, rest, _ := strings.Cut(calls[0], " "); name == "127.0.0.1" { // OpenSSH before 10 left the port out here
		calls[0] = fmt.Sprintf("[127.0.0.1]:%d %s", port, rest)
	}
	if len(calls) != 8 || calls[0]+calls[1] != calls[2]+calls[3] || calls[4] != calls[6] {
		t.Errorf("the command was called with\n%s", w.read("log"))
	}
	err := w.both("h", strict, "UserKnownHostsFile="+w.path(".ssh"))
	expect(t, err, ssh.StageHostKey, ssh.ErrHostKey, w.path(".ssh")+": is a directory")
	err = w.both("h", strict, "KnownHostsCommand="+w.path("fail"))
	expect(t, err, ssh.StageHostKey, ssh.ErrHostKey, "exit status 3 no such database")
}
