package cvs

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"farmrun/luahost/remote/remotetest"
	"farmrun/testdata/need"
)

func TestCheckout(t *testing.T) {
	t.Parallel()
	repo := serve(t, smallSite)
	sh := remotetest.New(t)
	sh.Must(t, "mkdir releases")
	c := &Client{Runner: sh, Root: repo.root("anon")}

	o := CheckoutOptions{Dir: "releases/it's 1/", Module: "site", Tag: "Snapshot-1"}
	got, err := c.Checkout(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	want := Release{Dir: "releases/it's 1", Module: "site", Tag: "Snapshot-1", Root: c.Root, Files: 4}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Release{}, "Time")); diff != "" {
		t.Error("-want +got\n" + diff)
	}
	if d := time.Since(got.Time); d < -time.Minute || d > time.Minute {
		t.Errorf("pulled at %v", got.Time)
	}
	if out := sh.Must(t, `cd releases; ls -A; cat "it's 1/htdocs/index.html"; cd "it's 1"; cvs -q status | grep '?' || :`); out != "it's 1\nrelease 1\n" {
		t.Errorf("got %q", out)
	}

	var exists *ExistsError
	if _, err := c.Checkout(t.Context(), o); !errors.As(err, &exists) || !errors.Is(err, ErrExists) {
		t.Errorf("got %v, want %v", err, ErrExists)
	} else if diff := cmp.Diff(got, exists.Release); diff != "" {
		t.Error("-want +got\n" + diff)
	}
}

func TestCheckoutFails(t *testing.T) {
	t.Parallel()
	repo := serve(t, smallSite)
	repo.admin(t, `mkdir o; cd o; echo x >f; cvs -Q -d "$R" import -m import other V2 Other-1; cd ..; rm -r o
		cvs -Q -d "$R" rdiff -s -r Other-1 -r Other-1 other # so that cvs takes the tag for valid`)
	for _, tc := range []struct {
		name    string
		options CheckoutOptions
		root    string
		err     error
	}{
		{"no tag", CheckoutOptions{Dir: "r/x", Module: "site", Tag: "No-Such-Tag"}, "", ErrNoTag},
		{"tag of another module", CheckoutOptions{Dir: "r/x", Module: "site", Tag: "Other-1"}, "", ErrNothing},
		{"date before all", CheckoutOptions{Dir: "r/x", Module: "site", Date: "1999-01-01"}, "", ErrNothing},
		{"no date", CheckoutOptions{Dir: "r/x", Module: "site", Date: "soonish"}, "", ErrBadDate},
		{"no module", CheckoutOptions{Dir: "r/x", Module: "nosuch"}, "", ErrNoModule},
		{"no parent", CheckoutOptions{Dir: "no/x", Module: "site"}, "", ErrNoDirectory},
		{"is a directory", CheckoutOptions{Dir: "r/dir", Module: "site"}, "", ErrExists},
		{"is a dangling link", CheckoutOptions{Dir: "r/link", Module: "site"}, "", ErrExists},
		{"user", CheckoutOptions{Dir: "r/x", Module: "site"}, repo.root("nobodyhere"), ErrAuth},
		{"password", CheckoutOptions{Dir: "r/x", Module: "site"}, repo.root("rel"), ErrAuth},
		{"no server", CheckoutOptions{Dir: "r/x", Module: "site"}, ":pserver:anon@127.0.0.1:1/cvsroot", ErrUnreachable},
		{"no host", CheckoutOptions{Dir: "r/x", Module: "site"}, ":pserver:anon@no.invalid:/cvsroot", ErrUnreachable},
		{"wrong root", CheckoutOptions{Dir: "r/x", Module: "site"}, ":pserver:anon@" + repo.addr + "/wrong", ErrLost},
		{"odd root", CheckoutOptions{Dir: "r/x", Module: "site"}, ":zork:x/y", ErrBadRoot},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sh := remotetest.New(t)
			sh.Must(t, "mkdir -p r/dir/in; ln -s gone r/link")
			if tc.root == "" {
				tc.root = repo.root("anon")
			}
			before := sh.Must(t, "find . -print")
			_, err := (&Client{Runner: sh, Root: tc.root}).Checkout(t.Context(), tc.options)
			wantError(t, err, tc.err)
			t.Log(err)
			if diff := cmp.Diff(before, sh.Must(t, "find . -print")); diff != "" {
				t.Error("something changed: -before +after\n" + diff)
			}
		})
	}
}

