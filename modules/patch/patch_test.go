package patch

import (
	"errors"
	"os"
	"strings"
	"testing"

	"farmrun/luahost/remote/remotetest"
)

// failing stands for a patch(1) whose disk fills up: it says so at the end, when
// it has changed some files.
const failing = `case "$*" in *--dry-run*) exec "$PATCH" "$@" ;; esac
	"$PATCH" "$@"
	echo 'write error : No space left on device' >&2
	exit 2`

// Of a patch that fails midway nothing stays.
func TestFailsMidway(t *testing.T) {
	t.Parallel()
	const text = "--- a\n+++ a\n@@ -1 +1 @@\n-1\n+one\n--- d/b\n+++ d/b\n@@ -0,0 +1 @@\n+zero\n"
	sh := remotetest.New(t)
	sh.Must(t, "echo 1 >a; mkdir bin; echo '"+strings.ReplaceAll(failing, "'", `'\''`)+"' >bin/patch; chmod +x bin/patch")
	full := &remotetest.Shell{Dir: sh.Dir, Env: []string{"PATH=" + sh.Dir + "/bin:" + os.Getenv("PATH"),
		"PATCH=" + strings.TrimSpace(sh.Must(t, "command -v patch"))}}
	_, _, err := Apply(t.Context(), full, text, Options{})
	if err == nil || !strings.Contains(err.Error(), "No space left") {
		t.Fatal(err)
	}
	if there := sh.Must(t, "ls -A; cat a"); there != "a\nbin\n1\n" {
		t.Errorf("there is now\n%s", there)
	}
	if _, _, err := Apply(t.Context(), sh, text, Options{}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Revert(t.Context(), full, text, Options{}); err == nil {
		t.Fatal("nothing has failed")
	}
	if there := sh.Must(t, "ls -A; cat a"); there != "a\nbin\nd\none\n" {
		t.Errorf("after a revert that has failed there is\n%s", there)
	}
}

// What is applied takes one command: a host may be far away.
func TestApplyIsOneCommand(t *testing.T) {
	t.Parallel()
	sh := remotetest.New(t)
	sh.Must(t, "echo 1 >a")
	before := len(sh.Ran())
	if _, _, err := Apply(t.Context(), sh, "--- a\n+++ a\n@@ -1 +1 @@\n-1\n+one\n", Options{}); err != nil {
		t.Fatal(err)
	}
	if ran := sh.Ran()[before:]; len(ran) != 1 {
		t.Errorf("%d commands: %v", len(ran), ran)
	}
}

func TestNoTool(t *testing.T) {
	t.Parallel()
	busybox := remotetest.New(t)
	busybox.UseBusybox(t)
	none := remotetest.New(t)
	none.Must(t, "mkdir bin; ln -s $(command -v sh) bin/sh")
	none.Env = append(none.Env, "PATH="+none.Dir+"/bin")
	for name, sh := range map[string]*remotetest.Shell{"busybox": busybox, "none": none} {
		_, _, err := Look(t.Context(), sh, "--- a\n+++ a\n@@ -1 +1 @@\n-1\n+one\n", Options{})
		if !errors.Is(err, ErrNoTool) {
			t.Errorf("%s: got %v", name, err)
		}
		t.Log(err)
	}
}
