package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"farmrun/luahost/remote"
	"farmrun/luahost/remote/remotetest"
	"farmrun/testdata/need"
)

// kindOps does everything that needs a command on a host, each for itself, and
// prints the result or the kind of the error.
const kindOps = `
local farm, cvs, patch, release = require "farm", require "cvs", require "patch", require "release"
local symlink, _ = require "symlink", require "site"
local here, tries = "HERE", {}
local function try(name, f) tries[#tries + 1] = { name = name, f = f } end
local function done(t, h)
	local ok, v = pcall(t.f, h)
	print("=" .. t.name .. ": " .. (ok and tostring(v) or v.kind or tostring(v)))
	if not ok then print("# " .. tostring(v)) end
end
try("query", function(h) return h:query("echo allowed").text end)
try("probe", function(h) return h:query("test -e /nonexistent || echo allowed").text end)
try("run", function(h) return h:run("echo x >ran && cat ran").text end)
try("dir", function(h) return h:query("pwd", { dir = "d" }).text:match("[^/]*/[^/]*$") end)
try("env", function(h) return h:query("echo $A", { env = { A = "b" } }).text end)
try("write", function(h) h:write("w", "one\n") return h:query("cat w").text end)
try("read", function(h) return h:read("old") end)
try("put", function(h) h:put(here .. "/local", "p") return h:query("cat p").text end)
try("get", function(h) h:get("old", here .. "/got") return io.open(here .. "/got"):read("*a") end)
try("sudo", function(h) return h:sudo("cat; id -u", { stdin = "in\n" }).text:gsub("\n", " ") end)
try("sudo words", function(h) return h:sudo({ "cat" }, { stdin = "in\n" }).text end)
try("symlink", function(h) symlink.switch(h, "l", "d") return symlink.read(h, "l") end)
try("cvs", function(h) return cvs.checkout(h, { root = here .. "/cvsroot", module = "site", dir = "c" }) end)
try("release", function(h) return #release.list(h, "d") end)
try("patch", function(h) return patch.apply(h, "--- old\n+++ old\n@@ -1 +1 @@\n-one\n+two\n") end)
local rollout = { name = "rollout", f = function(h)
	farm.rollout("h", { settle = "0s", lock = { host = "h", path = "lock" }, healthy = function(host) host:query("test -d d") end },
		function(host) host:step("s", function() host:run("echo y >rolled") end) end)
	return h:query("cat rolled").text
end }
if ATONCE then
	farm.each(("h[1-%d]"):format(#tries), function(h) done(tries[tonumber(h.name:sub(2))], h) end)
else
	for _, t in ipairs(tries) do done(t, farm.hosts("h")[1]) end
end
done(rollout, farm.hosts("h")[1])
`

// kindRight returns their results.
func kindRight() map[string]string {
	return map[string]string{
		"query": "allowed", "probe": "allowed", "run": "x", "dir": "h/d", "env": "b", "write": "one", "read": "one",
		"put": "local", "get": "one", "sudo": "in 0", "sudo words": "in", "symlink": "d", "cvs": "1", "release": "0",
		"patch": "true", "rollout": "y",
	}
}

// kindOfHost is a host that does something else before the command, or instead.
type kindOfHost struct {
	name   string
	bashrc string // the host's ~/.bashrc, or ~/.bash_profile in a terminal
	force  string // its ForceCommand, or the program in a terminal
	pam    string // its PAM stack, or commands before the shell of a terminal
	shell  string // the site's setting
	want   string // "right", or the kind of every error
	only   string // but these are right
	silent bool   // it takes long to be known, so all is done at once
	says   string // in the errors
}