func TestCheckoutRefusesNames(t *testing.T) {
	sh := remotetest.New(t)
	c := &Client{Runner: sh, Root: "/cvsroot"}
	for _, o := range []CheckoutOptions{
		{Module: "site"}, {Dir: "x"}, {Dir: "~/x", Module: "site"}, {Dir: "a/..", Module: "site"},
		{Dir: "-x", Module: "site"}, {Dir: "x", Module: "-site"}, {Dir: "x", Module: "site", Tag: "HEAD"},
		{Dir: "x", Module: "site", Date: "-x"},
	} {
		if _, err := c.Checkout(t.Context(), o); err == nil {
			t.Errorf("%+v was not refused", o)
		}
	}
	if ran := sh.Ran(); len(ran) > 0 {
		t.Errorf("it ran %v", ran)
	}
}

// What an interrupted pull leaves is cleared away by the next of the same name,
// and by no other; a pull that is at work is left alone.
func TestCheckoutLeftOvers(t *testing.T) {
	t.Parallel()
	repo := serve(t, smallSite)
	sh := remotetest.New(t)
	c := &Client{Runner: sh, Root: repo.root("anon")}
	sh.Must(t, "mkdir .farmrun-pull.rel.99999999.A .farmrun-pull.rel.1.B .farmrun-pull.rel.2.99999999.C")
	got, err := c.Checkout(t.Context(), CheckoutOptions{Dir: "rel", Module: "site"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{".farmrun-pull.rel.1.B", ".farmrun-pull.rel.99999999.A"}, got.Removed); diff != "" {
		t.Error("-want +got\n" + diff)
	}
	if out := sh.Must(t, "ls -A"); out != ".farmrun-pull.rel.2.99999999.C\nrel\n" {
		t.Errorf("left: %q", out)
	}

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	frozen := &Client{Runner: sh, Root: ":pserver:anon@" + silent(t) + "/cvsroot"}
	ended := make(chan error)
	go func() {
		_, err := frozen.Checkout(ctx, CheckoutOptions{Dir: "other", Module: "site"})
		ended <- err
	}()
	// The frozen pull has no directory yet, since its server is silent: make it.
	pid := ""
	for pid == "" {
		pid = strings.TrimSpace(sh.Must(t, `for p in /proc/[0-9]*; do
			tr '\0' '\n' <$p/cmdline 2>/dev/null | grep -q '^other$' && echo ${p#/proc/} && break
			done; :`))
	}
	sh.Must(t, "mkdir .farmrun-pull.other."+pid+".D")
	_, err = c.Checkout(t.Context(), CheckoutOptions{Dir: "other", Module: "site"})
	wantError(t, err, ErrBusy)
	cancel()
	wantError(t, <-ended, context.Canceled)
	_, err = c.Checkout(t.Context(), CheckoutOptions{Dir: "other", Module: "site"})
	wantError(t, err, nil)
}

// On a disk that fills up midway cvs speaks of a file that is not there, and
// leaves half of one under another name.
func TestCheckoutFullDisk(t *testing.T) {
	need.Root(t) // to mount a small disk
	t.Parallel()
	repo := serve(t, "head -c 900000 /dev/urandom >big; echo x >small")
	for _, size := range []string{"64k", "500k", "890k"} {
		sh := remotetest.New(t)
		sh.Wrap = []string{"unshare", "--mount", "sh", "-c", `mount -t tmpfs -o size=` + size + ` full .
			cd "$PWD"
			"$@" || code=$?
			ls -A >&2
			exit ${code:-0}`, "sh"}
		_, err := (&Client{Runner: sh, Root: repo.root("anon")}).Checkout(t.Context(), CheckoutOptions{Dir: "rel", Module: "site"})
		wantError(t, err, ErrDiskFull)
		t.Log(err)
	}
}

// A cvs that leaves half a file and calls it a success is not believed.
func TestCheckoutIncomplete(t *testing.T) {
	sh := withCVS(t, `#!/bin/sh
		while [ "$1" != -P ]; do shift; done
		shift
		[ "$1" = -d ] && mkdir -p "$2/CVS" && echo x >"$2/file" && echo half >"$2/.new.big"
		exit 0`)
	_, err := (&Client{Runner: sh, Root: "/cvsroot"}).Checkout(t.Context(), CheckoutOptions{Dir: "rel", Module: "site"})
	wantError(t, err, ErrIncomplete)
	if out := sh.Must(t, "ls -A"); out != "" {
		t.Errorf("left: %q", out)
	}
}

// A release of which it could not be noted which files have its tag in them is no
// release: the next one that begins with it would have the wrong ones.
func TestCheckoutNotNoted(t *testing.T) {
	sh := withCVS(t, `#!/bin/sh
		while [ "$1" != -P ]; do shift; done
		shift
		mkdir -p "$2/CVS" && echo x >"$2/file"
		printf '#!/bin/sh\n[ "$1" != -lF ] || exit 2\nPATH=${PATH#*:} exec grep "$@"\n' >"${0%/*}/grep"
		chmod +x "${0%/*}/grep"`)
	_, err := (&Client{Runner: sh, Root: "/cvsroot"}).Checkout(t.Context(), CheckoutOptions{Dir: "rel", Module: "site"})
	if err == nil {
		t.Error("it is called a release")
	}
	if out := sh.Must(t, "ls -A"); out != "" {
		t.Errorf("left: %q", out)
	}
}

// withCVS returns a host with a stand-in for cvs.
func withCVS(t *testing.T, script string) *remotetest.Shell {
	t.Helper()
	sh := remotetest.New(t)
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "cvs"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	sh.Env = append(sh.Env, "PATH="+bin+":"+os.Getenv("PATH"))
	return sh
}

func TestCheckoutDry(t *testing.T) {
	sh := remotetest.New(t)
	sh.Dry = true
	sh.Must(t, "mkdir -p there/in .farmrun-pull.new.99999999.A")
	c := &Client{Runner: sh, Root: "/cvsroot"}
	_, err := c.Checkout(t.Context(), CheckoutOptions{Dir: "new", Module: "site"})
	wantError(t, err, nil)
	_, err = c.Checkout(t.Context(), CheckoutOptions{Dir: "there", Module: "site"})
	wantError(t, err, ErrExists)
	if out := sh.Must(t, "ls -A"); out != ".farmrun-pull.new.99999999.A\nthere\n" {
		t.Errorf("left: %q", out)
	}
}

// A lock that is held and a server that says nothing are ended by the deadline,
// and the lock is in the error.
func TestCheckoutWaits(t *testing.T) {
	t.Parallel()
	repo := serve(t, smallSite)
	repo.admin(t, `mkdir "$R/site/#cvs.lock"`)
	for name, tc := range map[string]struct {
		root string
		says string // cvs, before its time is up
		want error
		text string
	}{
		"lock":   {repo.root("anon"), "waiting for", ErrLocked, "/site"},
		"silent": {":pserver:anon@" + silent(t) + "/cvsroot", "", context.DeadlineExceeded, "checkout"},
	} {
		ctx, sh := remotetest.TimeUp(t.Context(), remotetest.New(t), tc.says)
		_, err := (&Client{Runner: sh, Root: tc.root}).Checkout(ctx, CheckoutOptions{Dir: "rel", Module: "site"})
		wantError(t, err, tc.want)
		wantError(t, err, context.DeadlineExceeded)
		if err != nil && !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%s: %v does not say %q", name, err, tc.text)
		}
	}
}
