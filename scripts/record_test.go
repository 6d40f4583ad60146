package scripts_test

import (
	"strings"
	"testing"

	"farmrun/testdata/farm"
)

// TestRecord does something by hand, with a clock and a counter in the prompt,
// a name that the shell completes, and a password; the script that comes of it
// does the same again.
func TestRecord(t *testing.T) {
	o := newOperator(t)
	farm.Exec(t, "webserv1", "rm", "-f", "/home/web/by-hand")
	t.Cleanup(func() { farm.Exec(t, "webserv1", "rm", "-f", "/home/web/by-hand") })

	s := newWindow(o)
	s.types("farmrun record webserv1 by-hand.lua")
	s.asks("webserv1:~$")
	s.types(`PS1='\t [\#] \u@\h:\w\$ '`)
	s.asks("[2] web@webserv1:~$")
	s.tmux("send-keys", "-l", "cat /etc/hostn\t")
	s.asks("/etc/hostname")
	s.tmux("send-keys", "Enter")
	s.asks("[3] web@webserv1:~$")
	s.types("sudo -k; sudo /etc/init.d/httpd status && touch by-hand")
	s.asks("[sudo] password for web:")
	s.types(farm.Password)
	s.asks("[4] web@webserv1:~$")
	s.types("~.")
	s.asks("here$")

	script := o.read("by-hand.lua")
	if !strings.Contains(script, `s:expect { line = "cat /etc/hostname" }`) || strings.Contains(script, farm.Password[:4]) {
		t.Errorf("the script:\n%s", script)
	}
	farm.Exec(t, "webserv1", "rm", "/home/web/by-hand")
	s.types("farmrun by-hand.lua; echo it was $?")
	s.asks("[sudo] password for web:")
	s.types(farm.Password)
	s.asks("here$")
	if !strings.Contains(s.all(), "it was 0") {
		t.Errorf("the screen:\n%s\nthe script:\n%s", s.all(), script)
	}
	farm.Exec(t, "webserv1", "ls", "/home/web/by-hand")
}
