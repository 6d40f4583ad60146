package sweep_test

import (
	"bytes"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"farmrun/luahost/remote/sweep"
)

// TestScript ends a process that is deaf to SIGTERM, with a child that has a
// session of its own.
func TestScript(t *testing.T) {
	for _, leader := range []bool{true, false} {
		testScript(t, leader)
	}
}

func testScript(t *testing.T, leader bool) {
	c := exec.Command("sh", "-c", `trap '' TERM; setsid sleep 1777001 & echo; wait; sleep 1777002`)
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: leader}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	out.Read(make([]byte, 1)) // it has begun
	sweeper := exec.Command("sh", "-s")
	sweeper.Stdin = strings.NewReader(sweep.Script(c.Process.Pid, leader))
	said, err := sweeper.Output()
	left, done := sweep.Parse(bytes.NewReader(said))
	if err != nil || !done || left != nil {
		t.Errorf("it says %q, %v", said, err)
	}
	if err := c.Wait(); err == nil {
		t.Error("it came to its own end")
	}
	if found, _ := exec.Command("pgrep", "-f", "sleep 177700[12]").Output(); len(found) > 0 {
		t.Errorf("still running: %s", found)
	}
}

func TestParse(t *testing.T) {
	for _, test := range []struct {
		said string
		left []sweep.Process
		done bool
	}{
		{"done\n", nil, true},
		{"", nil, false},
		{" 12 root sleep 9\n7 ? ?\ndone\n", []sweep.Process{{12, "root", "sleep 9"}, {7, "?", "?"}}, true},
		{"12 root sh", []sweep.Process{{12, "root", "sh"}}, false},
		{"sudo: no\nx y z\ndone\n", nil, true},
	} {
		left, done := sweep.Parse(strings.NewReader(test.said))
		if diff := cmp.Diff(test.left, left); diff != "" || done != test.done {
			t.Errorf("%q: done %v, %s", test.said, done, diff)
		}
	}
}
