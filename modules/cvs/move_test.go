package cvs

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"farmrun/luahost/remote/remotetest"
)

// A working copy that is moved is as one that is checked out, and only what
// differs is fetched; a file that is shared with the one it was copied from is
// left alone there.
func TestMove(t *testing.T) {
	t.Parallel()
	repo := serve(t, smallSite+`
		mkdir -p gone/deep keep; echo x >gone/deep/x; echo top >top; echo same >keep/same; echo 'this is $Name$' >keep/named; echo '$Id$' >keep/id`)
	sh := remotetest.New(t)
	c := &Client{Runner: sh, Root: repo.root("rel"), Passwords: &Passwords{Take: ring("rel pw", new([]string)).Take}}
	sh.Env = append(sh.Env, "R="+repo.path)
	repo.admin(t, `export CVSROOT="$R"
		cvs -Q rtag -b -r Snapshot-1 Line-1 site
		cvs -Q rtag -b -r Snapshot-1 Line-2 site
		cvs -Q co -r Line-2 -d w site; cd w
		echo two >>htdocs/index.html; echo two >>top; mkdir -p new/deep 'with space'
		echo n >new/deep/n; printf '\0\1' >new/gif; echo s >'with space/s p'
		cvs -Q add new 'with space'; cvs -Q add new/deep; cvs -Q add new/deep/n 'with space/s p'; cvs -Q add -kb new/gif
		rm gone/deep/x; cvs -Q remove gone/deep/x; cvs -Q ci -m two; cd ..; rm -r w`)
	checkOut := func(dir, tag string) {
		if _, err := c.Checkout(t.Context(), CheckoutOptions{Dir: dir, Tag: tag, Module: "site"}); err != nil {
			t.Fatal(err)
		}
	}
	checkOut("one", "Line-1")
	repo.admin(t, `cvs -Q -d "$R" co -d w site; cd w; cvs -Q admin -kb keep/id; cd ..; rm -r w`)
	checkOut("fresh", "Line-2")
	sh.Must(t, `cp -al one moved; cd moved; find . -path '*/CVS/*' -type f | while read -r f; do cp "$f" n; rm "$f"; mv n "$f"; done
		rm htdocs/numbers CVS/farmrun*`)
	before := sh.Must(t, "cd one; find . -type f | sort | xargs -d '\\n' cksum")

	revisions, err := c.Revisions(t.Context(), "site", "Line-2")
	if err != nil {
		t.Fatal(err)
	}
	fetched, err := c.Move(t.Context(), MoveOptions{Dir: "moved", Tag: "Line-2", Revisions: revisions})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"htdocs/index.html", "htdocs/numbers", "keep/id", "keep/named", "new/deep/n", "new/gif", "top", "with space/s p"}
	if diff := cmp.Diff(want, fetched); diff != "" {
		t.Error("fetched: -want +got\n" + diff)
	}
	const all = `find . -name 'farmrun*' -prune -o -path '*/CVS/Entries*' -prune -o -type f -print | sort | xargs -d '\n' cksum
		find . -name CVS -prune -o -type f -printf '%T@ %p\n' | sort
		find . -name 'Entries*' | sort | xargs -d '\n' cat | sed 's:^A ::; /^D*$/d' | sort`
	if diff := cmp.Diff(sh.Must(t, "cd fresh; "+all), sh.Must(t, "cd moved; "+all)); diff != "" {
		t.Error("-fresh +moved\n" + diff)
	}
	if diff := cmp.Diff(before, sh.Must(t, "cd one; find . -type f | sort | xargs -d '\\n' cksum")); diff != "" {
		t.Error("what it was copied from has changed: -before +after\n" + diff)
	}
	// What is fetched the second time goes by what was noted the first time.
	if named := sh.Must(t, "cat moved/CVS/farmrun-names"); named != "./keep/named\n" {
		t.Errorf("these are noted to have their tag's name in them: %q", named)
	}
	files, _, err := c.Update(t.Context(), UpdateOptions{Dir: "moved", DryRun: true})
	if err != nil || files != nil {
		t.Errorf("an update of it would do %v (%v)", files, err)
	}
	back, err := c.Revisions(t.Context(), "site", "Line-1")
	if err != nil {
		t.Fatal(err)
	}
	fetched, err = c.Move(t.Context(), MoveOptions{Dir: "moved", Tag: "Line-1", Revisions: back})
	if diff := cmp.Diff([]string{"gone/deep/x", "htdocs/index.html", "keep/named", "top"}, fetched); err != nil || diff != "" {
		t.Error(err, "fetched on the way back: -want +got\n"+diff)
	}
	checkOut("again", "Line-1")
	if diff := cmp.Diff(sh.Must(t, "cd again; "+all), sh.Must(t, "cd moved; "+all)); diff != "" {
		t.Error("-fresh +moved there and back\n" + diff)
	}
}

