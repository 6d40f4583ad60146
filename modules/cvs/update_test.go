package cvs

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"farmrun/luahost/remote"
	"farmrun/luahost/remote/remotetest"
)

// TestWorkingCopy tries what there is to do with a working copy "w" that has
// changes of its own, of a repository that has moved on: one of each kind that
// update tells. Each test has a copy of it, for it takes cvs seconds to make.
func TestWorkingCopy(t *testing.T) {
	t.Parallel()
	original := drifted(t)
	for name, test := range map[string]func(*testing.T, *Client, *remotetest.Shell){
		"update": testUpdate, "without conflict": testUpdateWithoutConflict,
		"directory in the way": testUpdateDirectoryInTheWay, "status": testStatus, "diff": testDiff,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sh := remotetest.New(t)
			sh.Must(t, "cp -a "+remote.Quote(original.Dir+"/w")+" .")
			test(t, &Client{Runner: sh}, sh)
		})
	}
}

func drifted(t *testing.T) *remotetest.Shell {
	t.Helper()
	repo := serve(t, `mkdir -p a/b; for f in both merge mine theirs gone lost removed; do seq 1 20 >a/$f; done
		echo x >'a/b/with space'`)
	sh := remotetest.New(t)
	c := &Client{Runner: sh, Root: repo.root("anon")}
	if _, err := c.Checkout(t.Context(), CheckoutOptions{Dir: "w", Module: "site"}); err != nil {
		t.Fatal(err)
	}
	repo.admin(t, `cvs -Q -d "$R" co -d theirs site; cd theirs/a
		sed -i 's/^3$/three/' both merge theirs
		rm gone; cvs -Q rm gone
		echo new >way; cvs -Q add way
		mkdir -p dir/of/none; echo new >dir/file; cvs -Q add dir; cvs -Q add dir/file dir/of; cvs -Q add dir/of/none
		mkdir empty; cvs -Q add empty
		cvs -Q ci -m changed`)
	sh.Must(t, `cd w/a
		sed -i 's/^3$/drei/' both; sed -i 's/^18$/achtzehn/' merge mine
		rm lost; cvs -Q rm -f removed; echo added >added; cvs -Q add added
		echo way >way; echo unknown >unknown`)
	return sh
}

func sortFiles(files []File) []File {
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return files
}

func testUpdate(t *testing.T, c *Client, sh *remotetest.Shell) {
	foreseen := []File{
		{"A", "a/added"}, {"C", "a/both"}, {"U", "a/dir/file"}, {"D", "a/gone"}, {"U", "a/lost"}, {"G", "a/merge"}, {"M", "a/mine"},
		{"R", "a/removed"}, {"U", "a/theirs"}, {"?", "a/unknown"}, {"C", "a/way"},
	}
	before := sh.Must(t, "find w -type f | sort | xargs -d '\\n' cksum")
	files, notes, err := c.Update(t.Context(), UpdateOptions{Dir: "w", DryRun: true})
	var conflict *ConflictError
	if !errors.As(err, &conflict) || !errors.Is(err, ErrConflict) || conflict.Changed {
		t.Fatalf("got %v, want a conflict", err)
	}
	if diff := cmp.Diff([]File{{"C", "a/both"}, {"C", "a/way"}}, sortFiles(conflict.Files)); diff != "" {
		t.Error("-want +got\n" + diff)
	}
	if diff := cmp.Diff(foreseen, sortFiles(files)); diff != "" {
		t.Error("-want +got\n" + diff)
	}
	if diff := cmp.Diff([]string{"cvs update: warning: `a/lost' was lost"}, notes); diff != "" {
		t.Error("-want +got\n" + diff)
	}
	sh.Dry = true // a dry run of the whole is one of cvs
	dry, _, err := c.Update(t.Context(), UpdateOptions{Dir: "w"})
	wantError(t, err, ErrConflict)
	if diff := cmp.Diff(foreseen, sortFiles(dry)); diff != "" {
		t.Error("-want +got\n" + diff)
	}
	sh.Dry = false
	if diff := cmp.Diff(before, sh.Must(t, "find w -type f | sort | xargs -d '\\n' cksum")); diff != "" {
		t.Error("it changed something: -before +after\n" + diff)
	}

	files, _, err = c.Update(t.Context(), UpdateOptions{Dir: "w"})
	if !errors.As(err, &conflict) || !conflict.Changed {
		t.Fatalf("got %v, want a conflict", err)
	}
	if !strings.Contains(err.Error(), "cvs update in w: conflict in a/both, a/way") {
		t.Errorf("got %v", err)
	}
	want := slices.Clone(foreseen)
	for i, f := range want { // what pserver sends as a patch is P, in full U
		if j := slices.IndexFunc(files, func(g File) bool { return g.Path == f.Path }); j >= 0 && f.Status == "U" {
			want[i].Status = files[j].Status
		}
	}
	if diff := cmp.Diff(sortFiles(want), sortFiles(files)); diff != "" {
		t.Error("-want +got\n" + diff)
	}

	// cvs itself leaves a file alone in which there are conflicts already, even
	// if it is told to overwrite it.
	files, _, err = c.Update(t.Context(), UpdateOptions{Dir: "w", Clean: true})
	wantError(t, err, nil)
	for _, f := range []File{{"U", "a/both"}, {"U", "a/way"}} {
		if !slices.Contains(files, f) {
			t.Errorf("no %v in %v", f, files)
		}
	}
	out := sh.Must(t, "cd w/a; grep -c drei both || :; cat way '.#way.conflict'; grep -c drei '.#both.conflict'")
	if out != "0\nnew\nway\n1\n" {
		t.Errorf("got %q", out)
	}
}

