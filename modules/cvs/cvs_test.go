package cvs

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"farmrun/luahost/remote"
	"farmrun/testdata/need"
)

// repository is a real one behind a real pserver, on loopback, with the users
// anon (no password) and rel ("rel pw").
type repository struct {
	path  string
	addr  string // of the pserver
	owner string // whom the server runs as
}

// root returns the CVSROOT for user.
func (r *repository) root(user string) string {
	return ":pserver:" + user + "@" + r.addr + r.path
}

// serve starts a repository with the module site in it, which holds what
// script makes in an empty directory.
func serve(t *testing.T, script string) *repository {
	t.Helper()
	need.Program(t, "cvs")
	dir := t.TempDir()
	r := &repository{path: filepath.Join(dir, "cvsroot")}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	r.owner = me.Username
	if me.Uid == "0" { // a pserver runs as anyone but root
		r.owner = "nobody"
	}
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		os.Chmod(d, 0o755)
	}
	r.admin(t, `cvs -d "$R" init
		printf '%s\n' "rel:abpTsp3JlWFDY:$OWNER" "anon::$OWNER" >$R/CVSROOT/passwd
		mkdir seed; cd seed
		`+script+`
		cvs -Q -d "$R" import -m import site V Snapshot-1
		cd ..; rm -r seed`)
	r.listen(t)
	return r
}

// admin runs a script where the repository lies, which has its path as $R, and
// gives the repository back to the server's user.
func (r *repository) admin(t *testing.T, script string) {
	t.Helper()
	chown := ""
	if os.Getuid() == 0 {
		chown = `; chown -R "$OWNER" "$R"`
	}
	cmd := exec.Command("sh", "-ec", script+chown)
	cmd.Dir = filepath.Dir(r.path)
	cmd.Env = append(os.Environ(), "R="+r.path, "OWNER="+r.owner, "HOME="+cmd.Dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// listen serves the repository until the test ends, with one cvs a connection.
func (r *repository) listen(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.addr = l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { r.answer(ctx, conn) })
		}
	})
	t.Cleanup(func() { l.Close(); cancel(); all.Wait() })
}

func (r *repository) answer(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	f, err := conn.(*net.TCPConn).File()
	if err != nil {
		return
	}
	defer f.Close()
	server := exec.CommandContext(ctx, "cvs", "-f", "--allow-root="+r.path, "pserver")
	server.Stdin, server.Stdout = f, f
	server.Dir = "/"
	server.Run()
}

// wantError fails the test unless err wraps want, or is nil for nil.
func wantError(t *testing.T, err, want error) {
	t.Helper()
	if want == nil && err != nil || !errors.Is(err, want) {
		t.Errorf("got error %v, want %v", err, want)
	}
}

const smallSite = `mkdir -p htdocs/empty htdocs/img
	echo 'release 1' >htdocs/index.html
	echo 'a name' >'htdocs/with space.html'
	printf '\0\1\377' >htdocs/img/logo.gif
	seq 1 20 >htdocs/numbers`

func TestCheckTag(t *testing.T) {
	for tag, good := range map[string]bool{
		"Snapshot-2000-09-19": true, "B_1": true, "x": true,
		"": false, "1a": false, "a.b": false, "-r": false, "a b": false, "HEAD": false, "BASE": false, "a\n": false, "é": false,
	} {
		if err := CheckTag(tag); (err == nil) != good {
			t.Errorf("CheckTag(%q) = %v", tag, err)
		}
	}
}

func TestCheckRoot(t *testing.T) {
	for root, good := range map[string]bool{
		"":                                 true,
		":pserver:anon@127.0.0.1:2401/cvs": true,
		":pserver:127.0.0.1:/cvs":          true,
		":ext:me@dev:/cvs":                 true,
		"/cvs":                             true,
		":pserver:rel:pw@127.0.0.1:/cvs":   false,
		"-x":                               false,
		"/a\nb":                            false,
	} {
		err := checkRoot(root)
		if (err == nil) != good {
			t.Errorf("checkRoot(%q) = %v", root, err)
		}
		if err != nil && strings.Contains(err.Error(), "pw") {
			t.Errorf("the password is in the error: %v", err)
		}
	}
}

func TestErrorSaysOnceWhatWasDone(t *testing.T) {
	cmd := remote.Cmd{Title: "cvs tag T in www"}
	err := explain(cmd, remote.Result{Code: 1}, []byte("cvs: something new\n"))
	if got, want := err.Error(), "cvs tag T in www: exit status 1: cvs: something new"; got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
}
