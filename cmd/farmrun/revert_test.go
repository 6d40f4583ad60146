package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"farmrun/testdata/need"
)

// A patch is taken out on all servers or on none, and one whose command is killed while it
// places files is shown by status.
func TestPatchRevert(t *testing.T) {
	need.Program(t, "patch")
	f := newShellFarm(t, t.TempDir(), `site.source = "stub"`, "web1", "web2")
	f.files["stub-pull-snapshot"] = sequenceSource
	o := &shellOperator{farm: f}
	write := func(name, text string) {
		path := filepath.Join(f.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	ends := func(well bool, words ...string) string {
		t.Helper()
		said, err := o.run(t, 0, words...)
		if (err == nil) != well {
			t.Fatalf("%q: %v\n%s", words, err, said)
		}
		return said
	}
	const date = "2000-09-19"
	has := func(want string) {
		t.Helper()
		for _, host := range []string{"web1", "web2"} {
			if text, err := os.ReadFile(filepath.Join(f.home(host), "www", date)); string(text) != want {
				t.Errorf("%s: got %q, %v, want %q", host, text, err, want)
			}
		}
	}
	for _, host := range []string{"web1", "web2"} {
		if err := os.Symlink("releases/"+date, filepath.Join(f.home(host), "www")); err != nil {
			t.Fatal(err)
		}
	}
	ends(true, "stub-pull-snapshot", date)
	write("news.diff", "--- "+date+"\n+++ "+date+"\n@@ -1 +1,2 @@\n "+date+"\n+news\n")
	ends(true, "patch", "--why", "test", "add", filepath.Join(f.dir, "news.diff"))
	ends(true, "patch", "apply")
	has(date + "\nnews\n")

	// On one server a file cannot be placed, the first time or in the middle of it.
	mv, err := exec.LookPath("mv")
	if err != nil {
		t.Fatal(err)
	}
	f.env = map[string]string{"web2": "PATH=" + filepath.Join(f.dir, "bin") + ":" + os.Getenv("PATH")}
	once := `#!/bin/sh
case $* in *.farmrun-patch*/` + date + `\ *) [ -e ` + f.dir + `/failed ] || { : >` + f.dir + `/failed; DO; } ;; esac
exec ` + mv + ` "$@"
`
	write("bin/mv", strings.Replace(once, "DO", "echo full >&2; exit 1", 1))
	ends(false, "patch", "revert", "news")
	has(date + "\nnews\n")
	ends(true, "status", "--check")
	os.Remove(filepath.Join(f.dir, "failed"))
	write("bin/mv", strings.Replace(once, "DO", "kill -9 $PPID", 1))
	ends(false, "patch", "revert", "news")
	if said := ends(false, "status", "--check"); !strings.Contains(said, "web2: releases/"+date+": a patch was killed halfway") {
		t.Errorf("status says\n%s", said)
	}
	ends(true, "patch", "revert", "news")
	has(date + "\n")
	ends(true, "patch", "apply")
	has(date + "\nnews\n")
	ends(true, "status", "--check")
}
