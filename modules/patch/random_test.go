package patch

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"farmrun/luahost/remote/remotetest"
	"farmrun/testdata/need"
)

var randomCases = remotetest.NewCases("patches", 500, "how many random patches TestRandom tries")

// Random patches, made by git diff, diff -u and diff -c, of files with names of every
// kind: a look says what applying does, that is what patch(1) does, and what was
// applied is taken out again byte for byte.
func TestRandom(t *testing.T) {
	need.Program(t, "git", "diff", "patch")
	states := make(chan string, *randomCases.Count)
	randomCases.Run(t, func(t *testing.T, n int, seeds iter.Seq[uint64]) {
		sh := remotetest.New(t)
		if n%2 == 1 { // whose programs begin in half the time
			useBusybox(t, sh)
		}
		for seed := range seeds {
			states <- newTrial(t, sh, seed).try()
		}
	})
	close(states)
	count := map[string]int{}
	for state := range states {
		count[state]++
	}
	t.Log(count)
	for _, state := range []string{"fits", "applied", "refused"} {
		if *randomCases.Count >= 100 && count[state] < *randomCases.Count/50 {
			t.Errorf("only %d of %d patches were %s", count[state], *randomCases.Count, state)
		}
	}
}

// trial is a patch and the files on which it is tried.
type trial struct {
	*testing.T
	*rand.Rand
	seed   uint64
	sh     *remotetest.Shell
	old    tree // what the patch was made of
	new    tree
	made   string // how it was made
	text   string
	before tree // what it is tried on
}

// tree is files by their paths: their modes and contents, or what links read.
type tree map[string]string

func newTrial(t *testing.T, sh *remotetest.Shell, seed uint64) *trial {
	return &trial{T: t, Rand: rand.New(rand.NewPCG(seed, 1)), seed: seed, sh: sh}
}