// kindsOfHosts are hosts that do something else before the command, or instead.
var kindsOfHosts = []kindOfHost{
	{name: "plain", want: "right"},
	{name: "no proc", want: "right"},
	{name: "slow PAM", pam: "account optional pam_echo.so looking you up\nsession optional pam_exec.so quiet /bin/sleep 4", want: "right"},
	{name: "silent PAM", pam: "account optional pam_exec.so quiet /bin/sleep 4", want: "right"},
	{name: "prints", bashrc: "echo Welcome; echo 3 users >&2; printf 'no newline'", want: "right"},
	{name: "CDPATH", bashrc: "mkdir -p other/d; export CDPATH=$HOME/other:.", want: "right"},
	{name: "options", bashrc: "set -eu -o noclobber; export SHELLOPTS IFS=x TMOUT=1 POSIXLY_CORRECT=1 BASH_ENV=/nonexistent ENV=/nonexistent LC_ALL=xx_YY", want: "right"},
	{name: "functions", bashrc: "cd() { builtin cd \"$@\" && ls; }; export -f cd; alias exec=echo sh=false", want: "right"},
	{name: "reads input", bashrc: "read x </dev/null; set -x", want: "right"},
	{name: "reads a line", bashrc: "echo Which?; read x", want: "login", only: inputless, says: "Which?"},
	{name: "reads all", bashrc: "cat", want: "login", only: inputless},
	{name: "closes the input", bashrc: "exec </dev/null", want: "login", only: inputless},
	{name: "drops typeahead", bashrc: "while read -t 0.1 x; do :; done", want: "right"},
	{name: "joins the outputs", bashrc: "exec 2>&1", want: "login", only: plainest},
	{name: "drops the errors", bashrc: "exec 2>/dev/null", want: "login", only: plainest},
	{name: "logs the errors", bashrc: "exec 2> >(cat >/dev/null)", want: "login", only: plainest},
	{name: "exec tcsh -c", bashrc: "[ -n \"$AGAIN\" ] || AGAIN=1 exec tcsh -fc \"$BASH_EXECUTION_STRING\"", want: "right"},
	{name: "evaluates", force: `cd "$HOME"; eval "$SSH_ORIGINAL_COMMAND"`, want: "right"},
	{name: "exits", bashrc: "echo bye; exit 0", want: "login", says: "bye"},
	{name: "exec sh", bashrc: "exec sh", want: "login"},
	{name: "exec tcsh", bashrc: "exec tcsh -f", want: "login"},
	{name: "nologin", force: "/usr/sbin/nologin", want: "login", says: "not available"},
	{name: "forced", force: "echo forced", want: "login"},
	{name: "forced shell", force: "sh", want: "login"},
	{name: "repeats", force: `echo "not allowed: $SSH_ORIGINAL_COMMAND"`, want: "login"},
	{name: "rbash", force: `rbash -c "$SSH_ORIGINAL_COMMAND"`, want: "login"},
	{name: "list", force: `case $SSH_ORIGINAL_COMMAND in "echo allowed"|"test -e /nonexistent || echo allowed") eval "$SSH_ORIGINAL_COMMAND";; *) echo no; exit 1;; esac`, shell: "shell = false", want: "refused", only: "query probe"},
}

// What needs no shell's own standard error, and what needs no input.
const (
	plainest  = "query probe run dir env"
	inputless = plainest + " read get symlink cvs release"
)

// kindMakes returns the file that an operation leaves in the home of its host.
func kindMakes() map[string]string {
	return map[string]string{
		"run": "ran", "write": "w", "put": "p", "symlink": "l", "cvs": "c", "rollout": "rolled",
	}
}

// TestKindsOfHosts has all that farmrun does on hosts be done right on each kind,
// by OpenSSH's sshd, or be an error before anything is touched.
func TestKindsOfHosts(t *testing.T) {
	for _, program := range []string{"/usr/sbin/sshd", "bash", "tcsh", "cvs", "patch", "sudo"} {
		need.Program(t, program)
	}
	for _, k := range kindsOfHosts {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			home := filepath.Join(dir, "h")
			if k.name == "no proc" {
				k.force = withoutProc(t, dir)
			}
			kindHome(t, dir)
			kindHost(t, dir, home, k)
			kindFile(t, dir, "site.lua", `require("farm").site { hosts = { h = { `+k.shell+" } } }\n")
			k.check(t, dir, home)
			if k.bashrc == "" && k.want == "right" {
				kindResume(t, dir)
			}
		})
	}
}

// withoutProc returns the ForceCommand of a host that has no /proc, a ps as POSIX has it,
// and dash.
func withoutProc(t *testing.T, dir string) string {
	t.Helper()
	need.Program(t, "dash")
	var s remotetest.Shell
	s.UseNoProc(t)
	words := append(append([]string{"exec", "env"}, s.Env...), s.Wrap...)
	kindFile(t, dir, "host", remote.QuoteAll(append(words, "dash", "-c"))+` "cd; $SSH_ORIGINAL_COMMAND"`+"\n")
	return "sh " + filepath.Join(dir, "host")
}