func testUpdateWithoutConflict(t *testing.T, c *Client, sh *remotetest.Shell) {
	sh.Must(t, "cd w/a; rm way both")
	files, _, err := c.Update(t.Context(), UpdateOptions{Dir: "w/a", Files: []string{"both", "way", "b"}})
	wantError(t, err, nil)
	if diff := cmp.Diff([]File{{"U", "both"}, {"U", "way"}}, sortFiles(files)); diff != "" {
		t.Error("-want +got\n" + diff)
	}
	files, _, err = c.Update(t.Context(), UpdateOptions{Dir: "w", Tag: "Snapshot-1", Clean: true})
	wantError(t, err, nil)
	if diff := cmp.Diff([]File{{"?", "a/unknown"}}, only(files, "?")); diff != "" {
		t.Error("-want +got\n" + diff)
	}
	if out := sh.Must(t, "grep -c three w/a/both || :"); out != "0\n" {
		t.Errorf("it did not go back to the tag: %q", out)
	}
}

// A new directory that is in the way of an unknown one is foreseen as well.
func testUpdateDirectoryInTheWay(t *testing.T, c *Client, sh *remotetest.Shell) {
	sh.Must(t, "cd w/a; rm way both; mkdir dir")
	files, _, err := c.Update(t.Context(), UpdateOptions{Dir: "w", DryRun: true})
	wantError(t, err, ErrConflict)
	if diff := cmp.Diff([]File{{"C", "a/dir"}}, only(files, "C")); diff != "" {
		t.Error("-want +got\n" + diff)
	}
}

func TestUpdateFails(t *testing.T) {
	t.Parallel()
	repo := serve(t, smallSite)
	sh := remotetest.New(t)
	c := &Client{Runner: sh, Root: repo.root("anon")}
	if _, err := c.Checkout(t.Context(), CheckoutOptions{Dir: "w", Module: "site"}); err != nil {
		t.Fatal(err)
	}
	sh.Must(t, "mkdir plain")
	for _, tc := range []struct {
		name string
		root string
		o    UpdateOptions
		want error
	}{
		{"no directory", "", UpdateOptions{Dir: "none"}, ErrNoDirectory},
		{"no working copy", "", UpdateOptions{Dir: "plain"}, ErrNotCheckout},
		{"no working copy with a root", c.Root, UpdateOptions{Dir: "plain"}, ErrNotCheckout},
		{"no tag", "", UpdateOptions{Dir: "w", Tag: "Nope"}, ErrNoTag},
		{"no server", ":pserver:anon@127.0.0.1:1" + repo.path, UpdateOptions{Dir: "w"}, ErrUnreachable},
		{"no user", repo.root("nobodyhere"), UpdateOptions{Dir: "w"}, ErrAuth},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, _, err := (&Client{Runner: sh, Root: tc.root}).Update(t.Context(), tc.o)
			wantError(t, err, tc.want)
			t.Log(err)
		})
	}
	for _, o := range []UpdateOptions{{Tag: "-x"}, {Date: "-x"}, {Files: []string{"~/x"}}} {
		if _, _, err := c.Update(t.Context(), o); err == nil {
			t.Errorf("%+v was not refused", o)
		}
	}
}

func TestNoCVS(t *testing.T) {
	sh := remotetest.New(t)
	bin := t.TempDir()
	if err := os.Symlink("/bin/sh", bin+"/sh"); err != nil {
		t.Fatal(err)
	}
	sh.Env = []string{"PATH=" + bin}
	_, _, err := (&Client{Runner: sh}).Update(t.Context(), UpdateOptions{})
	wantError(t, err, ErrNoCVS)
}

