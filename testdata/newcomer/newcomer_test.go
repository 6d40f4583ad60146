// Package newcomer runs the README's commands on an empty machine.
package newcomer

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"farmrun/testdata/need"
	"farmrun/testdata/readme"
)

// insideEnv is set for a test binary that runs on the empty machine.
const insideEnv = "NEWCOMER_INSIDE"

// newcomer is a user who may use sudo. root is the other one.
const newcomer = "newcomer"

// goroot is where the machine has Go: not in the PATH that sudo gives.
const goroot = "/usr/local/go"

// TestCommands runs the README's two commands as root without sudo, with neither
// a module cache nor a build cache, and then as a user with sudo, who is given
// root's caches: another build would take as long as the first. In both rounds the
// check lacks a package more than the demo: sudo, then tcsh.
func TestCommands(t *testing.T) {
	if os.Getenv(insideEnv) == "" {
		enter(t)
		return
	}
	demo, check := commands(t)
	root := login(t, "root")
	if !t.Run("root", func(t *testing.T) { root.plays(t, demo, check) }) {
		return
	}
	root.must(t, "dpkg --purge cvs tcsh && useradd --create-home "+newcomer+
		" && echo '"+newcomer+" ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/"+newcomer+
		" && mkdir /home/"+newcomer+"/.cache && cp -r ~/.cache/go-build /home/"+newcomer+"/.cache"+
		" && chmod 711 ~ && chown -R "+newcomer+" . ~/go /home/"+newcomer)
	sudoer := login(t, newcomer)
	sudoer.env = append(sudoer.env, "GOMODCACHE=/root/go/pkg/mod")
	t.Run(newcomer, func(t *testing.T) { sudoer.plays(t, demo, check) })
}

// enter runs this test on the empty machine.
func enter(t *testing.T) {
	need.Root(t)
	need.Program(t, "unshare", "apt-get", "git", "go")
	machine, err := filepath.Abs("machine")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 25*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "unshare", "--mount", "--pid", "--fork", "--kill-child", machine, t.TempDir(), output(t, "go", "env", "GOROOT"),
		os.Args[0], "-test.run=^TestCommands$", "-test.v")
	cmd.Dir = output(t, "git", "rev-parse", "--show-toplevel")
	cmd.Env = append(os.Environ(), insideEnv+"=1", "GOPROXY="+output(t, "go", "env", "GOPROXY"), "GOSUMDB="+output(t, "go", "env", "GOSUMDB"))
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return strings.TrimSpace(string(out))
}

// commands returns the README's command for newcomers and the one for
// developers.
func commands(t *testing.T) (demo, check string) {
	for _, command := range readme.Commands(t) {
		switch {
		case strings.Contains(command, "demo --install "):
			demo = command
		case strings.HasSuffix(command, "testdata/check"):
			check = command
		}
	}
	if demo == "" || check == "" {
		t.Fatalf("the README lacks one of its two commands: %q, %q", demo, check)
	}
	return demo, check
}

// someone is a user at a shell.
type someone struct {
	root bool
	id   *syscall.Credential
	env  []string
}

// login gives a user a shell that has Go in its PATH, and this machine's
// settings of proxies. GOGC makes the compiler quicker.
func login(t *testing.T, name string) *someone {
	t.Helper()
	u, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"HOME=" + u.HomeDir, "LANG=C.UTF-8", "TERM=dumb", "GOGC=400", "PATH=" + goroot + "/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	for _, setting := range os.Environ() {
		name, _, _ := strings.Cut(setting, "=")
		switch strings.ToLower(name) {
		case "http_proxy", "https_proxy", "no_proxy", "ssl_cert_file", "ssl_cert_dir", "goproxy", "gosumdb":
			env = append(env, setting)
		}
	}
	return &someone{uid == 0, &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}, env}
}

// run runs a shell command and returns all that it printed.
func (s *someone) run(command string) (string, error) {
	cmd := exec.Command("sh", "-c", command)
	cmd.Env = s.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.id}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (s *someone) must(t *testing.T, command string) string {
	t.Helper()
	out, err := s.run(command)
	if err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return out
}

// plays runs the two commands, and before that the first without its option.
func (s *someone) plays(t *testing.T, demo, check string) {
	t.Run("without", func(t *testing.T) { s.refused(t, strings.Replace(demo, "--install ", "", 1)) })
	t.Run("demo", func(t *testing.T) { s.installs(t, demo) })
	t.Run("check", func(t *testing.T) {
		out := s.must(t, check+" packages tidy vet")
		if !strings.Contains(out, "\n3 passed, 0 failed\n") || strings.Contains(out, "left out") {
			t.Errorf("%s printed\n%s", check, out)
		}
	})
}

func (s *someone) refused(t *testing.T, demo string) {
	out, err := s.run(demo)
	if err == nil || !inOrder(out, "error: not installed: cvs", "hint: farmrun demo --install ") {
		t.Errorf("%s: %v, want an error that names --install\n%s", demo, err, out)
	}
}

func (s *someone) installs(t *testing.T, demo string) {
	before := policy(t)
	how := ": apt-get install"
	if !s.root {
		how = ": sudo apt-get install"
	}
	if out := s.must(t, demo); !inOrder(out, "installing cvs", how, "Setting up cvs", "starting a practice farm", "no request failed") {
		t.Errorf("%s printed\n%s", demo, out)
	}
	if after := policy(t); after != before {
		t.Errorf("policy-rc.d is %s, was %s", after, before)
	}
}

// policy returns the text of the program that lets packages start services.
func policy(t *testing.T) string {
	text, err := os.ReadFile("/usr/sbin/policy-rc.d")
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return fmt.Sprintf("%q, %v", text, err)
}

// inOrder tells whether text has the parts one after the other.
func inOrder(text string, parts ...string) bool {
	for _, part := range parts {
		_, rest, ok := strings.Cut(text, part)
		if !ok {
			return false
		}
		text = rest
	}
	return true
}
