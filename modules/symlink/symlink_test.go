package symlink

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"farmrun/luahost/remote"
	"farmrun/luahost/remote/remotetest"
	"farmrun/testdata/need"
)

// userlands are the kinds of system that a switch has to work on. Those that
// this machine is not are made of stand-ins in a PATH of their own.
var userlands = map[string]func(*testing.T, *remotetest.Shell){
	"gnu":     func(*testing.T, *remotetest.Shell) {},
	"busybox": func(t *testing.T, sh *remotetest.Shell) { sh.UseBusybox(t) },
	"bsd":     func(t *testing.T, sh *remotetest.Shell) { useMv(t, sh, bsdMv) },
	"perl":    func(t *testing.T, sh *remotetest.Shell) { useMv(t, sh, plainMv) },
}

const (
	// bsdMv knows -h and not -T, as the mv of FreeBSD, NetBSD and macOS does.
	bsdMv = `#!/bin/sh
case $1 in
-fh) shift; exec /bin/mv -fT "$@" ;;
-*T*) echo "mv: illegal option -- T" >&2; exit 64 ;;
esac
exec /bin/mv "$@"
`
	// plainMv knows neither, as that of OpenBSD and of old systems.
	plainMv = `#!/bin/sh
case $1 in -*[Th]*) echo "usage: mv [-fi] source target" >&2; exit 1 ;; esac
exec /bin/mv "$@"
`
)

func useMv(t *testing.T, sh *remotetest.Shell, script string) {
	t.Helper()
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "mv"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	sh.Env = append(sh.Env, "PATH="+bin+":"+os.Getenv("PATH"))
}

// setup is the home of each test: two releases, a link to the first, and what
// may stand in the way.
const setup = `
mkdir -p releases/a releases/b 'releases/it is "c"' adir
echo a >releases/a/name; echo b >releases/b/name
ln -s releases/a www
ln -s gone dangling
ln -s ../releases/a adir/inner
: >file
ln -s releases/a ./-n
`

func newHome(t *testing.T, userland string) *remotetest.Shell {
	t.Helper()
	sh := remotetest.New(t)
	userlands[userland](t, sh)
	sh.Must(t, setup)
	return sh
}

// tree lists what is in dir with where links lead.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		name, _ := filepath.Rel(dir, path)
		if target, err := os.Readlink(path); err == nil {
			name += " -> " + target
		}
		names = append(names, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestSwitch(t *testing.T) {
	for _, tc := range []struct {
		name, link, target string
		options            Options
		former             string
		err                error
	}{
		{name: "to another", link: "www", target: "releases/b", former: "releases/a"},
		{name: "slash at the end", link: "www/", target: "releases/b", former: "releases/a"},
		{name: "to the same", link: "www", target: "releases/a", former: "releases/a"},
		{name: "new link", link: "new", target: "releases/b"},
		{name: "in a directory", link: "adir/inner", target: "../releases/b", former: "../releases/a"},
		{name: "quotes", link: "www", target: `releases/it is "c"`, former: "releases/a"},
		{name: "dash", link: "-n", target: "releases/b", former: "releases/a"},
		{name: "from dangling", link: "dangling", target: "releases/b", former: "gone"},
		{name: "by another link", link: "new", target: "www"},
		{name: "no target", link: "www", target: "releases/x", former: "releases/a", err: ErrNoTarget},
		{name: "relative to the link", link: "adir/inner", target: "releases/b", former: "../releases/a", err: ErrNoTarget},
		{name: "dangling target", link: "www", target: "dangling", former: "releases/a", err: ErrNoTarget},
		{name: "dangling is wanted", link: "www", target: "later", options: Options{Target: NeedNothing}, former: "releases/a"},
		{name: "file", link: "www", target: "file", former: "releases/a", err: ErrNotDirectory},
		{name: "file is wanted", link: "www", target: "file", options: Options{Target: NeedExisting}, former: "releases/a"},
		{name: "link is a directory", link: "adir", target: "releases/b", err: ErrNotLink},
		{name: "link is a file", link: "file", target: "releases/b", err: ErrNotLink},
		{name: "link is here", link: ".", target: "releases/b", err: ErrNotLink},
	} {
		for userland := range userlands {
			if userland == "busybox" && tc.name == "file is wanted" {
				continue // its mv -T does not put a link to a file over one to a directory
			}
			t.Run(userland+"/"+tc.name, func(t *testing.T) {
				sh := newHome(t, userland)
				before := tree(t, sh.Dir)
				former, err := Switch(t.Context(), sh, tc.link, tc.target, tc.options)
				if former != tc.former || !errors.Is(err, tc.err) || tc.err == nil && err != nil {
					t.Fatalf("got %q, %v; want %q, %v", former, err, tc.former, tc.err)
				}
				if tc.err != nil {
					if diff := cmp.Diff(before, tree(t, sh.Dir)); diff != "" {
						t.Error("something changed: -before +after\n" + diff)
					}
					return
				}
				link := filepath.Join(sh.Dir, strings.TrimSuffix(tc.link, "/"))
				if got, _ := os.Readlink(link); got != tc.target {
					t.Errorf("the link reads %q, want %q", got, tc.target)
				}
				if left, _ := filepath.Glob(sh.Dir + "/.farmrun*"); left != nil {
					t.Errorf("left behind: %v", left)
				}
			})
		}
	}
}

// Left-overs of a switch that was interrupted do not lead the next one astray:
// in "ln -s new tmp; mv tmp www" a left-over tmp makes ln succeed inside of the
// old release.
func TestSwitchBesideLeftOvers(t *testing.T) {
	sh := newHome(t, "gnu")
	sh.Must(t, "ln -s releases/a www.tmp; ln -s releases/a .farmrun-link-OLD; ln -s releases/a tmp")
	want := tree(t, sh.Dir)
	if _, err := Switch(t.Context(), sh, "www", "releases/b", Options{}); err != nil {
		t.Fatal(err)
	}
	for i, name := range want {
		if name == "www -> releases/a" {
			want[i] = "www -> releases/b"
		}
	}
	if diff := cmp.Diff(want, tree(t, sh.Dir)); diff != "" {
		t.Error("-want +got\n" + diff)
	}
}

func TestSwitchDry(t *testing.T) {
	sh := newHome(t, "gnu")
	sh.Dry = true
	before := tree(t, sh.Dir)
	if former, err := Switch(t.Context(), sh, "www", "releases/b", Options{}); former != "releases/a" || err != nil {
		t.Errorf("got %q, %v", former, err)
	}
	if _, err := Switch(t.Context(), sh, "www", "releases/x", Options{}); !errors.Is(err, ErrNoTarget) {
		t.Errorf("got %v, want %v", err, ErrNoTarget)
	}
	if diff := cmp.Diff(before, tree(t, sh.Dir)); diff != "" {
		t.Error("a dry run changed something: -before +after\n" + diff)
	}
}

// A mv that reports success and does nothing, as over some broken mounts, is
// found out; so is one that fails, and neither leaves the temporary link.
func TestSwitchBadMv(t *testing.T) {
	for _, tc := range []struct {
		name, mv string
		want     string
	}{
		{"idle", "#!/bin/sh\nexit 0\n", ErrNotSwitched.Error()},
		{"failing", "#!/bin/sh\ncase $3 in ./www) echo 'mv: Permission denied' >&2; exit 1 ;; esac\nexec /bin/mv \"$@\"\n", "Permission denied"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sh := newHome(t, "gnu")
			useMv(t, sh, tc.mv)
			before := tree(t, sh.Dir)
			_, err := Switch(t.Context(), sh, "www", "releases/b", Options{})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q in it", err, tc.want)
			}
			if diff := cmp.Diff(before, tree(t, sh.Dir)); diff != "" {
				t.Error("-before +after\n" + diff)
			}
		})
	}
}