// useBusybox gives sh the programs of busybox, but for patch, and for a shell that would
// not look for it.
func useBusybox(t *testing.T, sh *remotetest.Shell) {
	sh.UseBusybox(t)
	sh.Wrap = nil
	bin := strings.TrimPrefix(sh.Env[0], "PATH=")
	for _, name := range []string{"patch", "sh"} {
		path, err := exec.LookPath(name)
		if err == nil {
			err = errors.Join(os.Remove(filepath.Join(bin, name)), os.Symlink(path, filepath.Join(bin, name)))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// name returns a path. Some names are such as few would think of.
func (x *trial) name() string {
	part := func() string {
		if x.IntN(3) > 0 {
			return pick(x.Rand, "index.html", "a", "b", "page.php", "x.orig", "list")
		}
		return pick(x.Rand, "with space", "caf\u00e9", "caf\xe9.html", `quo"te`, "apo'strophe", `back\slash`, "tab\there", "line\nend",
			"-dash", "$HOME", "[ab]*", "two  blanks", "~", "#x", "a b\tc", "--- a", "@@", "\x01", " lead", "trail ", ".hidden", "C:", "%s")
	}
	path := part()
	for x.IntN(2) == 0 {
		path = part() + "/" + path
	}
	return path
}

func (x *trial) contents() string {
	var b strings.Builder
	end := pick(x.Rand, "\n", "\n", "\n", "\r\n")
	for range x.IntN(20) {
		b.WriteString(x.line() + end)
	}
	text := b.String()
	if x.IntN(6) == 0 {
		text = strings.TrimSuffix(text, end)
	}
	return text
}

// line returns a line; many are alike.
func (x *trial) line() string {
	return pick(x.Rand, "", "", "a", "b", "<p>", "-- x", "++ y", "-", "+", "@@ -1 +1 @@", "diff --git a/x b/x", "*** z", "--- 1,2 ----", `\ No`,
		"\t", " ", "caf\xe9", fmt.Sprint(x.IntN(100)), fmt.Sprint(x.IntN(100)), fmt.Sprint(x.IntN(100)))
}

// put puts a file into a tree, unless one of its directories is a file there.
func (tr tree) put(path, is string) {
	for other := range tr {
		if strings.HasPrefix(other, path+"/") || strings.HasPrefix(path, other+"/") {
			return
		}
	}
	tr[path] = is
}

func (x *trial) make() {
	x.old = tree{}
	for range 1 + x.IntN(5) {
		x.old.put(x.name(), pick(x.Rand, "644 ", "644 ", "755 ")+x.contents())
	}
	git := x.IntN(2) == 0
	x.new = x.edited(x.old, 1+x.IntN(3), git)
	x.before = x.old
	switch x.IntN(8) {
	case 0:
		x.before = x.new
	case 1, 2:
		x.before = x.edited(x.old, 1, false)
	case 3:
		x.before = x.edited(x.new, 1, false)
	}
	x.write("a", x.old)
	x.write("b", x.new)
	if git {
		x.git()
	} else {
		x.diff()
	}
	os.RemoveAll(filepath.Join(x.sh.Dir, "a"))
	os.RemoveAll(filepath.Join(x.sh.Dir, "b"))
}

// edited returns a copy of a tree with some edits; git can say more of them.
func (x *trial) edited(from tree, edits int, git bool) tree {
	to := tree{}
	for path, is := range from {
		to[path] = is
	}
	for range edits {
		paths := make([]string, 0, len(to))
		for path := range to {
			paths = append(paths, path)
		}
		slices.Sort(paths)
		if len(paths) == 0 || x.IntN(8) == 0 {
			to.put(x.name(), "644 "+x.contents())
			continue
		}
		path := pick(x.Rand, paths...)
		is := to[path]
		switch kind := x.IntN(12); {
		case kind == 0:
			delete(to, path)
		case git && kind == 1:
			delete(to, path)
			to.put(x.name(), is)
		case git && kind == 2 && is[:3] != "lnk":
			to[path] = pick(x.Rand, "644", "755") + is[3:]
		case git && kind == 3:
			to[path] = "lnk " + pick(x.Rand, "a", "list", "no/where", "..")
		case is[:3] != "lnk":
			lines := strings.SplitAfter(is[4:], "\n")
			for range 1 + x.IntN(3) {
				at := x.IntN(len(lines))
				lines = slices.Replace(lines, at, min(len(lines), at+x.IntN(2)), x.line()+"\n")
			}
			to[path] = is[:4] + strings.Join(lines, "")
		}
	}
	return to
}

// write writes a tree below dir.
func (x *trial) write(dir string, tr tree) {
	dir = filepath.Join(x.sh.Dir, dir)
	os.RemoveAll(dir)
	if err := os.Mkdir(dir, 0o777); err != nil {
		x.Fatal(err)
	}
	for path, is := range tr {
		path = filepath.Join(dir, path)
		err := os.MkdirAll(filepath.Dir(path), 0o777)
		if err == nil && is[:3] == "lnk" {
			err = os.Symlink(is[4:], path)
		} else if err == nil {
			err = os.WriteFile(path, []byte(is[4:]), 0o644)
			if is[:3] == "755" {
				os.Chmod(path, 0o755)
			}
		}
		if err != nil {
			x.Fatal(err)
		}
	}
}

// read reads a tree below dir.
func (x *trial) read(dir string) tree {
	tr := tree{}
	dir = filepath.Join(x.sh.Dir, dir)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name := strings.TrimPrefix(path, dir+"/")
		if d.Type()&fs.ModeSymlink != 0 {
			to, err := os.Readlink(path)
			tr[name] = "lnk " + to
			return err
		}
		text, err := os.ReadFile(path)
		info, _ := d.Info()
		tr[name] = fmt.Sprintf("%o ", info.Mode().Perm()) + string(text)
		return err
	})
	if err != nil {
		x.Fatal(err)
	}
	return tr
}

// folders returns the directories below dir.
func (x *trial) folders(dir string) (all []string) {
	dir = filepath.Join(x.sh.Dir, dir)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			all = append(all, strings.TrimPrefix(path, dir))
		}
		return err
	})
	if err != nil {
		x.Fatal(err)
	}
	return all
}

// command runs a program and returns its output and exit status.
func (x *trial) command(stdin, dir string, words ...string) (string, int) {
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Dir, cmd.Stdin = filepath.Join(x.sh.Dir, dir), strings.NewReader(stdin)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "HOME="+x.sh.Dir, "GIT_DIR="+x.sh.Dir+"/git", "GIT_CONFIG_NOSYSTEM=1")
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		x.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// git makes the patch by git diff.
func (x *trial) git() {
	if _, err := os.Stat(filepath.Join(x.sh.Dir, "git")); err != nil {
		x.command("", ".", "git", "init", "-q", "--bare", "git")
	}
	x.command("", ".", "git", "--work-tree=a", "add", "-A", ".")
	was, _ := x.command("", ".", "git", "write-tree")
	x.command("", ".", "git", "--work-tree=b", "add", "-A", ".")
	words := []string{"git", "diff", "--cached", pick(x.Rand, "-M", "--no-renames"), pick(x.Rand, "--no-prefix", "--src-prefix=a/"),
		fmt.Sprintf("-U%d", pick(x.Rand, 3, 3, 3, 1, 5, 0)), strings.TrimSpace(was)}
	x.made = strings.Join(words, " ")
	x.text, _ = x.command("", ".", words...)
}

