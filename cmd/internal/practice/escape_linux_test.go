package practice

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"farmrun/testdata/need"
)

// TestEscapes sees that a program on a host has no file, no socket and no process
// by which it would get out: each way fails, and for the reason it is meant to.
func TestEscapes(t *testing.T) {
	outside := openDir(t)
	if err := os.WriteFile(filepath.Join(outside, "mine"), []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	inherited, err := syscall.Open(outside, syscall.O_RDONLY, 0) // open for every child, as where a shell has opened it
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(inherited)
	f := start(t, Config{WebServers: 1})
	client := connect(t, f, "webserv1")
	for _, test := range []struct{ command, want string }{
		{fmt.Sprintf("cat /proc/self/fd/%d/mine", inherited), "No such file"},
		{"ls /proc/1/fd/", "Permission denied"},
		{"cat <>/proc/1/exe", "Permission denied"},
		{"touch /run/farm/new", "Read-only file system"},
		{"mv /run/farm/webserv1.http /run/farm/other", "Read-only file system"},
		{"ln -sfn / /run/farm/admin.sock", "Read-only file system"},
		{"unshare -Urm mount -o remount,bind,rw /run/farm", "permission denied"},
	} {
		got := run(t, client, "", test.command)
		if got.Code == 0 || !strings.Contains(strings.ToLower(got.Err), strings.ToLower(test.want)) {
			t.Errorf("%s: got %+v, want an error with %q", test.command, got, test.want)
		}
	}
	must(t, client, fmt.Sprintf("ln -s /proc/self/fd/%d/../webserv1/home www/htdocs/up; ln -s /proc/self/fd/%d www/htdocs/inherited", socketsFD, inherited))
	for _, path := range []string{"up/", "inherited/"} {
		body, _, err := get(t, visitor(t), f.URL+path)
		if err != nil || strings.Contains(body, "mine") || strings.Contains(body, "releases") {
			t.Errorf("the web server shows %s: got %q, %v", path, body, err)
		}
	}
}

// TestFence sees that a program on a host without namespaces has no file but the
// farm's to write to or to read, and no process but the host's to end.
func TestFence(t *testing.T) {
	need.That(t, Fences(), "the kernel has no Landlock")
	outside := openDir(t)
	if err := os.Chmod(outside, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(outside, "mine"), []byte("mine"), 0o666); err != nil {
		t.Fatal(err)
	}
	bystander := exec.Command("cat")
	if os.Getuid() == 0 { // one that the host's user could end
		bystander.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	if _, err := bystander.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := bystander.Start(); err != nil {
		t.Fatal(err)
	}
	defer bystander.Wait()
	defer bystander.Process.Kill()
	f := start(t, Config{WebServers: 1, Shared: true})
	client := connect(t, f, "webserv1")
	for _, test := range []struct{ command, want string }{
		{"rm -f " + outside + "/mine", "Permission denied"},
		{"echo x >>" + outside + "/mine", "Permission denied"},
		{"cat " + outside + "/mine", "Permission denied"},
		{"ls /home /root", "Permission denied"},
		{"mv " + outside + "/mine .", "Permission denied"},
		{"ln -s / " + f.net() + "/link", "Permission denied"},
		{"ln -s / link && mv link " + f.net() + "/webserv1.http", "Permission denied"},
		{"cat " + f.SSHConfig, "Permission denied"},
		{fmt.Sprintf("kill -9 %d", bystander.Process.Pid), "not permitted"},
		{fmt.Sprintf("kill -9 %d", os.Getpid()), "not permitted"},
	} {
		got := run(t, client, "", test.command)
		if got.Code == 0 || !strings.Contains(strings.ToLower(got.Err), strings.ToLower(test.want)) {
			t.Errorf("%s: got %+v, want an error with %q", test.command, got, test.want)
		}
	}
	if text, err := os.ReadFile(filepath.Join(outside, "mine")); string(text) != "mine" {
		t.Errorf("the file outside: got %q, %v", text, err)
	}
	must(t, client, "kill $(cat logs/httpd.pid)")
}
