package files

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"farmrun/luahost/remote"
	"farmrun/luahost/remote/remotetest"
	"farmrun/testdata/need"
)

// everyByte is 3 MB in which each byte value follows each other, more than any
// pipe or Result holds.
var everyByte = func() []byte {
	b := make([]byte, 3<<20)
	for i := range b {
		b[i] = byte(i * (i>>8 + 1))
	}
	return b
}()

// unsized hides what a reader knows of its size.
func unsized(r io.Reader) io.Reader { return struct{ io.Reader }{r} }

func newHome(t *testing.T) *remotetest.Shell {
	t.Helper()
	sh := remotetest.New(t)
	cmd := remote.Cmd{Line: `umask 022
		mkdir dir; ln -s old link; ln -s dir dirlink; mkfifo fifo
		echo old >old; chmod 640 old
		echo old >fixed; chmod 440 fixed`}
	if res, err := sh.Run(t.Context(), cmd); err != nil || res.Err(cmd) != nil {
		t.Fatal(err, res.Err(cmd))
	}
	return sh
}

func listing(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		info, _ := e.Info()
		all = append(all, info.Mode().String()+" "+e.Name())
	}
	return all
}

func TestPut(t *testing.T) {
	for _, tc := range []struct {
		name, path string
		options    Options
		mode       fs.FileMode
		err        error
	}{
		{name: "new", path: "new", mode: 0o644},
		{name: "new with a mode", path: "dir/new", options: Options{Mode: 0o751}, mode: 0o751},
		{name: "private", path: "new", options: Options{Mode: 0o600}, mode: 0o600},
		{name: "keeps the mode", path: "old", mode: 0o640},
		{name: "keeps a mode without write", path: "fixed", mode: 0o440},
		{name: "changes the mode", path: "old", options: Options{Mode: 0o444}, mode: 0o444},
		{name: "strange name", path: `-it's "so"`, mode: 0o644},
		{name: "directory", path: "dir", err: ErrNotFile},
		{name: "directory with a slash", path: "dir/", err: ErrNotFile},
		{name: "link", path: "link", err: ErrNotFile},
		{name: "link to a directory", path: "dirlink", err: ErrNotFile},
		{name: "fifo", path: "fifo", err: ErrNotFile},
		{name: "shorter than said", path: "old", options: Options{Size: 4 << 20}, err: ErrIncomplete},
		{name: "longer than said", path: "old", options: Options{Size: 1 << 20}, err: ErrIncomplete},
	} {
		for _, known := range []bool{true, false} {
			t.Run(tc.name, func(t *testing.T) {
				sh := newHome(t)
				before := listing(t, sh.Dir)
				var r io.Reader = bytes.NewReader(everyByte)
				if !known {
					r = unsized(r)
				}
				err := Put(t.Context(), sh, r, tc.path, tc.options)
				if !errors.Is(err, tc.err) || tc.err == nil && err != nil {
					t.Fatalf("got %v, want %v", err, tc.err)
				}
				if tc.err != nil {
					if diff := cmp.Diff(before, listing(t, sh.Dir)); diff != "" {
						t.Error("something changed: -before +after\n" + diff)
					}
					return
				}
				file := filepath.Join(sh.Dir, tc.path)
				if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, everyByte) {
					t.Errorf("%d bytes arrived, %v", len(got), err)
				}
				if info, _ := os.Stat(file); info.Mode() != tc.mode {
					t.Errorf("mode %v, want %v", info.Mode(), tc.mode)
				}
				if left, _ := filepath.Glob(filepath.Dir(file) + "/.farmrun*"); left != nil {
					t.Errorf("left behind: %v", left)
				}
			})
		}
	}
}

