package scripts_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"farmrun/testdata/farm"
	"farmrun/testdata/need"
)

// screen is a terminal that tmux runs, with the operator's shell in it.
type screen struct {
	*operator
	socket string
}

// newScreen starts tmux. Its server ends with the test.
func newScreen(o *operator) *screen {
	o.t.Helper()
	need.Program(o.t, "tmux")
	s := &screen{o, filepath.Join(o.t.TempDir(), "tmux")}
	s.tmux("-f", "/dev/null", "new-session", "-d", "-x", "120", "-y", "40", "-c", o.dir,
		"env", "HOME="+farm.Home(), "XDG_STATE_HOME="+o.state(), "PATH="+filepath.Dir(o.exec)+":"+os.Getenv("PATH"), "PS1=here$ ", "ENV=", "sh")
	o.t.Cleanup(func() { s.tmux("kill-server") })
	s.asks("here$")
	return s
}

func (s *screen) tmux(args ...string) string {
	s.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-S", s.socket}, args...)...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("tmux %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// types types a line.
func (s *screen) types(line string) {
	s.t.Helper()
	s.tmux("send-keys", "-l", line)
	s.tmux("send-keys", "Enter")
}

// asks waits until the last line on the screen that is not empty ends with text.
func (s *screen) asks(text string) {
	s.t.Helper()
	s.await(func(pane string) bool { return strings.HasSuffix(pane, text) }, text)
}

// sees waits until text is on the screen.
func (s *screen) sees(text string) {
	s.t.Helper()
	s.await(func(pane string) bool { return strings.Contains(pane, text) }, text)
}

func (s *screen) await(there func(pane string) bool, text string) {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) { // tmux tells nobody
		if there(strings.TrimSpace(s.tmux("capture-pane", "-p"))) {
			return
		}
	}
	s.t.Fatalf("%q does not come:\n%s", text, s.all())
}

// all returns what was on the screen, as far back as tmux knows.
func (s *screen) all() string { return s.tmux("capture-pane", "-p", "-S", "-") }

// TestTakeover is a cut-over whose restart fails on the third server: the
// operator takes it over, mends it by hand, gives it back, has the step done
// again, and looks afterwards at what he did.
func TestTakeover(t *testing.T) {
	o := newOperator(t)
	reset(t)
	t.Cleanup(func() { reset(t) })
	hosts := "webserv[1-4]"
	o.ok("cvs-pull-snapshot", "--hosts", hosts, "2000-09-19")
	// The server runs, but its script does not know: it would start another.
	t.Cleanup(func() { farm.Exec(t, "webserv3", "sh", "-c", "pgrep -o nginx >/home/web/logs/httpd.pid") })
	farm.Exec(t, "webserv3", "sh", "-c", ": >/home/web/logs/httpd.pid")

	s := newScreen(o)
	s.types("farmrun cutover --settle 0s --hosts '" + hosts + "' 2000-09-19")
	s.asks("Password for web:")
	s.types(farm.Password)

	s.asks("?")
	s.types("t")
	s.asks("webserv3:~$")
	s.types("stty size; rm -f logs/httpd.pid; pgrep -o nginx >logs/httpd.pid; /etc/init.d/httpd status")
	s.sees("httpd is running")
	s.tmux("resize-window", "-x", "100", "-y", "30")
	s.types("stty size")
	s.sees("\n30 100\n")
	s.tmux("send-keys", "-l", "~.")
	s.sees("is given back")
	s.asks("?")
	s.types("retry")
	s.sees("webserv4: done")
	s.asks("here$")
	s.types("echo it was $?")
	s.sees("it was 0")

	seen := s.all()
	for _, words := range []string{
		"webserv3: restart: sudo /etc/init.d/httpd restart: exit status 1", "r  retry restart",
		"farmrun: a session on webserv3 is yours", "\n40 120\n", "httpd is running",
		"farmrun: a session on webserv3 is given back",
	} {
		if !strings.Contains(seen, words) {
			t.Errorf("the screen does not show %q", words)
		}
	}
	for _, h := range []string{"webserv1", "webserv2", "webserv3", "webserv4"} {
		if page := farm.Exec(t, h, "curl", "-s", "http://localhost/"); !strings.Contains(page, "2000-09-19") {
			t.Errorf("%s shows:\n%s", h, page)
		}
	}

	s.tmux("clear-history")
	s.types("clear; farmrun show $(ls $XDG_STATE_HOME/farmrun/runs | grep cutover) webserv3 | cat")
	s.asks("here$")
	if replay := s.all(); !strings.Contains(replay, "httpd is running") || !strings.Contains(replay, "pgrep -o nginx >logs/httpd.pid") {
		t.Errorf("the replay shows:\n%s", replay)
	}
	if t.Failed() {
		t.Log(seen)
	}
}