// kindResume kills a farmrun in a step, whose command runs on, and resumes the run.
func kindResume(t *testing.T, dir string) {
	t.Helper()
	mark, after := remotetest.Mark(), filepath.Join(dir, "h", "after")
	kindFile(t, dir, "killed.lua", `local farm, _ = require "farm", require "site"
		farm.rollout("h", { settle = "0s", healthy = function() end }, function(host)
			host:step("s", function() host:run "[ -e begun ] || { echo >begun; sleep 1`+mark+`; }; echo >>after" end)
		end)`)
	first := kindCommand(dir, "killed.lua")
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- first.Wait() }()
	for begun := false; !begun; {
		select {
		case err := <-ended:
			t.Fatalf("it has ended: %v", err)
		case <-time.After(10 * time.Millisecond):
			_, err := os.Stat(filepath.Join(dir, "h", "begun"))
			begun = err == nil
		}
	}
	first.Process.Kill()
	<-ended
	said, err := kindCommand(dir, "resume").CombinedOutput()
	if err != nil || !strings.Contains(string(said), "h: the last command of step s: process ") {
		t.Errorf("resume: %v\n%s", err, said)
	}
	if left := remotetest.Running(mark); left != "" {
		t.Errorf("still running: %s", left)
	}
	if text, _ := os.ReadFile(after); string(text) != "\n" {
		t.Errorf("it was done so often: %q", text)
	}
}

