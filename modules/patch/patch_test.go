package patch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"farmrun/luahost/remote/remotetest"
	"farmrun/testdata/need"
)

// failing stands for a patch(1) whose disk fills up: it says so at the end, when
// it has changed some files.
const failing = `"$REAL_patch" "$@"
	echo 'write error : No space left on device' >&2
	exit 2`

// Of a patch that fails midway nothing stays.
func TestFailsMidway(t *testing.T) {
	t.Parallel()
	const text = "--- a\n+++ a\n@@ -1 +1 @@\n-1\n+one\n--- d/b\n+++ d/b\n@@ -0,0 +1 @@\n+zero\n"
	sh := remotetest.New(t)
	sh.Must(t, "echo 1 >a")
	full := as(t, sh, map[string]string{"patch": failing})
	_, _, err := Apply(t.Context(), full, text, Options{})
	if err == nil || !strings.Contains(err.Error(), "No space left") {
		t.Fatal(err)
	}
	if there := sh.Must(t, "ls -A; cat a"); there != "a\n1\n" {
		t.Errorf("there is now\n%s", there)
	}
	if _, _, err := Apply(t.Context(), sh, text, Options{}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Revert(t.Context(), full, text, Options{}); err == nil {
		t.Fatal("nothing has failed")
	}
	if there := sh.Must(t, "ls -A; cat a"); there != "a\nd\none\n" {
		t.Errorf("after a revert that has failed there is\n%s", there)
	}
}

// as returns a Shell whose programs begin with those of bin, by their names.
func as(t *testing.T, sh *remotetest.Shell, bin map[string]string) *remotetest.Shell {
	dir := t.TempDir()
	env := []string{}
	for name, script := range bin {
		real, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		env = append(env, "REAL_"+name+"="+real)
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return &remotetest.Shell{Dir: sh.Dir, Env: append(env, "PATH="+dir+":"+os.Getenv("PATH"), "TEST="+dir)}
}

const three = "--- d/a\n+++ d/a\n@@ -1 +1 @@\n-1\n+one\n--- /dev/null\n+++ e/new\n@@ -0,0 +1 @@\n+new\n" +
	"--- gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-1\n--- z\n+++ z\n@@ -1 +1 @@\n-1\n+one\n"

// Whichever file cannot be put into its place, the others go back into theirs.
func TestPlaceFails(t *testing.T) {
	t.Parallel()
	const files = "cat d/a z; find . | sort; ls -l z | cut -c 1-10"
	sh := remotetest.New(t)
	sh.Must(t, "mkdir d; for f in d/a gone z; do echo 1 >$f; done; chmod 755 z")
	was := sh.Must(t, files)
	for _, last := range []string{"/a", "/new", "gone", "/z"} {
		name := "mv"
		if last == "gone" {
			name = "rm"
		}
		fails := `for last; do :; done
			case $last in *` + last + `) [ -e "$TEST/failed" ] || { echo "cannot move '$*': Input/output error" | tee "$TEST/failed" >&2; exit 1; } ;; esac
			exec "$REAL_` + name + `" "$@"`
		_, _, err := Apply(t.Context(), as(t, sh, map[string]string{name: fails}), three, Options{})
		if !errors.Is(err, ErrWork) || !strings.Contains(err.Error(), "Input/output error") || strings.Contains(err.Error(), "farmrun") {
			t.Errorf("%s: %v", last, err)
		}
		if is := sh.Must(t, files); is != was {
			t.Errorf("%s: got\n%swant\n%s", last, is, was)
		}
	}
}

// Who hangs up before the files are placed leaves them as they were, and later all of
// them are placed.
func TestHangUp(t *testing.T) {
	t.Parallel()
	const files = "find . | sort; cat z"
	sh := remotetest.New(t)
	sh.Must(t, "mkdir d; for f in d/a gone z; do echo 1 >$f; done")
	was := sh.Must(t, files)
	before := as(t, sh, map[string]string{"patch": `kill -HUP $PPID; exec "$REAL_patch" "$@"`})
	if _, _, err := Apply(t.Context(), before, three, Options{}); err == nil {
		t.Error("nothing has failed")
	}
	if is := sh.Must(t, files); is != was {
		t.Errorf("got\n%swant\n%s", is, was)
	}
	later := as(t, sh, map[string]string{"mv": `kill -HUP $PPID; exec "$REAL_mv" "$@"`})
	if _, _, err := Apply(t.Context(), later, three, Options{}); err != nil {
		t.Error(err)
	}
	if is, want := sh.Must(t, files), ".\n./d\n./d/a\n./e\n./e/new\n./z\none\n"; is != want {
		t.Errorf("got\n%swant\n%s", is, want)
	}
}

// Wherever the host's shell is killed while it places files, and again while that is put
// right, a look says how the patch stands, and to apply it makes the right files.
func TestKilled(t *testing.T) {
	t.Parallel()
	for _, how := range []string{":", "exit 1"} { // with that rename, or without
		for point := 1; point < 20; point++ {
			sh := remotetest.New(t)
			sh.Must(t, "mkdir d; for f in d/a gone z; do echo 1 >$f; done; chmod 755 z")
			was := sh.Must(t, threeFiles)
			kills := fmt.Sprintf(`n=$(($(cat "$TEST/n" 2>/dev/null) + 1)); echo $n >"$TEST/n"
				[ $n != %d ] || { kill -KILL $PPID; %s; }
				exec "$REAL_mv" "$@"`, point, how)
			_, _, err := Apply(t.Context(), as(t, sh, map[string]string{"mv": kills}), three, Options{})
			if err == nil {
				if point < 6 {
					t.Errorf("there are only %d renames", point-1)
				}
				break
			}
			left := sh.Must(t, "find .")
			state, changes, err := Look(t.Context(), sh, three, Options{})
			if err != nil || state == Fits && len(changes) != 4 || sh.Must(t, "find .") != left {
				t.Errorf("%d: a look says %v, %v, %v", point, state, changes, err)
			}
			first := fmt.Sprintf(`[ -e "$TEST/n" ] || { : >"$TEST/n"; kill -KILL $PPID; %s; }; exec "$REAL_mv" "$@"`, how)
			if _, _, err := Apply(t.Context(), as(t, sh, map[string]string{"mv": first}), three, Options{}); err == nil && state == Fits {
				t.Errorf("%d: was not killed", point)
			}
			if _, _, err := Apply(t.Context(), sh, three, Options{}); err != nil {
				t.Errorf("%d: %v", point, err)
			}
			if got, want := sh.Must(t, threeFiles), "one\nnew\none\n-rwxr-xr-x z\n.\n./d\n./d/a\n./e\n./e/new\n./z\n"; got != want {
				t.Errorf("%d: got\n%swant\n%s", point, got, want)
			}
			if _, _, err := Revert(t.Context(), sh, three, Options{}); err != nil || sh.Must(t, threeFiles) != was {
				t.Errorf("%d: %v, and\n%s", point, err, sh.Must(t, threeFiles))
			}
		}
	}
}

// Files of another process that is placing them are left to it.
func TestAtWork(t *testing.T) {
	t.Parallel()
	sh := remotetest.New(t)
	other := exec.Command("sh", "-c", "# apply a patch\nread x")
	in, err := other.StdinPipe()
	if err == nil {
		err = other.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { in.Close(); other.Wait() }()
	sh.Must(t, fmt.Sprintf("echo 1 >z; mkdir .farmrun-patch.%d.x", other.Process.Pid))
	const text = "--- z\n+++ z\n@@ -1 +1 @@\n-1\n+one\n"
	if _, _, err := Apply(t.Context(), sh, text, Options{}); !errors.Is(err, ErrWork) || !strings.Contains(err.Error(), "is at work") {
		t.Error(err)
	}
	in.Close()
	other.Wait()
	if _, _, err := Apply(t.Context(), sh, text, Options{}); err != nil || sh.Must(t, "ls -A; cat z") != "z\none\n" {
		t.Error(err)
	}
}

// threeFiles is a shell line that shows the files that three changes.
const threeFiles = "cat d/a e/new gone z 2>/dev/null || :; ls -l z | sed 's/ .* / /'; find . | sort"

// A directory that cannot be written is seen by a look.
func TestUnwritable(t *testing.T) {
	t.Parallel()
	sh := remotetest.New(t)
	sh.Must(t, "mkdir d; for f in d/a gone z; do echo 1 >$f; done; chmod 555 d; chmod -R go+rX . ..")
	t.Cleanup(func() { os.Chmod(filepath.Join(sh.Dir, "d"), 0o755) })
	user := sh
	if os.Getuid() == 0 { // for whom every directory can be written
		need.Program(t, "setpriv")
		sh.Must(t, "chown -R 65534 .")
		user = &remotetest.Shell{Dir: sh.Dir, Wrap: []string{"setpriv", "--reuid=65534", "--clear-groups"}}
	}
	_, _, looked := Look(t.Context(), user, three, Options{})
	_, _, err := Apply(t.Context(), user, three, Options{Name: "three"})
	if !errors.Is(looked, ErrPlace) || !errors.Is(err, ErrPlace) || err.Error() != "three: the files cannot be changed: d cannot be written" {
		t.Errorf("got %v, and by a look %v", err, looked)
	}
	if got := sh.Must(t, "cat d/a gone z; ls -A"); got != "1\n1\n1\nd\ngone\nz\n" {
		t.Errorf("there is now\n%s", got)
	}
	sh.Must(t, "chmod 755 d; chmod 555 .")
	t.Cleanup(func() { os.Chmod(sh.Dir, 0o755) })
	_, _, looked = Look(t.Context(), user, three, Options{})
	_, _, err = Apply(t.Context(), user, three, Options{})
	if !errors.Is(looked, ErrPlace) || !errors.Is(err, ErrPlace) {
		t.Errorf("got %v, and by a look %v", err, looked)
	}
	if changed, _, err := Apply(t.Context(), user, "--- z\n+++ z\n@@ -1 +1 @@\n-one\n+1\n", Options{}); changed || err != nil {
		t.Errorf("of what is in: %v %v", changed, err)
	}
}

// Whatever is written meanwhile lies in a directory that nobody else can enter, and
// nothing is left.
func TestTemporaryFiles(t *testing.T) {
	t.Parallel()
	sh := remotetest.New(t)
	sh.Must(t, "mkdir tmp d; for f in d/a gone z; do echo 1 >$f; done")
	spy := as(t, sh, map[string]string{"patch": `ls -l "$TMP" >>"$TEST/seen"; exec "$REAL_patch" "$@"`})
	tmp := filepath.Join(sh.Dir, "tmp")
	spy.Env = append(spy.Env, "TMPDIR="+tmp, "TMP="+tmp)
	for _, way := range []func(context.Context, Runner, string, Options) (bool, []string, error){Apply, Revert} {
		if _, _, err := Look(t.Context(), spy, three, Options{}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := way(t.Context(), spy, three, Options{}); err != nil {
			t.Fatal(err)
		}
	}
	for line := range strings.Lines(spy.Must(t, `cat "$TEST/seen"`)) {
		if !strings.HasPrefix(line, "total ") && !strings.HasPrefix(line, "drwx------") {
			t.Errorf("there was %s", line)
		}
	}
	if got := sh.Must(t, "ls -A . tmp"); got != ".:\nd\ngone\ntmp\nz\n\ntmp:\n" {
		t.Errorf("there is left\n%s", got)
	}
}

// A patch is in only if taking it out touches no other file, nor needs a directory
// whose name a file has.
func TestOtherFiles(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"a file in the way": "--- a/x\n+++ a/x\n@@ -1 +0,0 @@\n-1\n",
		"a blank in front, which patch(1) skips": "diff --git  x/y  x/y\ndeleted file mode 100644\nindex e69de29..0000000\n" +
			"diff --git b b\nnew file mode 100644\nindex 0000000..e69de29\n",
	} {
		sh := remotetest.New(t)
		sh.Must(t, "echo 1 >a; mkdir ' x'; echo 1 >' x/y'")
		if state, files, err := Look(t.Context(), sh, text, Options{}); err == nil {
			t.Errorf("%s: %s %q", name, state, files)
		}
		if changed, files, err := Apply(t.Context(), sh, text, Options{}); err == nil {
			t.Errorf("%s: %v %q", name, changed, files)
		}
		if got := sh.Must(t, "find . | sort"); got != ".\n./ x\n./ x/y\n./a\n" {
			t.Errorf("%s: there is now\n%s", name, got)
		}
	}
}

// A host that answers something else is not believed.
func TestAnswer(t *testing.T) {
	for _, out := range []string{"", "hello\nfits\n", "fit", "fits 3", "fits 0", "applied x", "fits 2\n1 2"} {
		if state, files, sums, err := answer(out, []string{"a", "b"}); err == nil {
			t.Errorf("%q: %v %v %v", out, state, files, sums)
		}
	}
	state, files, sums, err := answer("fits 2\n12 ", []string{"a", "b"})
	if state != Fits || len(files) != 1 || files[0] != "b" || len(sums) != 1 || sums[0] != "12" || err != nil {
		t.Error(state, files, sums, err)
	}
}

// The checksums are those of the files as they would be.
func TestSums(t *testing.T) {
	t.Parallel()
	sh := remotetest.New(t)
	sh.Must(t, "echo 1 >a; echo 3 >c")
	const text = "--- a\n+++ a\n@@ -1 +1 @@\n-1\n+2\n--- /dev/null\n+++ b\n@@ -0,0 +1 @@\n+2\n--- c\n+++ /dev/null\n@@ -1 +0,0 @@\n-3\n"
	for range 2 {
		state, files, sums, err := Sums(t.Context(), sh, text, Options{})
		if err != nil || len(sums) != 3 {
			t.Fatal(state, files, sums, err)
		}
		turn := Apply
		if state == Applied {
			turn = Revert
		}
		if _, _, err := turn(t.Context(), sh, text, Options{}); err != nil {
			t.Fatal(err)
		}
		for i, file := range files {
			if want := sh.Must(t, `if [ -e `+file+` ]; then set -- $(cksum <`+file+`); printf %s "$1"; else printf -; fi`); sums[i] != want {
				t.Errorf("%s: %s has %s, and the look said %s", state, file, want, sums[i])
			}
		}
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
