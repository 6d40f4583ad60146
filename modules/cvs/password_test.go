package cvs

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"farmrun/luahost/remote/remotetest"
	"farmrun/luahost/secret"
	"farmrun/testdata/need"
)

// silent listens, accepts and says nothing until the test ends.
func silent(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

// ring is a keyring whose operator types pass, and which records for which
// accounts and what came of it.
func ring(pass string, seen *[]string) *secret.Keyring {
	return &secret.Keyring{Ask: func(_ context.Context, account string) (secret.Secret, error) {
		*seen = append(*seen, account)
		return secret.New(pass), nil
	}}
}

func TestPasswordIsAskedForOnce(t *testing.T) {
	t.Parallel()
	repo := serve(t, smallSite)
	var asked []string
	passwords := &Passwords{Take: ring("rel pw", &asked).Take}
	var hosts sync.WaitGroup
	for range 4 {
		sh := remotetest.New(t)
		hosts.Go(func() {
			c := &Client{Runner: sh, Root: repo.root("rel"), Passwords: passwords}
			if _, err := c.Checkout(t.Context(), CheckoutOptions{Dir: "rel", Module: "site"}); err != nil {
				t.Error(err)
			}
			// A working copy knows its root by itself.
			c.Root = ""
			if _, _, err := c.Update(t.Context(), UpdateOptions{Dir: "rel"}); err != nil {
				t.Error(err)
			}
			if _, err := c.Status(t.Context(), "rel"); err != nil {
				t.Error(err)
			}
			if left := sh.Must(t, "ls -A"); left != "rel\n" {
				t.Errorf("left: %q", left)
			}
		})
	}
	hosts.Wait()
	if diff := cmp.Diff([]string{"rel@127.0.0.1:" + repo.path}, asked); diff != "" {
		t.Error("-want +got\n" + diff)
	}
}

func TestPasswordIsNotAskedForInVain(t *testing.T) {
	t.Parallel()
	repo := serve(t, smallSite)
	var asked []string
	passwords := &Passwords{Take: ring("rel pw", &asked).Take}
	for root, want := range map[string]error{
		repo.root("anon"):                      nil,
		repo.root("nobodyhere"):                ErrAuth,
		":pserver:rel@127.0.0.1:1" + repo.path: ErrUnreachable,
	} {
		c := &Client{Runner: remotetest.New(t), Root: root, Passwords: passwords}
		_, err := c.Tags(t.Context(), "site", "")
		wantError(t, err, want)
	}
	if asked != nil {
		t.Errorf("asked for %v", asked)
	}
}

// TestHostChoosesSecret: a host whose cvs says that the server wants another
// account's password is sent none, nor is one whose working copy says so.
func TestHostChoosesSecret(t *testing.T) {
	t.Parallel()
	sh := withCVS(t, `#!/bin/sh
		echo "cvs [update aborted]: authorization failed: server dev rejected access to /cvsroot for user rel" >&2
		cat >>stolen
		exit 1`)
	var asked []string
	p := &Passwords{Take: ring("rel pw", &asked).Take}
	p.name("web2", ":pserver:rel@dev:2401/cvsroot") // on another host
	for root, gives := range map[string]string{
		":pserver:anon@dev:2401/cvsroot": "anon@dev:/cvsroot",
		":pserver:rel@other:/cvsroot":    "rel@other:/cvsroot",
		":pserver:rel@dev/other":         "rel@dev:/other",
		":pserver:dev:/cvsroot":          "",
		"":                               "",
	} {
		c := &Client{Runner: sh, Host: "web1", Root: root, Passwords: p}
		_, err := c.Status(t.Context(), ".")
		wantError(t, err, ErrAuth)
		other, is := errors.AsType[*secret.OtherError](err)
		if !is || other.Asked != "rel@dev:/cvsroot" || other.Gives != gives {
			t.Errorf("%q: got %v", root, err)
		}
	}
	if stolen, _ := os.ReadFile(filepath.Join(sh.Dir, "stolen")); len(stolen) > 0 || asked != nil {
		t.Errorf("sent %q, asked for %q", stolen, asked)
	}
}

func TestPasswordRejected(t *testing.T) {
	t.Parallel()
	repo := serve(t, smallSite)
	var asked []string
	keys := ring("wrong", &asked)
	passwords := &Passwords{Take: keys.Take}
	c := &Client{Runner: remotetest.New(t), Root: repo.root("rel"), Passwords: passwords}
	_, err := c.Tags(t.Context(), "site", "")
	wantError(t, err, ErrAuth)
	if _, err := c.Tags(t.Context(), "site", ""); err == nil || !strings.Contains(err.Error(), secret.ErrRejected.Error()) {
		t.Errorf("got %v", err)
	}
	if len(asked) != 1 {
		t.Errorf("asked for %v", asked)
	}
}

// The password is in no argument and no environment of any process of cvs, nor
// in a file.
func TestPasswordIsNotSeen(t *testing.T) {
	need.Program(t, "cvs")
	real, err := exec.LookPath("cvs")
	if err != nil {
		t.Fatal(err)
	}
	t.Parallel()
	repo := serve(t, smallSite)
	spy := filepath.Join(t.TempDir(), "spy")
	sh := withCVS(t, `#!/bin/sh
		cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ >>`+spy+` 2>/dev/null
		find . -type f -exec cat {} + >>`+spy+`
		exec `+real+` "$@"`)
	var asked []string
	c := &Client{Runner: sh, Root: repo.root("rel"), Passwords: &Passwords{Take: ring("rel pw", &asked).Take}}
	if _, err := c.Checkout(t.Context(), CheckoutOptions{Dir: "rel", Module: "site"}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(spy)
	if err != nil || !strings.Contains(string(text), "CVS_PASSFILE=/dev/fd/0") {
		t.Fatalf("the spy saw no cvs with a password: %v", err)
	}
	scrambled, _ := scramble("rel pw")
	for _, s := range []string{"rel pw", scrambled} {
		if strings.Contains(string(text), s) {
			t.Errorf("%q was seen", s)
		}
	}
}

// What cvs login writes is what scramble makes, for every byte.
func TestScrambleAsCVS(t *testing.T) {
	need.Program(t, "cvs")
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Read(make([]byte, 4096))
			conn.Write([]byte("I LOVE YOU\n"))
			conn.Close()
		}
	}()
	for from := 1; from < 256; from += 51 {
		var pass []byte
		for b := from; b < min(from+51, 256); b++ {
			if b != '\n' {
				pass = append(pass, byte(b))
			}
		}
		file := filepath.Join(t.TempDir(), "pass")
		cmd := exec.Command("setsid", "cvs", "-d", ":pserver:u@"+l.Addr().String()+"/x", "login")
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "CVS_PASSFILE=" + file}
		cmd.Stdin = strings.NewReader(string(pass) + "\n")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := scramble(string(pass))
		want := strings.TrimSuffix(strings.SplitN(string(text), " ", 3)[2], "\n")
		if got != want {
			t.Errorf("from %d: got %q, want %q", from, got, want)
		}
	}
}
