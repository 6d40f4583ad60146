package release

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"farmrun/luahost/remote/remotetest"
	"farmrun/testdata/need"
)

// nobody runs a shell's commands as a user who owns nothing.
var nobody = []string{"setpriv", "--reuid=65534", "--clear-groups"}

// TestRemoveForeign: a release that cannot be removed as a whole keeps its name,
// and what is left of others does not keep the rest from going.
func TestRemoveForeign(t *testing.T) {
	need.Root(t) // to own files of two users
	need.Program(t, "setpriv")
	sh := remotetest.New(t)
	os.Chmod(filepath.Dir(sh.Dir), 0o755)
	sh.Must(t, `umask 022; mkdir -p releases/1/cache/sub releases/2/empty releases/.farmrun-gone.1/d releases/.farmrun-gone.2
		touch releases/1/cache/sub/f releases/.farmrun-gone.1/d/f
		chown -R 65534 . && chown -R 1 releases/1/cache releases/2/empty releases/.farmrun-gone.1/d`)
	sh.Wrap = nobody
	if err := Remove(t.Context(), sh, "releases/1", nil); !errors.Is(err, ErrForeign) {
		t.Errorf("got %v, want %v", err, ErrForeign)
	}
	if err := Remove(t.Context(), sh, "releases/2", nil); err != nil {
		t.Error(err)
	}
	removed, stuck, err := Sweep(t.Context(), sh, "releases")
	want := []string{"releases/.farmrun-gone.1: rm: cannot remove './.farmrun-gone.1/d/f': Permission denied"}
	if err != nil || cmp.Diff(want, stuck) != "" || cmp.Diff([]string{"releases/.farmrun-gone.2"}, removed) != "" {
		t.Errorf("got %q, %q, %v; want %q to stay", removed, stuck, err, want)
	}
	sh.Wrap = nil
	sh.Must(t, "test -f releases/1/cache/sub/f && test ! -e releases/2")
}

// TestRemoveMounted: a directory that is mounted within a release is of elsewhere, and stays.
func TestRemoveMounted(t *testing.T) {
	need.Root(t) // to mount something
	need.Program(t, "unshare")
	sh := remotetest.New(t)
	sh.Must(t, `mkdir -p 'releases/1/a \ b' uploads && echo precious >uploads/f`)
	sh.Wrap = []string{"unshare", "-m", "sh", "-c", `mount --bind uploads 'releases/1/a \ b' && exec "$@"`, "sh"}
	if err := Remove(t.Context(), sh, "releases/1", nil); !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), `releases/1/a \ b`) {
		t.Errorf("got %v, want %v", err, ErrForeign)
	}
	sh.Wrap = nil
	sh.Must(t, "test -f uploads/f && test -d releases/1")
	if err := Remove(t.Context(), sh, "releases/1", nil); err != nil {
		t.Error(err)
	}
}

// TestRemoveLinkedFile: a release is in use, too, if a link leads to a file in it.
func TestRemoveLinkedFile(t *testing.T) {
	sh := remotetest.New(t)
	sh.Must(t, `mkdir -p releases/1/d releases/2 and && echo >releases/1/d/f && ln -s ../releases/1/d/f and/other && ln -s and/other one
		ln -s "$PWD/releases/1/d" deep && ln -s no dangling && ln -s round round`)
	for _, links := range [][]string{{"dangling", "round", "one"}, {"deep"}, {"and/other"}} {
		if err := Remove(t.Context(), sh, "releases/1", links); !errors.Is(err, ErrInUse) {
			t.Errorf("%q: got %v, want %v", links, err, ErrInUse)
		}
	}
	if err := Remove(t.Context(), sh, "releases/2", []string{"dangling", "round", "one", "deep"}); err != nil {
		t.Error(err)
	}
}

