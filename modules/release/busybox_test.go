package release

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"farmrun/luahost/remote/remotetest"
)

// TestBusybox is the life of a release on a host that has busybox's programs.
func TestBusybox(t *testing.T) {
	sh := remotetest.New(t)
	sh.UseBusybox(t)
	sh.Must(t, "mkdir releases")
	build := func(name, from, line string) {
		t.Helper()
		b, err := Begin(t.Context(), sh, "releases/"+name, BuildOptions{From: from})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		sh.Must(t, "cd "+b.Dir+"\n"+line)
		if err := b.Filled(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Seal(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
	changed := func(name string, want ...Change) {
		t.Helper()
		got, err := Changes(t.Context(), sh, "releases/"+name)
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Change{}, "Was")); err != nil || diff != "" {
			t.Errorf("%v, -want +got\n%s", err, diff)
		}
	}

	build("1", "", `mkdir d; echo a >a; echo b >'d/b c'; echo e >e; ln -s a l; ln -s nowhere m; echo n >"o
d"`)
	changed("1")
	if r, err := Inspect(t.Context(), sh, "releases/1"); err != nil || r.Content == "" {
		t.Errorf("got %+v, %v", r, err)
	}
	sh.Must(t, "cd releases/1; echo A >a; rm 'd/b c'; chmod u+x e; ln -s e a2; echo n >d/n")
	changed("1", Change{Path: "a", How: "changed"}, Change{Path: "a2", How: "new"}, Change{Path: "d/b c", How: "missing"}, Change{Path: "d/n", How: "new"}, Change{Path: "e", How: "mode"})

	build("2", "releases/1", "[ \"$(echo * d/*)\" = 'd l m d/*' ] && echo A2 >a && echo B2 >'d/b c'")
	changed("2")
	sh.Must(t, "cd releases/2; rm l; ln -s d l; echo B3 >'d/b c'")
	changed("2", Change{Path: "d/b c", How: "changed"}, Change{Path: "l", How: "link"})
	all, err := List(t.Context(), sh, "releases", true)
	if err != nil || len(all) != 2 || all[0].Files != 6 || all[1].Files != 4 {
		t.Errorf("got %+v, %v", all, err)
	}
}
