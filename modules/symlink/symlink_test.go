package symlink

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

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

// TestSwitchFromHome: the host works out how a link reads a target that is
// named from home, wherever the two lie.
func TestSwitchFromHome(t *testing.T) {
	for _, tc := range []struct {
		name, setup, link, target, want string
	}{
		{name: "beside the link", link: "www", target: "releases/b", want: "releases/b"},
		{name: "both in one directory", setup: "mkdir -p app/releases/b", link: "app/current", target: "app/releases/b", want: "releases/b"},
		{name: "in two directories", link: "adir/deep", target: "releases/b", want: "../releases/b"},
		{name: "two down", setup: "mkdir -p x/y", link: "x/y/l", target: "releases/it is \"c\"", want: `../../releases/it is "c"`},
		{name: "absolute", link: "adir/deep", target: "/usr", want: "/usr"},
		{name: "behind a link", setup: "ln -s releases r", link: "www", target: "r/b", want: "r/b"},
		{name: "a link in a directory behind a link", setup: "mkdir -p far/away; ln -s far/away near", link: "near/l", target: "releases/b", want: "../../releases/b"},
		{name: "a target behind a link", setup: "mkdir -p far/away/b; ln -s far/away r", link: "adir/l", target: "r/b", want: "../far/away/b"},
		{name: "nothing in common", setup: "ln -s /usr r", link: "adir/l", target: "r/bin", want: "/usr/bin"},
		{name: "a directory with a dash", setup: "mkdir -- -d", link: "-d/l", target: "releases/b", want: "../releases/b"},
	} {
		for userland := range userlands {
			t.Run(userland+"/"+tc.name, func(t *testing.T) {
				sh := newHome(t, userland)
				sh.Must(t, tc.setup)
				if _, err := Switch(t.Context(), sh, tc.link, tc.target, Options{FromHome: true}); err != nil {
					t.Fatal(err)
				}
				if got, _ := os.Readlink(filepath.Join(sh.Dir, tc.link)); got != tc.want {
					t.Errorf("the link reads %q, want %q", got, tc.want)
				}
			})
		}
	}
	sh := newHome(t, "gnu")
	if _, err := Switch(t.Context(), sh, "adir/l", "releases/x", Options{FromHome: true}); !errors.Is(err, ErrNoTarget) {
		t.Errorf("got %v, want %v", err, ErrNoTarget)
	}
}

// TestSwitchFormer: a link beside it reads what the link read before, and a switch
// that fails leaves both as they were.
func TestSwitchFormer(t *testing.T) {
	const failingMv = "#!/bin/sh\ncase $3 in ./www) echo 'mv: Permission denied' >&2; exit 1 ;; esac\nexec /bin/mv \"$@\"\n"
	for _, tc := range []struct {
		name, setup, mv string
		link            string
		want            string // what the former link reads then; "" if it is not there
		err             string
	}{
		{name: "the first", want: "releases/a"},
		{name: "another", setup: "ln -s old www.former", want: "releases/a"},
		{name: "no link", link: "new", setup: "ln -s old www.former", want: "old"},
		{name: "the first fails", mv: failingMv, err: "Permission denied"},
		{name: "another fails", setup: "ln -s old www.former", mv: failingMv, want: "old", err: "Permission denied"},
		{name: "no target", setup: "ln -s old www.former; rm -r releases/b", want: "old", err: ErrNoTarget.Error()},
		{name: "something in its place", setup: "mkdir www.former", err: "www.former is not a symbolic link"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sh := newHome(t, "gnu")
			sh.Must(t, tc.setup)
			if tc.mv != "" {
				useMv(t, sh, tc.mv)
			}
			before := tree(t, sh.Dir)
			_, err := Switch(t.Context(), sh, cmp.Or(tc.link, "www"), "releases/b", Options{Former: "www.former"})
			if tc.err == "" && err != nil || tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)) {
				t.Errorf("got %v, want %q", err, tc.err)
			}
			if got, _ := os.Readlink(filepath.Join(sh.Dir, "www.former")); got != tc.want {
				t.Errorf("the former link reads %q, want %q", got, tc.want)
			}
			if diff := gocmp.Diff(before, tree(t, sh.Dir)); tc.err != "" && diff != "" {
				t.Error("something changed: -before +after\n" + diff)
			}
			if left, _ := filepath.Glob(sh.Dir + "/.farmrun*"); left != nil {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// TestReadWithin: the host finds the entry to which a link leads, in whatever
// words.
func TestReadWithin(t *testing.T) {
	for _, userland := range []string{"gnu", "busybox"} {
		sh := newHome(t, userland)
		sh.Must(t, `mkdir -p releases/a/htdocs other/a; ln -s releases r
			ln -s "$PWD/releases/a" absolute; ln -s www chain; ln -s releases/a/htdocs below; ln -s releases/a/. dot
			ln -s r/a linked; ln -s releases/gone nowhere; ln -s other/a elsewhere; ln -s releases all; ln -s releases-/a like`)
		for link, want := range map[string]string{
			"www": "a", "absolute": "a", "chain": "a", "below": "a", "dot": "a", "linked": "a", "nowhere": "gone",
			"adir/inner": "a", "elsewhere": "", "all": "", "like": "", "dangling": "",
		} {
			for _, within := range []string{"releases", "r/", sh.Dir + "/releases"} {
				if _, got, err := ReadWithin(t.Context(), sh, link, within); got != want || err != nil {
					t.Errorf("%s: %s within %s: got %q, %v; want %q", userland, link, within, got, err, want)
				}
			}
		}
		if _, got, err := ReadWithin(t.Context(), sh, "www", "none"); got != "" || err != nil {
			t.Errorf("within what is not there: got %q, %v", got, err)
		}
	}
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
					if diff := gocmp.Diff(before, tree(t, sh.Dir)); diff != "" {
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
	if diff := gocmp.Diff(want, tree(t, sh.Dir)); diff != "" {
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
	if diff := gocmp.Diff(before, tree(t, sh.Dir)); diff != "" {
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
			if diff := gocmp.Diff(before, tree(t, sh.Dir)); diff != "" {
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
	if want := "\na\na\n1\n2\na\nb\nwww\n"; string(exit.Stdout) != want {
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
