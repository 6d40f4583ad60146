package main

import (
	"bytes"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"farmrun/testdata/need"
)

// The login in the address of a git repository gets to its server, and nowhere else: no
// argument, no environment and no file on the host has it.
func TestGitLogin(t *testing.T) {
	need.Program(t, "git")
	if _, err := os.Stat("/proc/self/environ"); err != nil {
		t.Skip("there is no /proc here")
	}
	const user, password, written = "deploy", "s3cr@t/:word", "deploy:s3cr%40t%2F%3Aword"
	dir := t.TempDir()
	sh := func(line string) string {
		cmd := exec.Command("sh", "-ec", line)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "HOME="+dir, "GIT_CONFIG_NOSYSTEM=1")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return strings.TrimSpace(string(out))
	}
	sh(`git init -q --bare site.git; git init -q work; cd work; echo hello >file; git add file
		git -c user.name=rel -c user.email=rel@example.org commit -q -m new; git tag Snapshot-2000-09-19; git push -q ../site.git --tags`)
	backend := &cgi.Handler{
		Path: sh("git --exec-path") + "/git-http-backend",
		Env:  []string{"GIT_PROJECT_ROOT=" + dir, "GIT_HTTP_EXPORT_ALL=1"},
	}
	var served atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, p, ok := r.BasicAuth(); !ok || u != user || p != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		served.Add(1)
		r.Header.Del("Authorization")
		showsNowhere(t, password, written) // while git waits for the answer
		backend.ServeHTTP(w, r)
	}))
	defer server.Close()
	url := strings.Replace(server.URL, "//", "//"+written+"@", 1) + "/site.git"
	o := &shellOperator{farm: newShellFarm(t, dir, "site.source = 'git'\nsite.git.url = '"+url+"'", "web1")}
	said, err := o.run(t, 0, "git-pull-snapshot", "2000-09-19")
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	if served.Load() < 3 { // of ls-remote, and of fetch
		t.Errorf("only %d requests had the login", served.Load())
	}
	if text, err := os.ReadFile(filepath.Join(o.farm.home("web1"), "releases/2000-09-19/file")); string(text) != "hello\n" {
		t.Errorf("got %q, %v", text, err)
	}
	if found := sh("grep -rlF -e 's3cr' web1 || :"); found != "" {
		t.Errorf("the password stands in %s", found)
	}
}

// showsNowhere fails if an argument or the environment of any process has a secret.
func showsNowhere(t *testing.T, secrets ...string) {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		for _, file := range []string{file, filepath.Join(filepath.Dir(file), "environ")} {
			text, _ := os.ReadFile(file) // of a process that has ended
			for _, secret := range secrets {
				if bytes.Contains(text, []byte(secret)) {
					t.Errorf("%s has the secret: %q", file, text)
				}
			}
		}
	}
}
