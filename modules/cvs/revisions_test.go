package cvs

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"farmrun/luahost/remote"
	"farmrun/luahost/remote/remotetest"
)

// namedSite is smallSite with files that are dead on a tag, and modules that
// are called otherwise than their directory, or are more than one.
const namedSite = `export CVSROOT="$R"
	cvs -Q rtag -b -r Snapshot-1 Line site
	cvs -Q co -d w site; cd w; rm dead; cvs -Q remove dead; cvs -Q ci -m dead; cvs -Q tag Snapshot-2
	cvs -Q up -r Line; echo new >htdocs/new; cvs -Q add htdocs/new; rm 'with space'; cvs -Q remove 'with space'
	cvs -Q ci -m line; cd ..; rm -r w
	cvs -Q co CVSROOT/modules; cd CVSROOT
	cat >>modules <<EOF
www -d a-long-name-of-a-directory-so-that-this-takes-more-than-a-line site/htdocs
plain site
both &www &plain
alias -a site/htdocs
some site dead
top -l site
EOF
	cvs -Q ci -m modules; cd ..; rm -r CVSROOT`

// oldCVS is a host whose cvs has no rls.
type oldCVS struct{ Runner }

func (o oldCVS) Run(ctx context.Context, cmd remote.Cmd) (remote.Result, error) {
	if slices.Contains(cmd.Args, "rls") {
		cmd.Args = []string{"sh", "-c", "echo 'site:'; echo '/none/1.1////'; echo 'Unknown command: `rls'\\' >&2; exit 1"}
	}
	return o.Runner.Run(ctx, cmd)
}

// numbers has the numbers of revisions alone.
func numbers(revisions map[string]string) map[string]string {
	all := map[string]string{}
	for file, revision := range revisions {
		all[file], _, _ = strings.Cut(revision, "/")
	}
	return all
}

// What the server lists is what a checkout gets, whatever the module is called
// and whether or not cvs has rls.
func TestRevisions(t *testing.T) {
	t.Parallel()
	repo := serve(t, smallSite+`; echo x >dead; echo x >'with space'`)
	repo.admin(t, namedSite)
	c := &Client{Runner: remotetest.New(t), Root: repo.root("anon")}
	old := &Client{Runner: oldCVS{c.Runner}, Root: c.Root}
	for i, of := range []struct{ module, tag string }{
		{"site", "Snapshot-1"}, {"site", "Snapshot-2"}, {"site", "Line"},
		{"www", "Line"}, {"plain", "Snapshot-2"}, {"site/htdocs", "Line"},
	} {
		dir := fmt.Sprint("w", i)
		if _, err := c.Checkout(t.Context(), CheckoutOptions{Dir: dir, Module: of.module, Tag: of.tag}); err != nil {
			t.Fatal(err)
		}
		has, err := c.inspect(t.Context(), remote.Cmd{Dir: dir, Query: true}, "look")
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []*Client{c, old} {
			got, err := c.Revisions(t.Context(), of.module, of.tag)
			want := has.entries
			if c == old {
				want = numbers(want)
			}
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("%s of %s: %v; -checkout +revisions\n%s", of.tag, of.module, err, diff)
			}
		}
	}
}

// Of what has no place of its own in the repository only a checkout tells what
// it has.
func TestRevisionsOfParts(t *testing.T) {
	t.Parallel()
	repo := serve(t, smallSite+`; echo x >dead; echo x >'with space'`)
	repo.admin(t, namedSite)
	c := &Client{Runner: remotetest.New(t), Root: repo.root("anon")}
	old := &Client{Runner: oldCVS{c.Runner}, Root: c.Root}
	for _, module := range []string{"both", "alias", "some", "top", "www/img", "site/htdocs/numbers"} {
		for _, c := range []*Client{c, old} {
			if got, err := c.Revisions(t.Context(), module, "Snapshot-1"); err != nil || got != nil {
				t.Errorf("%s: %v %v", module, got, err)
			}
		}
	}
	for module, want := range map[string]error{"none": ErrNoModule, "site": ErrNoTag} {
		_, err := c.Revisions(t.Context(), module, "No-Tag")
		wantError(t, err, want)
	}
}