// diff makes the patch by diff, of the trees or of each file.
func (x *trial) diff() {
	how := pick(x.Rand, "-u", "-u", "-c", "-U1", "-C1", "-U0")
	if x.IntN(2) == 0 {
		x.made = "diff -rN " + how
		x.text, _ = x.command("", ".", "diff", "-rN", how, "a", "b")
		return
	}
	x.made = "diff -N " + how
	names := map[string]bool{}
	for _, tr := range []tree{x.old, x.new} {
		for path := range tr {
			names[path] = true
		}
	}
	for path := range names {
		out, _ := x.command("", "b", "diff", "-N", how, "--", "../a/"+path, path)
		x.text += out
	}
}

// try tries the patch, and returns how it stood: "fits", "applied" or "refused".
func (x *trial) try() string {
	for x.text == "" {
		x.make()
	}
	x.write("t", x.before)
	x.write("o", x.before)
	o := Options{Dir: "t"}
	strip := "-p0"
	if strings.HasPrefix(x.made, "diff -rN") || strings.Contains(x.made, "--src-prefix") {
		strip = "-p1"
	}
	state, files, lookErr := Look(x.Context(), x.sh, x.text, o)
	x.same("a look changes something", x.read("t"), x.before)
	changed, applied, err := Apply(x.Context(), x.sh, x.text, o)
	after := x.read("t")
	if fmt.Sprint(lookErr) != fmt.Sprint(err) || err == nil && (changed != (state == Fits) || !slices.Equal(files, applied)) {
		x.fail("a look says %q, %q, %v, but what is applied %v, %q, %v", state, files, lookErr, changed, applied, err)
	}
	said, code := x.patch("o", strip)
	oracle := x.read("o")
	if err != nil {
		x.same("what is refused changes something", after, x.before)
		var refused *Error
		if !errors.As(err, &refused) {
			x.fail("%v", err)
		}
		if code == 0 && !cmp.Equal(oracle, x.before) {
			if _, code := x.patch("o", strip, "-R"); code == 0 && cmp.Equal(x.read("o"), x.before) && !strings.Contains(err.Error(), "context") {
				x.fail("patch(1) can do it: %s, but: %v", said, err)
			}
		}
		return "refused"
	}
	if !changed {
		x.same("what is in changes something", after, x.before)
		if said, code := x.patch("o", strip, "-R"); code != 0 && cmp.Equal(oracle, x.before) {
			x.fail("is said to be in, but patch -R: %s", said)
		}
		return "applied"
	}
	if code != 0 {
		x.fail("is applied, but patch(1) fails: %s", said)
	}
	x.same("differs from what patch(1) makes", after, oracle)
	x.same("the files that are said to be changed", x.onlyPaths(files), x.onlyPaths(differ(x.before, after)))
	if got, want := x.folders("t"), x.folders("o"); !slices.Equal(got, want) {
		x.fail("makes the directories %q, and patch(1) %q", got, want)
	}
	if x.IntN(6) == 0 {
		if state, _, err := Look(x.Context(), x.sh, x.text, o); state != Applied {
			x.fail("is applied, and a look says %q, %v", state, err)
		}
	}
	if _, files, err := Revert(x.Context(), x.sh, x.text, o); err != nil || len(files) != len(applied) {
		x.fail("cannot be taken out of %q: %v", files, err)
	}
	x.same("is not taken out as it was", x.read("t"), x.before)
	return "fits"
}

func (x *trial) onlyPaths(paths []string) tree {
	tr := tree{}
	for _, path := range paths {
		tr[path] = ""
	}
	return tr
}

// differ returns the paths that two trees do not have alike.
func differ(a, b tree) []string {
	var paths []string
	for path, is := range a {
		if b[path] != is {
			paths = append(paths, path)
		}
	}
	for path := range b {
		if _, ok := a[path]; !ok {
			paths = append(paths, path)
		}
	}
	return paths
}

func (x *trial) patch(dir string, words ...string) (string, int) {
	return x.command(x.text, dir, append([]string{"patch", "--force", "--no-backup-if-mismatch", "-F0", "-r", "-"}, words...)...)
}

func (x *trial) same(what string, got, want tree) {
	x.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		x.fail("%s: -want +got\n%s", what, diff)
	}
}

func (x *trial) fail(format string, args ...any) {
	x.Helper()
	x.Fatalf("-patches 1 -patches.seed %d: "+format+"\nmade by %s:\n%s\ntried on %q", append(append([]any{x.seed}, args...), x.made, x.text, x.before)...)
}
