package practice

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"farmrun/testdata/need"
)

// outer returns a command on an overlay of this machine, in namespaces of its
// own, where even root cannot harm it.
func outer(t *testing.T, command ...string) *exec.Cmd {
	t.Helper()
	need.Root(t)
	need.Program(t, "unshare", "mount", "pivot_root", "ip", "cvs")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("unshare", append([]string{"--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child",
		"sh", "testdata/outer.sh", t.TempDir(), self}, command...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/root", "CI=true"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

// proveOuter has something harmless done there, and fails the test if that is to
// be seen here.
func proveOuter(t *testing.T) {
	t.Helper()
	mark := "/var/farmrun-probe-" + filepath.Base(t.TempDir())
	out, err := outer(t, "sh", "-c", `echo harmless >"$1" && cat "$1" && ls -d /proc/[0-9]* | wc -l && find /run -type s | wc -l && wc -l </proc/net/dev`, "sh", mark).Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if _, err := os.Lstat(mark); err == nil {
		os.Remove(mark)
		t.Fatalf("the overlay writes to this machine")
	}
	fields := strings.Fields(string(out))
	if len(fields) != 4 || fields[0] != "harmless" || len(fields[1]) != 1 || fields[2] != "0" || fields[3] != "3" {
		t.Fatalf("not by itself: got the text, processes, sockets in /run, lines of network devices %q", fields)
	}
}

// TestHarm does on a practice host the worst that comes to mind, as root and as a
// plain user, on an overlay of this machine.
func TestHarm(t *testing.T) {
	if os.Getenv(harmInside) != "" {
		harm(t)
		return
	}
	proveOuter(t)
	for _, test := range []struct {
		name string
		as   []string
	}{
		{"root", nil},
		{"plain user", []string{"setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			inside := append(test.as, "/program", "-test.run", "^TestHarm$", "-test.v", "-test.timeout", "2m")
			cmd := outer(t, inside...)
			cmd.Env = append(cmd.Env, harmInside+"=yes")
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "--- PASS: TestHarm") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// harmInside is set where harm may do its work.
const harmInside = "PRACTICE_HARM_INSIDE"

// machineState is all that must not change on the machine that the farm runs on.
func machineState(t *testing.T, except string) string {
	t.Helper()
	out, err := exec.Command("sh", "-c", `find /upper ! -type d -printf '%p %s %m %T@\n'
		find /tmp /run /dev \( -path /dev/pts -o -path "$1" \) -prune -o -ls | awk '{ print $3, $5, $11 }'
		cat /proc/self/mountinfo`, "sh", except).Output()
	if err != nil && len(out) == 0 {
		t.Fatal(err)
	}
	return string(out)
}

// harm is TestHarm on the overlay.
func harm(t *testing.T) {
	os.WriteFile("/tmp/mine", []byte("mine"), 0o666)
	bystander := exec.Command("sleep", "1000")
	if err := bystander.Start(); err != nil {
		t.Fatal(err)
	}
	defer bystander.Wait()
	defer bystander.Process.Kill()
	f := start(t, Config{WebServers: 1})
	before := machineState(t, f.Dir)
	for _, command := range []string{
		"id; cat /proc/self/status | grep -i cap",
		"shutdown -r now", "sudo shutdown -r now", "reboot -f", "sudo apt-get -y dist-upgrade", "sudo apt-get -y install hello",
		"mount -t tmpfs tmpfs /mnt", "mount -o remount,rw /usr", "mount -o remount,rw,bind /usr", "umount /usr", "unshare -Urm mount -o remount,rw,bind /usr",
		"echo x >/etc/passwd", "echo x | sudo tee /etc/harm", "echo x >/var/harm", "echo x >/.etc/passwd", "echo x >/usr/bin/harm",
		"echo x >/proc/sys/kernel/hostname", "echo b >/proc/sysrq-trigger", "echo x >/dev/tty", "kill -9 1",
		"chroot /proc/1/root rm -rf /tmp/mine", "cat /tmp/mine && rm /tmp/mine",
		"kill -9 -1", "sudo kill -9 -1", "sudo rm -rf /etc /var /tmp /home /root", "rm -rf --no-preserve-root / 2>/dev/null",
	} {
		client := connect(t, f, "webserv1")
		s, err := client.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		out, err := s.CombinedOutput(command)
		t.Logf("%s: %v\n%.500s", command, err, out)
		client.Close()
	}
	if diff := cmp.Diff(before, machineState(t, f.Dir)); diff != "" {
		t.Errorf("the machine: -before +after:\n%s", diff)
	}
	if err := bystander.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("another process: %v", err)
	}
	if got := must(t, connect(t, f, "webserv1"), "echo alive"); got != "alive" {
		t.Errorf("the host: got %q", got)
	}
}
