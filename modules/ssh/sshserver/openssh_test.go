package sshserver_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"

	"farmrun/modules/ssh/sshserver"
	"farmrun/testdata/need"
)

// openSSH is OpenSSH's client with a configuration for one host, "host".
type openSSH struct{ config string }

// newOpenSSH returns a client for the server at addr.
func newOpenSSH(t *testing.T, addr string, private ed25519.PrivateKey, host ssh.PublicKey) openSSH {
	t.Helper()
	dir := t.TempDir()
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	name, port, _ := net.SplitHostPort(addr)
	write := func(file, text string) string {
		path := filepath.Join(dir, file)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	key := write("id", string(pem.EncodeToMemory(block)))
	known := write("known_hosts", fmt.Sprintf("[%s]:%s %s", name, port, ssh.MarshalAuthorizedKey(host)))
	return openSSH{write("config", fmt.Sprintf(`Host host
HostName %s
Port %s
User web
IdentityFile %s
IdentitiesOnly yes
UserKnownHostsFile %s
StrictHostKeyChecking yes
BatchMode yes
ExitOnForwardFailure yes
SendEnv GREETING
`, name, port, key, known))}
}

// run is ssh -F config args.
func (o openSSH) run(t *testing.T, stdin string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ssh", append([]string{"-F", o.config}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	cmd.Env = append(os.Environ(), "GREETING=hello")
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("ssh %q: %v\n%s", args, err, &errs)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// startForOpenSSH starts a server that allows everything.
func startForOpenSSH(t *testing.T) openSSH {
	t.Helper()
	need.Program(t, "ssh")
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	hostKey := newKey(t)
	addr := start(t, &sshserver.Server{
		HostKeys: []ssh.Signer{hostKey},
		Auth:     sshserver.Auth{Key: sshserver.Keys(signer.PublicKey())},
		Exec:     sshserver.Shell(t.TempDir(), nil),
		Dial:     new(net.Dialer).DialContext,
		Listen:   net.Listen,
		Banner:   "For the practice of it.\n",
	})
	return newOpenSSH(t, addr, private, hostKey.PublicKey())
}

func TestOpenSSHRuns(t *testing.T) {
	client := startForOpenSSH(t)
	type outcome struct {
		Out  string
		Code int
	}
	keepalive := []string{"-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=5"}
	for _, test := range []struct {
		name, stdin string
		args        []string
		want        outcome
	}{
		{"command", "", []string{"host", "echo hello; exit 3"}, outcome{"hello\n", 3}},
		{"stdin", "hello", []string{"host", "cat"}, outcome{"hello", 0}},
		{"no stdin", "hello", []string{"-n", "host", "cat"}, outcome{"", 0}},
		{"environment", "", []string{"host", "echo $GREETING"}, outcome{"hello\n", 0}},
		{"login shell", "echo hello", []string{"host"}, outcome{"hello\n", 0}},
		{"signal", "", []string{"host", "kill -KILL $$"}, outcome{"", 255}},
		{"subsystem", "", []string{"-s", "host", "sftp"}, outcome{"", 255}},
		{"keepalive", "", append(keepalive, "host", "sleep 8; echo hello"), outcome{"hello\n", 0}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			out, stderr, code := client.run(t, test.stdin, test.args...)
			if diff := cmp.Diff(test.want, outcome{out, code}); diff != "" {
				t.Errorf("-want +got:\n%s\n%s", diff, stderr)
			}
			if !strings.Contains(stderr, "For the practice of it.") {
				t.Errorf("no banner in %q", stderr)
			}
		})
	}
}

func TestOpenSSHForwards(t *testing.T) {
	client := startForOpenSSH(t)
	for _, x := range []struct{ flag, from, to string }{
		{"-L", "unix", "tcp"}, {"-L", "unix", "unix"}, {"-R", "tcp", "tcp"}, {"-R", "unix", "unix"},
	} {
		t.Run(fmt.Sprintln(x), func(t *testing.T) {
			l := listen(t, x.to)
			go echo(l)
			near := "127.0.0.1:0"
			if x.from == "unix" {
				near = filepath.Join(t.TempDir(), "s")
			}
			port := client.forward(t, x.flag, near+":"+l.Addr().String())
			if x.from == "tcp" {
				near = "127.0.0.1:" + port
			}
			c, err := net.Dial(x.from, near)
			if err != nil {
				t.Fatal(err)
			}
			if got := exchange(t, c, "hello"); got != "echo hello" {
				t.Errorf("got %q", got)
			}
		})
	}
}

// allocated is how ssh tells which port the server has chosen.
var allocated = regexp.MustCompile(`Allocated port (\d+)`)

// forward has ssh forward something until the test ends. It returns the port if
// the server chose one.
func (o openSSH) forward(t *testing.T, flag, what string) (port string) {
	t.Helper()
	cmd := exec.Command("ssh", "-F", o.config, flag, what, "host", "echo up; cat")
	stdin, _ := cmd.StdinPipe()
	stdout, _ := cmd.StdoutPipe()
	name := filepath.Join(t.TempDir(), "stderr")
	stderr, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close()
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		cmd.Wait()
	})
	if _, err := stdout.Read(make([]byte, 3)); err != nil {
		t.Fatal(err)
	}
	said, err := os.ReadFile(name) // before the command began
	if err != nil {
		t.Fatal(err)
	}
	if m := allocated.FindSubmatch(said); m != nil {
		port = string(m[1])
	}
	return port
}

func TestOpenSSHForwardsAlone(t *testing.T) {
	client := startForOpenSSH(t)
	l := listen(t, "tcp")
	go echo(l)
	target := l.Addr().String()
	for _, test := range []struct {
		name           string
		args           []string
		stdout, stderr string
		code           int
	}{
		{"-W", []string{"-W", target, "host"}, "echo hello", "", 0},
		{"-R taken", []string{"-R", target + ":" + target, "host", "true"}, "", "remote port forwarding failed", 255},
		{"-R 0", []string{"-R", "127.0.0.1:0:" + target, "host", "true"}, "", "Allocated port", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, stderr, code := client.run(t, "hello", test.args...)
			if out != test.stdout || code != test.code || !strings.Contains(stderr, test.stderr) {
				t.Errorf("got %q, %d, %q; want %q, %d, %q", out, code, stderr, test.stdout, test.code, test.stderr)
			}
		})
	}
}

func listen(t *testing.T, network string) net.Listener {
	t.Helper()
	addr := "127.0.0.1:0"
	if network == "unix" {
		addr = filepath.Join(t.TempDir(), "s")
	}
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}