func testStatus(t *testing.T, c *Client, sh *remotetest.Shell) {
	sh.Dry = true // looking is no change
	files, err := c.Status(t.Context(), "w")
	wantError(t, err, nil)
	want := []FileStatus{
		{Path: "a/unknown", Status: "Unknown"},
		{Path: "a/way", Status: "Unknown"},
		{Path: "a/added", Status: "Locally Added"},
		{Path: "a/both", Status: "Needs Merge", Working: "1.1.1.1", Repository: "1.2"},
		{Path: "a/gone", Status: "Entry Invalid", Working: "1.1.1.1", Repository: "1.2"},
		{Path: "a/lost", Status: "Needs Checkout", Working: "1.1.1.1", Repository: "1.1.1.1"},
		{Path: "a/merge", Status: "Needs Merge", Working: "1.1.1.1", Repository: "1.2"},
		{Path: "a/mine", Status: "Locally Modified", Working: "1.1.1.1", Repository: "1.1.1.1"},
		{Path: "a/removed", Status: "Locally Removed", Working: "-1.1.1.1", Repository: "1.1.1.1"},
		{Path: "a/theirs", Status: "Needs Patch", Working: "1.1.1.1", Repository: "1.2"},
		{Path: "a/b/with space", Status: "Up-to-date", Working: "1.1.1.1", Repository: "1.1.1.1"},
	}
	if diff := cmp.Diff(want, files); diff != "" {
		t.Error("-want +got\n" + diff)
	}
	_, err = c.Status(t.Context(), ".")
	wantError(t, err, ErrNotCheckout)
}

func TestStatusSticky(t *testing.T) {
	t.Parallel()
	repo := serve(t, "echo x >file")
	c := &Client{Runner: remotetest.New(t), Root: repo.root("anon")}
	for dir, tc := range map[string]struct {
		o    CheckoutOptions
		want FileStatus
	}{
		"tag":  {CheckoutOptions{Tag: "Snapshot-1"}, FileStatus{Tag: "Snapshot-1"}},
		"date": {CheckoutOptions{Date: "2037-01-02 03:04 UTC"}, FileStatus{Date: "2037.01.02.03.04.00"}},
	} {
		tc.o.Dir, tc.o.Module = dir, "site"
		if _, err := c.Checkout(t.Context(), tc.o); err != nil {
			t.Fatal(err)
		}
		files, err := c.Status(t.Context(), dir)
		tc.want.Path, tc.want.Status, tc.want.Working, tc.want.Repository = "file", "Up-to-date", "1.1.1.1", "1.1.1.1"
		if diff := cmp.Diff([]FileStatus{tc.want}, files); err != nil || diff != "" {
			t.Error(err, "-want +got\n"+diff)
		}
	}
}

func testDiff(t *testing.T, c *Client, sh *remotetest.Shell) {
	sh.Dry = true
	text, err := c.Diff(t.Context(), DiffOptions{Dir: "w"})
	wantError(t, err, nil)
	for _, s := range []string{"Index: a/added\n", "\n+added\n", "Index: a/both\n", "\n-3\n+drei\n"} {
		if !strings.Contains("\n"+text, s) {
			t.Errorf("no %q in %s", s, text)
		}
	}
	if !strings.HasPrefix(text, "Index: ") {
		t.Errorf("it begins with %.40q", text)
	}
	text, err = c.Diff(t.Context(), DiffOptions{Dir: "w/a/b"})
	if text != "" || err != nil {
		t.Errorf("got %q, %v; want no differences", text, err)
	}
	_, err = c.Diff(t.Context(), DiffOptions{Dir: "w", From: "Nope"})
	wantError(t, err, ErrNoTag)
	_, err = c.Diff(t.Context(), DiffOptions{Dir: "w", From: "Snapshot-1", To: "Nope"})
	wantError(t, err, ErrNoTag)
	_, err = c.Diff(t.Context(), DiffOptions{Dir: "w", From: "Snapshot-1", To: "V"})
	wantError(t, err, nil)
	c.Root = ":pserver:anon@127.0.0.1:1/cvsroot"
	_, err = c.Diff(t.Context(), DiffOptions{Dir: "w"})
	wantError(t, err, ErrUnreachable)
}

// FuzzUpdated reads what no cvs would say.
func FuzzUpdated(f *testing.F) {
	f.Add("U a/b\n? c\n? a/b\nC \nM\n", "cvs update: New directory `c' -- ignored\ncvs update: Updating .\n")
	f.Add("P \xff\r\nU", "\n\n`")
	f.Fuzz(func(t *testing.T, stdout, stderr string) {
		var u updated
		l := &lines{each: u.stdout}
		for part := range strings.SplitAfterSeq(stdout, "b") {
			l.Write([]byte(part))
		}
		l.flush()
		u.stderr([]byte(stderr))
		if n := len(u.all(false)); n > len(u.files) {
			t.Errorf("%d files of %d", n, len(u.files))
		}
		for _, file := range u.all(true) {
			if !strings.Contains("UPMARC?", file.Status) || len(file.Status) != 1 || file.Path == "" {
				t.Errorf("odd file %+v", file)
			}
		}
		parseRelease("", stdout)
		var s statuses
		var tg tags
		tg.found = map[string]*Tag{}
		for line := range strings.Lines(stdout) {
			s.line(line)
			tg.line(line)
		}
	})
}
