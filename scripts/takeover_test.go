package scripts_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"farmrun/testdata/farm"
	"farmrun/testdata/need"
	"farmrun/testdata/screen"
)

// window is a terminal with the operator's shell in it.
type window struct {
	*screen.Screen
	t testing.TB
}

// newWindow opens one, until the test ends.
func newWindow(o *operator) *window {
	o.t.Helper()
	need.Program(o.t, "tmux")
	s, err := screen.Start(o.dir, append(os.Environ(), "HOME="+farm.Home(), "XDG_STATE_HOME="+o.state(),
		"PATH="+filepath.Dir(o.exec)+":"+os.Getenv("PATH"), "PS1=here$ ", "ENV="), 40, 120, "sh")
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(s.Close)
	w := &window{s, o.t}
	w.asks("here$")
	return w
}

func (w *window) tmux(args ...string) string {
	w.t.Helper()
	out, err := w.Tmux(args...)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// types types a line.
func (w *window) types(line string) {
	w.t.Helper()
	w.tmux("send-keys", "-l", line)
	w.tmux("send-keys", "Enter")
}

// asks waits until the last line on the screen that is not empty ends with text.
func (w *window) asks(text string) {
	w.t.Helper()
	w.await(func(shown string) bool { return strings.HasSuffix(strings.TrimSpace(shown), text) }, text)
}

// sees waits until text is on the screen.
func (w *window) sees(text string) {
	w.t.Helper()
	w.await(func(shown string) bool { return strings.Contains(shown, text) }, text)
}

func (w *window) await(there func(shown string) bool, text string) {
	w.t.Helper()
	if err := w.Await(there); err != nil {
		w.t.Fatalf("%q does not come: %v\n%s", text, err, w.all())
	}
}

// all returns what was on the screen, as far back as tmux knows.
func (w *window) all() string { return w.tmux("capture-pane", "-p", "-S", "-") }

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

	s := newWindow(o)
	s.types("farmrun cutover --settle 0s --hosts '" + hosts + "' 2000-09-19")
	s.asks("Password for web:")
	s.types(farm.Password)

	s.asks("?")
	s.types("t")
	s.asks("webserv3:~$")
	s.types("stty size; rm -f logs/httpd.pid; pgrep -o nginx >logs/httpd.pid; /etc/init.d/httpd status")
	s.sees("httpd is running")
	s.tmux("resize-window", "-x", "100", "-y", "30") // the session is told
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

// twoFail has a step fail on two hosts at once.
const twoFail = `
require "site"
local farm = require "farm"
farm.rollout("%s", { healthy = function() end, max_offline = 2, batches = { 2 } }, function(host)
  host:step("look", function() host:run "test -e mended" end)
end)
`

// TestTakeoverOfTwo: with two hosts that have failed at once, the session on the one comes
// before the question about the other, and in it an operator can do whatever he does in a
// shell, however it is logged in to.
func TestTakeoverOfTwo(t *testing.T) {
	for login, hosts := range map[string][2]string{
		"ssh": {"webserv1", "webserv2"}, "telnet": {"webserv3", "webserv4"}, "rlogin": {"webserv5", "webserv6"},
	} {
		t.Run(login, func(t *testing.T) {
			o := newMixedOperator(t)
			t.Cleanup(func() {
				for _, h := range hosts {
					farm.Exec(t, h, "rm", "-f", "/home/web/mended", "/home/web/note")
				}
			})
			o.write("two.lua", fmt.Sprintf(twoFail, hosts[0]+","+hosts[1]))
			s := newWindow(o)
			s.types("farmrun two.lua")
			for range hosts {
				s.await(func(shown string) bool {
					return strings.HasSuffix(strings.TrimSpace(shown), "?") || strings.HasSuffix(strings.TrimSpace(shown), "Password for web:")
				}, "a question")
				if shown := strings.TrimSpace(s.all()); strings.HasSuffix(shown, "Password for web:") {
					s.types(farm.Password)
					s.asks("?")
				}
				asked := s.all()
				about := hosts[0]
				if strings.LastIndex(asked, hosts[1]+": look: test -e mended") > strings.LastIndex(asked, hosts[0]+": look: test -e mended") {
					about = hosts[1]
				}
				s.types("t")
				s.asks(about + ":~$")
				mendByHand(s, about)
				s.tmux("send-keys", "-l", "~.")
				s.sees("a session on " + about + " is given back")
				s.await(func(shown string) bool {
					shown = strings.TrimSpace(shown)
					return strings.HasSuffix(shown, "stop here: no further host is touched\n?") &&
						strings.LastIndex(shown, about+": look: test -e mended") > strings.LastIndex(shown, "is given back")
				}, "the whole question again")
				s.types("r")
			}
			s.asks("here$")
			s.types("echo it was $?")
			s.sees("it was 0")
			for _, h := range hosts {
				if note := farm.Exec(t, h, "cat", "/home/web/note"); note != "hello\n" {
					t.Errorf("%s: vi has written %q", h, note)
				}
			}
		})
	}
}

// mendByHand does an operator's work, at the prompt of a shell that he has taken over.
func mendByHand(s *window, host string) {
	prompt := host + ":~$"
	s.types("clear; touch mended; yes")
	s.sees("y\ny\ny\ny")
	s.tmux("send-keys", "C-c")
	s.asks(prompt)
	s.types("clear; busybox vi note")
	s.sees("~\n~\n~")
	s.tmux("send-keys", "-l", "ihello")
	s.sees("hello")
	s.tmux("send-keys", "Escape")
	s.sees("- note [Modified]") // or vi takes the next key for one with Alt
	s.tmux("send-keys", "-l", ":wq")
	s.tmux("send-keys", "Enter")
	s.asks(prompt)
	s.types("clear; echo as''leep; sleep 1000")
	s.sees("asleep")
	s.tmux("send-keys", "C-z")
	s.asks(prompt)
	s.types("kill %1; fg; clear; echo half a ~. line")
	s.await(func(shown string) bool { return strings.HasPrefix(shown, "half a ~. line\n") }, "half a ~. line")
	s.asks(prompt)
	s.types("")
}