// On a disk without room for another link nothing changes.
func TestSwitchFullDisk(t *testing.T) {
	sh := remotetest.New(t)
	sh.Wrap = []string{"unshare", "--mount", "sh", "-c", `set -e
		mount -t tmpfs -o nr_inodes=6,size=64k full .
		cd .
		cd "$PWD"
		mkdir a b
		ln -s a www
		: >1; : >2
		"$@" || code=$?
		readlink www; ls -A
		exit ${code:-0}`, "sh"}
	need.Root(t) // to mount a small disk
	_, err := Switch(t.Context(), sh, "www", "b", Options{})
	var exit *remote.ExitError
	if !errors.As(err, &exit) {
		t.Fatalf("got %v, want a failed command", err)
	}
	if want := "a\na\n1\n2\na\nb\nwww\n"; string(exit.Stdout) != want {
		t.Errorf("got %q, want %q", exit.Stdout, want)
	}
	if !strings.Contains(err.Error(), "No space left on device") {
		t.Errorf("got %v", err)
	}
}

// Whoever reads through the link while it is switched to and fro always gets
// one release or the other.
func TestSwitchIsNeverSeen(t *testing.T) {
	sh := newHome(t, "gnu")
	stop, done := make(chan struct{}), make(chan error)
	go func() {
		defer close(done)
		for {
			if _, err := os.ReadFile(filepath.Join(sh.Dir, "www/name")); err != nil {
				done <- err
				return
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	for i := range 30 {
		target := fmt.Sprintf("releases/%c", "ba"[i%2])
		if _, err := Switch(t.Context(), sh, "www", target, Options{}); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	if err := <-done; err != nil {
		t.Error("a reader failed:", err)
	}
}

func TestRead(t *testing.T) {
	for link, want := range map[string]struct {
		target string
		err    error
	}{
		"www":      {target: "releases/a"},
		"www/":     {target: "releases/a"},
		"dangling": {target: "gone"},
		"-n":       {target: "releases/a"},
		"adir":     {err: ErrNotLink},
		"none":     {err: ErrNoLink},
	} {
		sh := newHome(t, "gnu")
		sh.Dry = true // reading is no change
		got, err := Read(t.Context(), sh, link)
		if got != want.target || !errors.Is(err, want.err) || want.err == nil && err != nil {
			t.Errorf("%s: got %q, %v; want %q, %v", link, got, err, want.target, want.err)
		}
	}
}

func TestBadPaths(t *testing.T) {
	sh := remotetest.New(t)
	for _, link := range []string{"", "~/www", "a\nb", "/"} {
		if _, err := Read(t.Context(), sh, link); err == nil {
			t.Errorf("Read(%q) has no error", link)
		}
		if _, err := Switch(t.Context(), sh, link, "x", Options{}); err == nil {
			t.Errorf("Switch(%q) has no error", link)
		}
		if _, err := Switch(t.Context(), sh, "x", link, Options{}); link != "/" && err == nil {
			t.Errorf("Switch to %q has no error", link)
		}
	}
	if n := len(sh.Ran()); n != 1 { // only the switch of x to /
		t.Errorf("%d commands ran", n)
	}
}