// Of a tag that is no branch cvs says so only where there are files.
func TestMoveToTag(t *testing.T) {
	t.Parallel()
	repo := serve(t, `mkdir -p a/b/c; echo 1 >a/b/c/x; echo 1 >a/b/y; echo 1 >a/b/gone; mkdir -p a/d/e; echo 1 >a/d/e/z; `+smallSite)
	sh := remotetest.New(t)
	c := &Client{Runner: sh, Root: repo.root("anon")}
	repo.admin(t, `export CVSROOT="$R"
		cvs -Q rtag one site
		cvs -Q co -d w site; cd w; echo 2 >a/b/c/x; cvs -Q rm -f a/b/gone; cvs -Q ci -m two; cd ..; rm -r w
		cvs -Q rtag two site`)
	for dir, tag := range map[string]string{"moved": "one", "fresh": "two"} {
		if _, err := c.Checkout(t.Context(), CheckoutOptions{Dir: dir, Module: "site", Tag: tag}); err != nil {
			t.Fatal(err)
		}
	}
	revisions, err := c.Revisions(t.Context(), "site", "two")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Move(t.Context(), MoveOptions{Dir: "moved", Tag: "two", Revisions: revisions}); err != nil {
		t.Fatal(err)
	}
	const tags = `find . -name Tag | sort | xargs grep .`
	if diff := cmp.Diff(sh.Must(t, "cd fresh; "+tags), sh.Must(t, "cd moved; "+tags)); diff != "" {
		t.Error("-fresh +moved\n" + diff)
	}
}

// What is not under CVS would be taken for part of the release.
func TestMoveRefusesWhatIsNotUnderCVS(t *testing.T) {
	t.Parallel()
	repo := serve(t, smallSite)
	sh := remotetest.New(t)
	c := &Client{Runner: sh, Root: repo.root("anon")}
	if _, err := c.Checkout(t.Context(), CheckoutOptions{Dir: "w", Module: "site", Tag: "Snapshot-1"}); err != nil {
		t.Fatal(err)
	}
	sh.Must(t, "touch w/htdocs/more")
	if _, err := c.Move(t.Context(), MoveOptions{Dir: "w", Tag: "Snapshot-1", Revisions: map[string]string{}}); err == nil {
		t.Error("it was not refused")
	}
}

// The checksums of files on a tag are those of a fresh checkout, and it takes one command to
// have them.
func TestSums(t *testing.T) {
	t.Parallel()
	repo := serve(t, smallSite+`
		mkdir -p keep 'with space'; echo same >keep/same; echo 'this is $Name$' >named; echo s >'with space/-s  p'`)
	sh := remotetest.New(t)
	c := &Client{Runner: sh, Root: repo.root("rel"), Passwords: &Passwords{Take: ring("rel pw", new([]string)).Take}}
	repo.admin(t, `cvs -Q -d "$R" rtag -b -r Snapshot-1 Line-1 site
		cvs -Q -d "$R" rtag -b -r Snapshot-1 Line-2 site
		cvs -Q -d "$R" co -r Line-2 -d w site; cd w
		echo two >>htdocs/index.html; cvs -Q remove -f keep/same; cvs -Q ci -m two; cd ..; rm -r w`)
	for dir, tag := range map[string]string{"one": "Line-1", "fresh": "Line-2"} {
		if _, err := c.Checkout(t.Context(), CheckoutOptions{Dir: dir, Tag: tag, Module: "site"}); err != nil {
			t.Fatal(err)
		}
	}
	files := []string{"htdocs/index.html", "htdocs/numbers", "keep/same", "named", "with space/-s  p"}
	const all = "cd one; find . -type f -exec cksum {} + | sort"
	before := sh.Must(t, all)
	ran := len(sh.Ran())
	sums, err := c.Sums(t.Context(), "one", "Line-2", files)
	if n := len(sh.Ran()) - ran; err != nil || n != 1 {
		t.Fatalf("%d commands, %v", n, err)
	}
	want := map[string]string{}
	for _, file := range files {
		if file != "keep/same" {
			want[file] = strings.Fields(sh.Must(t, "cksum <'fresh/"+file+"'"))[0]
		}
	}
	if diff := cmp.Diff(want, sums); diff != "" {
		t.Error("-want +got\n" + diff)
	}
	if diff := cmp.Diff(before, sh.Must(t, all)); diff != "" {
		t.Error("the working copy has changed: -before +after\n" + diff)
	}
}