// TestSealKilled: whenever a host's shell is killed that puts a release in another's
// place, the release of that name is complete, and it can be done again.
func TestSealKilled(t *testing.T) {
	const killer = `#!/bin/sh
		left=$(($(cat "$LEFT") - 1))
		echo $left >"$LEFT"
		if [ $left = 0 ]; then kill -9 $PPID; else exec /bin/mv "$@"; fi`
	for killed, moves := true, 1; killed; moves++ {
		sh := remotetest.New(t)
		sh.Must(t, "mkdir releases bin; cat >bin/mv <<'end'\n"+killer+"\nend\nchmod +x bin/mv; ln -s releases/2 live")
		sh.Wrap = []string{"sh", "-c", `export LEFT="$PWD/left" PATH="$PWD/bin:$PATH" && exec "$@"`, "sh"}
		build := func(text string, moves int) error {
			b, err := Begin(t.Context(), sh, "releases/1", BuildOptions{Replace: []string{"live"}})
			if err != nil {
				return err
			}
			defer b.Close()
			sh.Must(t, fmt.Sprintf("echo %s >%s/f; echo %d >left", text, b.Dir, moves))
			_, err = b.Seal(t.Context(), nil)
			return err
		}
		if err := build("old", -1); err != nil {
			t.Fatal(err)
		}
		killed = build("new", moves) != nil
		rel, err := Inspect(t.Context(), sh, "releases/1")
		if there := err == nil && rel.Files == 1; !there && !errors.Is(err, ErrNone) {
			t.Errorf("killed at move %d: got %v, %v", moves, rel, err)
		}
		if err := build("newer", -1); err != nil {
			t.Errorf("killed at move %d: again: %v", moves, err)
		}
		removed, stuck, err := Sweep(t.Context(), sh, "releases")
		if out := sh.Must(t, "ls -A releases; cat releases/1/f"); out != "1\nnewer\n" || err != nil {
			t.Errorf("killed at move %d: got %q, removed %q, %q, %v", moves, out, removed, stuck, err)
		}
		if moves > 20 {
			t.Fatal("it is never done")
		}
	}
}

// TestReadOnly: a release whose source does not let its directory be written can be
// built, be begun with, and go.
func TestReadOnly(t *testing.T) {
	need.Root(t) // to be a user to whom it matters
	need.Program(t, "setpriv")
	sh := remotetest.New(t)
	os.Chmod(filepath.Dir(sh.Dir), 0o755)
	sh.Must(t, "mkdir releases; chown -R 65534 .")
	sh.Wrap = nobody
	for _, from := range []string{"", "releases/1"} {
		name := "releases/" + strconv.Itoa(1+len(from)/10)
		b, err := Begin(t.Context(), sh, name, BuildOptions{From: from})
		if err != nil {
			t.Fatal(err)
		}
		sh.Must(t, "cd "+b.Dir+" && { [ -f f ] || echo >f; } && chmod 555 .")
		if err := b.Filled(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Seal(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		changes, err := Changes(t.Context(), sh, name)
		if mode := sh.Must(t, "stat -c %a "+name); mode != "555\n" || err != nil || changes != nil {
			t.Errorf("%s: mode %q, %v, %v", name, mode, changes, err)
		}
	}
	if err := Remove(t.Context(), sh, "releases/1", nil); err != nil {
		t.Error(err)
	}
}

// TestComplete: the newest is that of the newest date, whenever it was built.
func TestComplete(t *testing.T) {
	at := func(name, day string) Release {
		built, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatal(err)
		}
		return Release{Dir: "releases/" + name, Name: name, Time: built}
	}
	all := []Release{at("2000-09-12", "2000-09-30"), at("2000-09-26", "2000-09-20"), at("2000-09-19.2", "2000-09-19"),
		at("2000-09-19", "2000-09-29"), at("trial", "2000-09-20"), at("2000-09-19.10", "2000-09-19"), at(".farmrun-gone.1", "2000-09-30"),
		{Name: "half"}}
	var names []string
	for _, r := range Complete(all) {
		names = append(names, r.Name)
	}
	want := []string{"2000-09-26", "trial", "2000-09-19.10", "2000-09-19.2", "2000-09-19", "2000-09-12"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error("-want +got\n" + diff)
	}
}