func TestPutEmpty(t *testing.T) {
	sh := newHome(t)
	if err := Put(t.Context(), sh, strings.NewReader(""), "old", Options{}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(sh.Dir + "/old"); err != nil || info.Size() != 0 {
		t.Error(info, err)
	}
}

// A source that fails leaves the old file as it was.
func TestPutSourceFails(t *testing.T) {
	broken := errors.New("the tape is torn")
	for _, o := range []Options{{}, {Size: 2 << 20}} {
		sh := newHome(t)
		before := listing(t, sh.Dir)
		r := io.MultiReader(bytes.NewReader(everyByte[:1<<20]), iotest.ErrReader(broken))
		if err := Put(t.Context(), sh, r, "old", o); !errors.Is(err, broken) {
			t.Errorf("got %v, want %v", err, broken)
		}
		if diff := cmp.Diff(before, listing(t, sh.Dir)); diff != "" {
			t.Error("something changed: -before +after\n" + diff)
		}
	}
}

func TestPutFullDisk(t *testing.T) {
	need.Root(t) // to mount a small disk
	sh := remotetest.New(t)
	sh.Wrap = []string{"unshare", "--mount", "sh", "-c", `set -e
		mount -t tmpfs -o size=64k full .
		cd "$PWD"
		echo old >old
		"$@" || code=$?
		cat old; ls -A
		exit ${code:-0}`, "sh"}
	err := Put(t.Context(), sh, bytes.NewReader(everyByte), "old", Options{})
	var exit *remote.ExitError
	if !errors.Is(err, ErrNoSpace) || !errors.As(err, &exit) {
		t.Fatalf("got %v, want %v", err, ErrNoSpace)
	}
	if want := "old\nold\n"; string(exit.Stdout) != want {
		t.Errorf("afterwards %q, want %q", exit.Stdout, want)
	}
}

func TestPutDry(t *testing.T) {
	sh := newHome(t)
	sh.Dry = true
	before := listing(t, sh.Dir)
	for _, r := range []io.Reader{strings.NewReader("new"), unsized(strings.NewReader("new"))} {
		if err := Put(t.Context(), sh, r, "old", Options{}); err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff(before, listing(t, sh.Dir)); diff != "" {
		t.Error("-before +after\n" + diff)
	}
}

func TestPutFile(t *testing.T) {
	sh := newHome(t)
	local := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(local, everyByte, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := PutFile(t.Context(), sh, local, "old", Options{}); err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(sh.Dir + "/old"); info.Mode() != 0o755 || info.Size() != int64(len(everyByte)) {
		t.Error(info.Mode(), info.Size())
	}
	if n := len(sh.Ran()); n != 2 { // the setup and one more
		t.Errorf("%d commands ran", n)
	}
	if err := PutFile(t.Context(), sh, filepath.Dir(local), "old", Options{}); !errors.Is(err, ErrNotFile) {
		t.Errorf("got %v, want %v", err, ErrNotFile)
	}
}

func TestGet(t *testing.T) {
	sh := newHome(t)
	sh.Dry = true // reading is no change
	if err := os.WriteFile(sh.Dir+"/-big", everyByte, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		path string
		want string
		err  error
	}{
		{path: "old", want: "old\n"},
		{path: "link", want: "old\n"},
		{path: "-big", want: string(everyByte)},
		{path: "dir", err: ErrNotFile},
		{path: "fifo", err: ErrNotFile},
		{path: "none", err: ErrNoFile},
		{path: "/", err: ErrNotFile},
	} {
		t.Run(tc.path, func(t *testing.T) {
			var b bytes.Buffer
			err := Get(t.Context(), sh, tc.path, &b)
			if !errors.Is(err, tc.err) || tc.err == nil && err != nil {
				t.Errorf("got %v, want %v", err, tc.err)
			}
			if b.String() != tc.want {
				t.Errorf("%d bytes arrived, want %d", b.Len(), len(tc.want))
			}
		})
	}
}

func TestGetWriterFails(t *testing.T) {
	sh := newHome(t)
	full := errors.New("full")
	cmd := remote.Cmd{Line: "yes | head -c 50000000 >big", Query: true}
	sh.Run(t.Context(), cmd)
	if err := Get(t.Context(), sh, "big", failing{full}); !errors.Is(err, full) {
		t.Errorf("got %v, want %v", err, full)
	}
}

type failing struct{ err error }

func (f failing) Write(p []byte) (int, error) { return 0, f.err }

// A runner that loses the end of a file does not make a file of the rest.
func TestGetFileIsCompleteOrAbsent(t *testing.T) {
	sh := newHome(t)
	dir := t.TempDir()
	local := filepath.Join(dir, "here")
	if err := GetFile(t.Context(), sh, "old", local); err != nil {
		t.Fatal(err)
	}
	if err := GetFile(t.Context(), losing{sh}, "old", local); !errors.Is(err, ErrIncomplete) {
		t.Errorf("got %v, want %v", err, ErrIncomplete)
	}
	if err := GetFile(t.Context(), sh, "none", local); !errors.Is(err, ErrNoFile) {
		t.Errorf("got %v, want %v", err, ErrNoFile)
	}
	if err := GetFile(t.Context(), sh, "old", dir); !errors.Is(err, ErrNotFile) {
		t.Errorf("got %v, want %v", err, ErrNotFile)
	}
	if diff := cmp.Diff([]string{"-rw-r--r-- here"}, listing(t, dir)); diff != "" {
		t.Error("-want +got\n" + diff)
	}
	if got, _ := os.ReadFile(local); string(got) != "old\n" {
		t.Errorf("got %q", got)
	}
}

// losing is a runner that delivers only the first byte of what commands say.
type losing struct{ Runner }

func (l losing) Run(ctx context.Context, cmd remote.Cmd) (remote.Result, error) {
	w := cmd.Stdout
	cmd.Stdout = writer(func(p []byte) (int, error) {
		w.Write(p[:1])
		return len(p), nil
	})
	return l.Runner.Run(ctx, cmd)
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }
