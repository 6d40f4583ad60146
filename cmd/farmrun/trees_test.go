package main

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
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

var treeCases = remotetest.NewCases("trees", 60, "how many histories TestTrees tries")

// Random histories of random files: a release that begins with another one is the same,
// byte for byte, as a fresh checkout, whatever releases a host had before; and a change
// of any file or mode of it is found. The repositories of CVS are written as RCS files;
// some histories come from git or rsync.
func TestTrees(t *testing.T) {
	need.Program(t, "cvs", "git", "rsync")
	treeCases.Run(t, func(t *testing.T, _ int, seeds iter.Seq[uint64]) {
		for seed := range seeds {
			h := &history{T: t, Rand: rand.New(rand.NewPCG(seed, 1)), seed: seed, dir: t.TempDir()}
			h.try()
			os.RemoveAll(h.dir)
		}
	})
}

// history is a source with three releases, and a farm of two hosts that pull them.
type history struct {
	*testing.T
	*rand.Rand
	seed   uint64
	dir    string
	source string // cvs, git or rsync
	files  map[string]*rcsFile
	links  map[string]string // their targets
	notes  []string          // for errors
}

func historyDates() []string { return []string{"2000-10-03", "2000-10-10", "2000-10-17"} }

func historyNames() []string {
	return []string{"a", "b c", "-dash", "[x]", "q'uote", `d"uote`, ".new.css", "caf\xe9", "d/e", "d/f g", "e/deep/h", "Case", "case", "#x", "x#",
		"tab\there", `back\slash`, " lead", "a -> b"}
}

// historyLinks are names of links, and their targets; only CVS has none.
func historyLinks() (names, reads []string) {
	return []string{"link", "l -> k", " link", "d/link"}, []string{"always", "d", "nowhere", "/etc/passwd", "a -> b", "../x"}
}

func oneOf[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func (h *history) text() string {
	var b strings.Builder
	for range h.IntN(4) {
		b.WriteString(oneOf(h.Rand, "", "one", "two", "@ and @@", "$Name$", `VERSION="$Name$"`, "$Id$ and $Revision$", "$Log", "\x00\x01binary\xff\r",
			"caf\xe9", fmt.Sprint(h.IntN(100))) + "\n")
	}
	return b.String() + oneOf(h.Rand, "", "", "no end", "$Name$")
}

// try pulls the last release onto both hosts, which may have some of those before it.
func (h *history) try() {
	h.source = oneOf(h.Rand, "cvs", "cvs", "cvs", "cvs", "cvs", "cvs", "git", "rsync")
	h.files, h.links = map[string]*rcsFile{}, map[string]string{}
	root := filepath.Join(h.dir, h.source)
	farm := newShellFarm(h, h.dir, fmt.Sprintf(`
site.source = %q
site.cvs.root, site.git.url, site.rsync.url = %q, %q, %q`, h.source, root, root, root), "web1", "web2")
	o := &shellOperator{farm: farm}
	h.program(h.dir, map[string][]string{
		"cvs": {"cvs", "-d", root, "init"}, "git": {"git", "init", "-q", root}, "rsync": {"mkdir", root},
	}[h.source]...)
	dates := historyDates()
	last := dates[len(dates)-1]
	pull := func(words ...string) {
		h.notes = append(h.notes, "pull "+strings.Join(words, " "))
		if said, err := o.run(h, 0, append([]string{h.source + "-pull-snapshot"}, words...)...); err != nil {
			h.fail("%v\n%s", err, said)
		}
	}
	for i, date := range dates {
		h.release(i, root)
		for _, host := range []string{"web1", "web2"} {
			if i == 0 && h.IntN(4) == 0 || i == 1 && host == "web1" {
				pull("--hosts", host, date)
			}
		}
	}
	pull(last)
	dir := filepath.Join("releases", last)
	want := h.tree(h.checkout(root, last))
	for _, host := range []string{"web1", "web2"} {
		if diff := cmp.Diff(want, h.tree(filepath.Join(farm.home(host), dir))); diff != "" {
			h.fail("%s: -fresh +pulled\n%s", host, diff)
		}
	}
	host := oneOf(h.Rand, "web1", "web2")
	what := h.spoil(filepath.Join(farm.home(host), dir), want)
	said, err := o.run(h, 0, "status", "--all", "--check", "--hosts", host)
	if err == nil || !strings.Contains(said, host+": "+dir+": ") {
		h.fail("%s, and status: %v\n%s", what, err, said)
	}
}

// spoil changes a file of the release, or its mode.
func (h *history) spoil(dir string, files map[string]string) string {
	name := oneOf(h.Rand, slices.Sorted(maps.Keys(files))...)
	path := filepath.Join(dir, name)
	info, err := os.Lstat(path)
	if err != nil {
		h.Fatal(err)
	}
	switch what := h.IntN(4); {
	case info.Mode()&fs.ModeSymlink != 0:
		err = errors.Join(os.Remove(path), os.Symlink("elsewhere", path))
	case what == 0 || info.IsDir():
		err = os.Chmod(path, info.Mode().Perm()^oneOf[fs.FileMode](h.Rand, 0o100, 0o002, 0o040))
	case what == 1:
		err = os.Remove(path)
	default: // with its time, and its size
		var text []byte
		text, err = os.ReadFile(path)
		if len(text) == 0 {
			text = []byte("x")
		}
		text[h.IntN(len(text))] ^= 1
		err = errors.Join(err, os.Remove(path), os.WriteFile(path, text, info.Mode().Perm()), os.Chtimes(path, info.ModTime(), info.ModTime()))
	}
	if err != nil {
		h.Fatal(err)
	}
	return fmt.Sprintf("changed %q", name)
}

// tree returns the files of a directory by their names: modes and contents.
func (h *history) tree(dir string) map[string]string {
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "CVS" || d.Name() == ".farmrun" || d.Name() == ".git") {
			return fs.SkipDir
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		files[name] = info.Mode().String()
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			reads, err := os.Readlink(path)
			files[name] += " -> " + reads
			return err
		case !d.IsDir():
			text, err := os.ReadFile(path)
			files[name] += fmt.Sprintf(" %q", text)
			return err
		}
		return nil
	})
	if err != nil {
		h.fail("%v", err)
	}
	return files
}

// program runs one, which must succeed.
func (h *history) program(dir string, words ...string) {
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "HOME="+h.dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_DATE=976000000 +0000", "GIT_COMMITTER_DATE=976000000 +0000")
	if out, err := cmd.CombinedOutput(); err != nil {
		h.fail("%q: %v\n%s", words, err, out)
	}
}

// checkout gets a release as its source has it, by the source's own program.
func (h *history) checkout(root, date string) string {
	to, tag := filepath.Join(h.dir, "fresh"), "Snapshot-"+date
	switch h.source {
	case "cvs":
		h.program(h.dir, "cvs", "-Q", "-d", root, "checkout", "-d", "fresh", "-r", tag, "site")
	case "git":
		h.program(h.dir, "git", "clone", "-q", "-b", tag, root, to)
	default:
		h.program(h.dir, "cp", "-a", filepath.Join(root, tag), to)
	}
	return to
}

// release makes the release of a date: it changes some of the files.
func (h *history) release(n int, root string) {
	names := historyNames()
	for range 4 {
		name := oneOf(h.Rand, names...)
		f := h.files[name]
		if f == nil {
			f = &rcsFile{expand: oneOf(h.Rand, "", "", "b", "v", "o", "kv"), mode: oneOf[fs.FileMode](h.Rand, 0o444, 0o444, 0o555)}
			h.files[name] = f
		}
		switch alive := f.alive(); {
		case alive && h.IntN(3) == 0:
			f.trunk = append(f.trunk, rcsRevision{text: f.last().text, dead: true})
		case !alive && h.source == "cvs" && h.IntN(4) == 0: // there is one on the branch only
			if f.trunk == nil {
				f.trunk = []rcsRevision{{dead: true}}
			}
			f.branch(n).revisions = []rcsRevision{{text: h.text()}}
		default:
			f.trunk = append(f.trunk, rcsRevision{text: h.text()})
		}
	}
	linkNames, reads := historyLinks()
	delete(h.links, oneOf(h.Rand, linkNames...))
	h.links[oneOf(h.Rand, linkNames...)] = oneOf(h.Rand, reads...)
	if n == 0 {
		h.files["always"] = &rcsFile{mode: 0o444, trunk: []rcsRevision{{text: "always\n"}}}
	}
	tag := "Snapshot-" + historyDates()[n]
	switch h.source {
	case "cvs":
		h.write(n, filepath.Join(root, "site"))
	case "git":
		h.program(root, "find", ".", "-mindepth", "1", "-maxdepth", "1", "!", "-name", ".git", "-exec", "rm", "-r", "{}", "+")
		h.plain(root)
		h.program(root, "git", "add", "-A")
		h.program(root, "git", "-c", "user.name=rel", "-c", "user.email=rel@example.org", "commit", "-q", "--allow-empty", "-m", tag)
		h.program(root, "git", "tag", tag)
	default:
		h.plain(filepath.Join(root, tag))
		h.program(root, "find", ".", "-type", "f", "-exec", "touch", "-d", "@976000000", "{}", "+")
	}
}

// plain writes the files as they are on the trunk, and links. For rsync there are empty
// directories.
func (h *history) plain(dir string) {
	for name, f := range h.files {
		if !f.alive() {
			continue
		}
		path := filepath.Join(dir, name)
		err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(f.last().text), 0o644), os.Chmod(path, f.mode|0o200))
		if err != nil {
			h.Fatal(err)
		}
	}
	err := os.MkdirAll(filepath.Join(dir, "d"), 0o755)
	for name, reads := range h.links {
		err = errors.Join(err, os.Symlink(reads, filepath.Join(dir, name)))
	}
	if h.source == "rsync" {
		err = errors.Join(err, os.MkdirAll(filepath.Join(dir, oneOf(h.Rand, "empty", "d/empty"), "in"), 0o755))
	}
	if err != nil {
		h.Fatal(err)
	}
}

// write makes the branch of a release, with some commits on it, and writes all RCS files.
func (h *history) write(n int, dir string) {
	for _, name := range slices.Sorted(maps.Keys(h.files)) {
		f := h.files[name]
		if f.alive() && f.branches[n] == nil {
			b := f.branch(n)
			for range h.IntN(3) / 2 * (1 + h.IntN(2)) {
				b.revisions = append(b.revisions, rcsRevision{text: h.text(), dead: h.IntN(4) == 0})
			}
		}
		path := filepath.Join(dir, filepath.Dir(name), filepath.Base(name)+",v")
		attic := filepath.Join(dir, filepath.Dir(name), "Attic", filepath.Base(name)+",v")
		os.Remove(path)
		os.Remove(attic)
		if !f.alive() {
			path = attic
		}
		err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(f.String()), f.mode), os.Chmod(path, f.mode))
		if err != nil {
			h.Fatal(err)
		}
	}
}

func (h *history) fail(format string, args ...any) {
	h.Helper()
	h.Fatalf("-trees 1 -trees.seed %d: "+format+"\nfrom %s, after:\n%s",
		append(append([]any{h.seed}, args...), h.source, strings.Join(h.notes, "\n"))...)
}

// rcsFile is a file of a repository, as rcsfile(5) has it.
type rcsFile struct {
	expand   string // how keywords are expanded; "" is as by default
	mode     fs.FileMode
	trunk    []rcsRevision // 1.1 and on
	branches [3]*rcsBranch // of the releases; nil is none
}

// rcsRevision is a revision of a file; in one that is dead it was removed.
type rcsRevision struct {
	text string
	dead bool
}

// rcsBranch is a branch: the second one of revision 1.3 is 1.3.4.
type rcsBranch struct {
	of, number int
	revisions  []rcsRevision
}

func (f *rcsFile) last() rcsRevision { return f.trunk[len(f.trunk)-1] }

func (f *rcsFile) alive() bool { return len(f.trunk) > 0 && !f.last().dead }

// branch returns the branch of a release, made of the last revision if there is none.
func (f *rcsFile) branch(n int) *rcsBranch {
	if f.branches[n] == nil {
		b := &rcsBranch{of: len(f.trunk), number: 2}
		for _, other := range f.branches {
			if other != nil && other.of == b.of {
				b.number += 2
			}
		}
		f.branches[n] = b
	}
	return f.branches[n]
}

// String returns the text of the RCS file.
func (f *rcsFile) String() string {
	var symbols, deltas, texts strings.Builder
	fork := map[int]string{}
	for n, b := range f.branches {
		if b == nil {
			continue
		}
		fmt.Fprintf(&symbols, "\n\tSnapshot-%s:1.%d.0.%d", historyDates()[n], b.of, b.number)
		if len(b.revisions) > 0 {
			fork[b.of] += fmt.Sprintf("\n\t1.%d.%d.1", b.of, b.number)
		}
	}
	clock := 0
	delta := func(number string, r rcsRevision, branches, next string) {
		clock++
		state := "Exp"
		if r.dead {
			state = "dead"
		}
		fmt.Fprintf(&deltas, "\n%s\ndate\t2000.10.01.00.%02d.00;\tauthor rel;\tstate %s;\nbranches%s;\nnext\t%s;\n", number, clock, state, branches, next)
	}
	text := func(number, text string) {
		fmt.Fprintf(&texts, "\n\n%s\nlog\n@new\n@\ntext\n@%s@\n", number, strings.ReplaceAll(text, "@", "@@"))
	}
	for i, r := range slices.Backward(f.trunk) {
		number, next := fmt.Sprintf("1.%d", i+1), ""
		if i > 0 {
			next = fmt.Sprintf("1.%d", i)
		}
		delta(number, r, fork[i+1], next)
		if i == len(f.trunk)-1 {
			text(number, r.text)
		} else {
			text(number, rcsEdit(f.trunk[i+1].text, r.text))
		}
	}
	for _, b := range f.branches {
		if b == nil {
			continue
		}
		was := f.trunk[b.of-1].text
		for i, r := range b.revisions {
			number, next := fmt.Sprintf("1.%d.%d.%d", b.of, b.number, i+1), ""
			if i+1 < len(b.revisions) {
				next = fmt.Sprintf("1.%d.%d.%d", b.of, b.number, i+2)
			}
			delta(number, r, "", next)
			text(number, rcsEdit(was, r.text))
			was = r.text
		}
	}
	expand := ""
	if f.expand != "" {
		expand = "expand\t@" + f.expand + "@;\n"
	}
	return fmt.Sprintf("head\t1.%d;\naccess;\nsymbols%s;\nlocks; strict;\ncomment\t@# @;\n%s\n%s\n\ndesc\n@@\n%s",
		len(f.trunk), symbols.String(), expand, deltas.String(), texts.String())
}

// rcsEdit returns commands that make one text of another: all its lines take the place of
// the others.
func rcsEdit(from, to string) string {
	edit, lines := "", strings.Count(from, "\n")
	if from != "" && !strings.HasSuffix(from, "\n") {
		lines++
	}
	if lines > 0 {
		edit = fmt.Sprintf("d1 %d\n", lines)
	}
	if to == "" {
		return edit
	}
	added := strings.Count(to, "\n")
	if !strings.HasSuffix(to, "\n") {
		added++
	}
	return edit + fmt.Sprintf("a%d %d\n", lines, added) + to
}