// check does everything on the host, and compares.
func (k kindOfHost) check(t *testing.T, dir, home string) {
	t.Helper()
	before := kindListing(t, home)
	got, said := kindRun(t, dir, k.silent)
	if !strings.Contains(said, k.says) {
		t.Errorf("the host's %q is not shown", k.says)
	}
	want := map[string]string{}
	right := kindRight()
	for op, result := range right {
		want[op] = result
		if k.want != "right" && !slices.Contains(strings.Fields(k.only), op) {
			want[op] = k.want
		}
	}
	if k.shell != "" {
		want["run"] = "exit" // the host's own refusal
	}
	if want["rollout"] == "login" && k.only == "" { // its own words for a host that cannot be asked
		want["rollout"] = got["rollout"]
		if got["rollout"] == "y" {
			t.Error("the rollout went well")
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if after := kindListing(t, home); k.want != "right" && k.only == "" && after != before {
		t.Errorf("the host had %s and has %s", before, after)
	}
	for op, file := range kindMakes() {
		if _, err := os.Lstat(filepath.Join(home, file)); (err == nil) != (want[op] == right[op]) {
			t.Errorf("%s: the host's %s: %v", op, file, err)
		}
	}
	if old, _ := os.ReadFile(filepath.Join(home, "old")); (string(old) == "one\n") == (want["patch"] == "true") {
		t.Errorf("the host's old is %q", old)
	}
}

// kindHome makes the homes of a host and its operator, with all that kindOps needs.
func kindHome(t *testing.T, dir string) {
	t.Helper()
	kindDirs(t, dir)
	kindShell(t, dir, "cvs -d $PWD/cvsroot init && mkdir m && cd m && echo a >f && cvs -Q -d $PWD/../cvsroot import -m x site v r")
	kindFile(t, dir, "local", "local")
	kindFile(t, dir, "h/old", "one\n")
}

// kindDirs makes the homes.
func kindDirs(t *testing.T, dir string) {
	t.Helper()
	for _, d := range []string{"h/d", "home/.ssh"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
}

// kindHost has sshd serve a host as h, whose home is there.
func kindHost(t *testing.T, dir, home string, k kindOfHost) {
	t.Helper()
	if os.Geteuid() == 0 { // sshd's own, which is gone after a reboot until it is started as a service
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	kindShell(t, dir, "ssh-keygen -q -t ed25519 -N '' -f home/.ssh/id_ed25519 && ssh-keygen -q -t ed25519 -N '' -f hostkey")
	kindFile(t, dir, "h/.bashrc", "cd \"$HOME\"\n"+k.bashrc+"\n")
	conf := fmt.Sprintf("HostKey %[1]s/hostkey\nAuthorizedKeysFile %[1]s/home/.ssh/id_ed25519.pub\nStrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin yes\nSetEnv HOME=%[2]s\n", dir, home)
	if k.force != "" {
		conf += "ForceCommand " + k.force + "\n"
	}
	sshd := "/usr/sbin/sshd"
	if k.pam != "" {
		sshd = kindPAM(t, dir, k.pam)
		conf = strings.Replace(conf, "UsePAM no", "UsePAM yes", 1)
	}
	kindFile(t, dir, "sshd_config", conf)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		serveKind(l, sshd, "-i", "-f", filepath.Join(dir, "sshd_config"))
	}()
	t.Cleanup(func() { l.Close(); <-served })
	text, err := os.ReadFile(filepath.Join(dir, "hostkey.pub"))
	if err != nil {
		t.Fatal(err)
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		t.Fatal(err)
	}
	kindFile(t, dir, "home/.ssh/known_hosts", knownhosts.Line([]string{l.Addr().String()}, key)+"\n")
	kindFile(t, dir, "home/.ssh/config", fmt.Sprintf("Host h\n\tHostName 127.0.0.1\n\tPort %d\n", l.Addr().(*net.TCPAddr).Port))
}

// kindPAM returns an sshd with a PAM stack of its own, which has the name of the program.
func kindPAM(t *testing.T, dir, stack string) (sshd string) {
	t.Helper()
	need.Root(t)
	sshd = filepath.Join(dir, "farmrun-"+remotetest.Mark())
	if err := os.Symlink("/usr/sbin/sshd", sshd); err != nil {
		t.Fatal(err)
	}
	service := filepath.Base(sshd)
	kindFile(t, "/etc/pam.d", service, stack+"\naccount required pam_permit.so\nsession required pam_permit.so\n")
	t.Cleanup(func() { os.Remove("/etc/pam.d/" + service) })
	return sshd
}

// serveKind runs a server for each connection until l is closed and all are over.
func serveKind(l net.Listener, server ...string) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		f, err := conn.(*net.TCPConn).File()
		conn.Close()
		if err != nil {
			return
		}
		cmd := exec.Command(server[0], server[1:]...)
		cmd.Stdin, cmd.Stdout = f, f
		if cmd.Start() == nil {
			defer cmd.Wait()
		}
		f.Close()
	}
}

// kindRun runs kindOps, and returns the result of each, and all output.
func kindRun(t *testing.T, dir string, atOnce bool) (results map[string]string, said string) {
	t.Helper()
	kindFile(t, dir, "ops.lua", strings.NewReplacer("HERE", dir, "ATONCE", fmt.Sprint(atOnce)).Replace(kindOps))
	kindLink(t, dir)
	cmd := kindCommand(dir, "ops.lua")
	var errors strings.Builder
	cmd.Stderr = &errors
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, errors.String())
	}
	said = string(out) + errors.String()
	t.Log(said)
	results = map[string]string{}
	for line := range strings.Lines(string(out)) {
		if _, of, is := strings.Cut(line, ": ="); is && atOnce { // the host
			line = "=" + of
		}
		if op, result, is := strings.Cut(strings.TrimPrefix(line, "="), ":"); is && line[0] == '=' {
			results[op] = strings.TrimSpace(result)
		}
	}
	return results, said
}

// kindLink gives the operator farmrun, which this program is by that name.
func kindLink(t *testing.T, dir string) {
	t.Helper()
	self, err := os.Executable()
	if err == nil {
		err = os.Symlink(self, filepath.Join(dir, "farmrun"))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// kindCommand is a farmrun for the host.
func kindCommand(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(dir, "farmrun"), append([]string{"--site", "site.lua"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+filepath.Join(dir, "home"), "SSH_AUTH_SOCK=", "XDG_CONFIG_HOME=", "XDG_STATE_HOME=")
	return cmd
}

func kindShell(t *testing.T, dir, script string) {
	t.Helper()
	cmd := exec.Command("sh", "-c", script)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func kindFile(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// listing returns the names in a directory.
func kindListing(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}
