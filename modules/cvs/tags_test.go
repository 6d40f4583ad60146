package cvs

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"farmrun/luahost/remote/remotetest"
)

func TestTags(t *testing.T) {
	t.Parallel()
	repo := serve(t, smallSite)
	sh := remotetest.New(t)
	c := &Client{Runner: sh, Root: repo.root("anon")}
	module := func(name string, o TagOptions, want error) {
		t.Helper()
		wantError(t, c.Rtag(t.Context(), "site", name, o), want)
	}
	module("Snapshot-2", TagOptions{From: "Snapshot-1"}, nil)
	module("Branch-1", TagOptions{From: "Snapshot-1", Branch: true}, nil)
	module("Now", TagOptions{Date: "now"}, nil)
	module("Now", TagOptions{}, ErrTagExists)
	module("Now", TagOptions{Move: true}, nil)
	module("Branch-1", TagOptions{Move: true, Branch: true}, nil)
	module("Long-Ago", TagOptions{Date: "1999-01-01"}, ErrNothing)
	module("From-None", TagOptions{From: "No-Tag"}, ErrNoTag)
	module("Bad-Date", TagOptions{Date: "soonish"}, ErrBadDate)
	if err := c.Rtag(t.Context(), "site", "HEAD", TagOptions{}); err == nil {
		t.Error("HEAD was not refused")
	}
	wantError(t, c.Rtag(t.Context(), "nosuch", "X", TagOptions{}), ErrNoModule)

	want := []Tag{
		{Name: "Branch-1", Branch: true, Files: 4},
		{Name: "Now", Files: 4},
		{Name: "Snapshot-1", Files: 4},
		{Name: "Snapshot-2", Files: 4},
		{Name: "V", Branch: true, Files: 4},
	}
	got, err := c.Tags(t.Context(), "site", "")
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, "-want +got\n"+diff)
	}
	if tag, err := c.FindTag(t.Context(), "site", "", "Branch-1"); err != nil || tag != want[0] {
		t.Error(tag, err)
	}
	_, err = c.FindTag(t.Context(), "site", "", "Snapshot-3")
	wantError(t, err, ErrNoTag)
	var none *NoTagError
	if !errors.As(err, &none) || none.Hint() != "there is Snapshot-2, Snapshot-1, V" {
		t.Errorf("the hint is %q", none.Hint())
	}
}

func TestSetTag(t *testing.T) {
	t.Parallel()
	repo := serve(t, smallSite)
	sh := remotetest.New(t)
	c := &Client{Runner: sh, Root: repo.root("anon")}
	if _, err := c.Checkout(t.Context(), CheckoutOptions{Dir: "w", Module: "site"}); err != nil {
		t.Fatal(err)
	}
	c.Root = ""
	wantError(t, c.SetTag(t.Context(), "w", "Good", TagOptions{Clean: true}), nil)
	wantError(t, c.SetTag(t.Context(), "w", "Good", TagOptions{}), ErrTagExists)
	wantError(t, c.SetTag(t.Context(), "w", "Line", TagOptions{Branch: true}), nil)
	sh.Must(t, "echo more >>w/htdocs/numbers")
	wantError(t, c.SetTag(t.Context(), "w", "Dirty", TagOptions{Clean: true}), ErrModified)
	sh.Dry = true
	wantError(t, c.SetTag(t.Context(), "w", "Dry", TagOptions{}), nil)
	got, err := c.Tags(t.Context(), "", "w")
	want := []Tag{
		{Name: "Good", Files: 4}, {Name: "Line", Branch: true, Files: 4},
		{Name: "Snapshot-1", Files: 4}, {Name: "V", Branch: true, Files: 4},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, "-want +got\n"+diff)
	}
}

// A tag is looked for in the module it is asked of, whatever that is called and
// whether or not cvs has rls.
func TestModuleHasTag(t *testing.T) {
	t.Parallel()
	repo := serve(t, smallSite+`; echo x >dead; echo x >'with space'`)
	repo.admin(t, namedSite)
	c := &Client{Runner: remotetest.New(t), Root: repo.root("anon")}
	for _, c := range []*Client{c, {Runner: oldCVS{c.Runner}, Root: c.Root}} {
		for _, module := range []string{"site", "www", "both", "alias", "site/htdocs/numbers"} {
			if err := c.CheckTag(t.Context(), module, "Snapshot-1"); err != nil {
				t.Errorf("%s: %v", module, err)
			}
			err := c.CheckTag(t.Context(), module, "Snapshot-9")
			wantError(t, err, ErrNoTag)
			if err != nil && !strings.Contains(err.Error(), "Snapshot-") {
				t.Errorf("%s: %v", module, err)
			}
		}
		wantError(t, c.CheckTag(t.Context(), "none", "Snapshot-1"), ErrNoModule)
	}
}
