package sweep_test

import (
	"bytes"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"farmrun/luahost/remote/remotetest"
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
	mark := remotetest.Mark()
	line := strings.ReplaceAll(`trap '' TERM; setsid sh -c 'echo; exec sleep 1MARK' & wait; sleep 2MARK`, "MARK", mark)
	c := exec.Command("sh", "-c", line)
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
	if found := remotetest.Running(mark); found != "" {
		t.Errorf("still running: %s", found)
	}
}

// TestFinished: the daemon of a process that has ended by itself is left alone.
func TestFinished(t *testing.T) {
	for _, leader := range []bool{true, false} {
		mark := remotetest.Mark()
		c := exec.Command("sh", "-c", "sleep 1"+mark+" </dev/null >/dev/null 2>&1 & echo $!")
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: leader}
		out, err := c.Output()
		if err != nil {
			t.Fatal(err)
		}
		sweeper := exec.Command("sh", "-s")
		sweeper.Stdin = strings.NewReader(sweep.Script(c.Process.Pid, leader))
		said, err := sweeper.Output()
		if _, done := sweep.Parse(bytes.NewReader(said)); err != nil || !done {
			t.Errorf("it says %q, %v", said, err)
		}
		if remotetest.Running(mark) == "" {
			t.Errorf("leader %v: what it left running was ended", leader)
		}
		if pid, err := strconv.Atoi(strings.TrimSpace(string(out))); err == nil {
			syscall.Kill(pid, syscall.SIGKILL)
		}
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
