package practice

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"

	"farmrun/testdata/need"
)

func TestMain(m *testing.M) {
	Main()
	goleak.VerifyTestMain(m)
}

// start starts a farm that ends with the test. Tests with a farm mostly wait
// for the clock, so they run in parallel.
func start(t *testing.T, config Config) *Farm {
	t.Helper()
	t.Parallel()
	need.Program(t, "cvs")
	config.Patience = 10 * time.Minute // a busy machine is not out of service
	f, err := Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(f.Dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", f.Dir, err)
		}
	})
	return f
}

// connect logs in to a host of the farm.
func connect(t *testing.T, f *Farm, name string) *ssh.Client {
	t.Helper()
	h := f.hosts[name]
	client, err := ssh.Dial("tcp", h.addr, &ssh.ClientConfig{
		User:            f.user,
		Auth:            []ssh.AuthMethod{ssh.PublicKeys(f.key.signer)},
		HostKeyCallback: ssh.FixedHostKey(h.key.signer.PublicKey()),
		Timeout:         30 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// ran is what came of a command on a host.
type ran struct {
	Out, Err string
	Code     int
}

func run(t *testing.T, client *ssh.Client, stdin, command string) ran {
	t.Helper()
	s, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var out, errs bytes.Buffer
	s.Stdin, s.Stdout, s.Stderr = strings.NewReader(stdin), &out, &errs
	var exit *ssh.ExitError
	err = s.Run(command)
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", command, err)
	}
	got := ran{Out: out.String(), Err: errs.String()}
	if exit != nil {
		got.Code = exit.ExitStatus()
	}
	return got
}

// must is run for commands that succeed; it returns what they print.
func must(t *testing.T, client *ssh.Client, command string) string {
	t.Helper()
	got := run(t, client, "", command)
	if got.Code != 0 {
		t.Fatalf("%s: exit status %d\n%s%s", command, got.Code, got.Out, got.Err)
	}
	return strings.TrimSuffix(got.Out, "\n")
}

// tunnel has the host's port 2401 lead to the repository until the function
// that it returns is called.
func tunnel(t *testing.T, f *Farm, client *ssh.Client) (closeIt func()) {
	t.Helper()
	l, err := client.Listen("tcp", "127.0.0.1:2401")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", f.CVSAddr)
			if err != nil {
				near.Close()
				continue
			}
			go func() {
				io.Copy(far, near)
				far.Close()
			}()
			go func() {
				io.Copy(near, far)
				near.Close()
			}()
		}
	}()
	return func() { l.Close() }
}

// visitor returns a client that makes a connection for each request.
func visitor(t *testing.T) *http.Client {
	t.Helper()
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
}

func get(t *testing.T, client *http.Client, url string) (body, host string, err error) {
	t.Helper()
	answer, err := client.Get(url)
	if err != nil {
		return "", "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return string(text), answer.Header.Get("X-Host"), err
}

func TestHost(t *testing.T) {
	f := start(t, Config{})
	client := connect(t, f, "webserv1")
	home := f.hosts["webserv1"].spec.places().home
	for _, test := range []struct{ command, want string }{
		{"pwd", home},
		{"cd && pwd", home},
		{"readlink www", "releases/2000-09-12"},
		{"ls releases", "2000-09-12"},
		{"grep -c 'Release 2000-09-12' www/htdocs/index.html", "1"},
		{"cat www/CVS/Root", f.CVSRoot},
		{"cat www/CVS/Tag", "TSnapshot-2000-09-12"},
		{"kill -0 $(cat logs/httpd.pid) && echo up", "up"},
		{"grep -c 'serving .*/releases/2000-09-12/htdocs' logs/error", "1"},
		{"sudo /etc/init.d/httpd status | sed 's/[0-9][0-9]*/PID/'", "httpd (pid PID) is running"},
	} {
		if got := must(t, client, test.command); got != test.want {
			t.Errorf("%s: got %q, want %q", test.command, got, test.want)
		}
	}
}

// TestShared sees a host that shares this machine: it has its web server, a tunnel
// of its own, and no program that changes the system.
func TestShared(t *testing.T) {
	f := start(t, Config{WebServers: 1, Shared: true})
	client := connect(t, f, "webserv1")
	tunnel(t, f, client)
	for _, command := range []string{"cd www && cvs -q update", "sudo /etc/init.d/httpd restart", "ls | sort"} {
		must(t, client, command)
	}
	for _, program := range []string{"shutdown", "reboot", "mount", "apt-get", "systemctl"} {
		if got := run(t, client, "", "sudo -l "+program); got.Code != 1 {
			t.Errorf("%s: got %+v", program, got)
		}
	}
}

// TestOpenSSH sees that what the farm writes for ssh -F serves OpenSSH.
func TestOpenSSH(t *testing.T) {
	need.Program(t, "ssh")
	f := start(t, Config{WebServers: 1})
	for _, name := range []string{"webserv1", "lb1"} {
		out, err := exec.Command("ssh", "-F", f.SSHConfig, "-o", "BatchMode=yes", name, "echo $HOSTNAME").CombinedOutput()
		if want := name + "\n"; err != nil || string(out) != want {
			t.Errorf("%s: got %q, %v", name, out, err)
		}
	}
}

func TestCVS(t *testing.T) {
	f := start(t, Config{WebServers: 2})
	client, other := connect(t, f, "webserv1"), connect(t, f, "webserv2")
	update := "cd www && cvs -q update"
	refused := run(t, client, "", update)
	if refused.Code == 0 || !strings.Contains(refused.Err, "Connection refused") {
		t.Errorf("without a tunnel: got %+v", refused)
	}
	closeTunnel := tunnel(t, f, client)
	if got := run(t, client, "", update); got != (ran{}) {
		t.Errorf("update of an unchanged release: got %+v", got)
	}
	if _, err := client.Listen("tcp", "127.0.0.1:2401"); err == nil {
		t.Error("the port was bound twice")
	}
	if got := run(t, other, "", update); got.Code == 0 {
		t.Error("the tunnel of one host serves another")
	}
	for _, date := range Releases()[1:] {
		must(t, client, "cvs -Q -d "+f.CVSRoot+" checkout -r Snapshot-"+date+" -d releases/"+date+" site")
		if got := must(t, client, "cat releases/"+date+"/htdocs/index.html"); !strings.Contains(got, "Release "+date) {
			t.Errorf("%s: got\n%s", date, got)
		}
	}
	if got := must(t, client, "ls releases/*/htdocs/news/2000* | wc -l | tr -d ' '"); got != "6" {
		t.Errorf("news: got %s pages, want 1+2+3", got)
	}
	closeTunnel()
	if got := run(t, client, "", update); got.Code == 0 {
		t.Error("the tunnel outlived its listener")
	}
	tunnel(t, f, client)
	if got := run(t, client, "", update); got != (ran{}) {
		t.Errorf("through a second tunnel: got %+v", got)
	}
}

// TestCommit checks that Rel may change the files that the hosts then get, and
// that Anon may not. Nobody can have the server run a program.
func TestCommit(t *testing.T) {
	f := start(t, Config{WebServers: 1})
	client := connect(t, f, "webserv1")
	tunnel(t, f, client)
	if got := run(t, client, "", "cd www && echo more >>README && cvs commit -m more README"); got.Code == 0 {
		t.Error("anon may commit")
	}
	root := strings.Replace(f.CVSRoot, Anon+"@", Rel+"@", 1)
	login := "export CVS_PASSFILE=$PWD/pass; cvs -d " + root + " login"
	if got := run(t, client, "wrong\n", login); got.Code == 0 {
		t.Error("rel may have any password")
	}
	if got := run(t, client, f.RelPassword+"\n", login); got.Code != 0 {
		t.Fatalf("login: %+v", got)
	}
	must(t, client, "export CVS_PASSFILE=$PWD/pass; cvs -Q -d "+root+" checkout -r Snapshot-2000-09-12 -d work site && cd work && echo less >>README && cvs -Q commit -m less README")
	got := run(t, client, "", "export CVS_PASSFILE=$PWD/pass; cvs -Q -d "+root+" checkout -d admin CVSROOT && cd admin && echo 'ALL touch /tmp/ran' >>loginfo && cvs -Q commit -m hook loginfo")
	if got.Code == 0 || !strings.Contains(got.Err, "Permission denied") {
		t.Errorf("commit to CVSROOT: got %+v", got)
	}
	text := must(t, client, "cd www && cvs -Q update -C && tail -1 README")
	if text != "less" {
		t.Errorf("got %q, want what rel committed", text)
	}
}

func TestForwards(t *testing.T) {
	f := start(t, Config{WebServers: 2})
	web, lb := connect(t, f, "webserv2"), connect(t, f, "lb1")
	for _, addr := range []string{"127.0.0.1:80", "localhost:80", "webserv2:80"} {
		client := &http.Client{Transport: &http.Transport{DialContext: web.DialContext, DisableKeepAlives: true}}
		body, host, err := get(t, client, "http://"+addr+"/")
		if err != nil || host != "webserv2" || !strings.Contains(body, "Release 2000-09-12") {
			t.Errorf("%s: got %v, %s, %q", addr, err, host, body)
		}
	}
	for _, test := range []struct {
		from          *ssh.Client
		network, addr string
	}{
		{web, "tcp", "127.0.0.1:2401"},
		{web, "tcp", "127.0.0.1:22"},
		{web, "tcp", f.CVSAddr},
		{web, "tcp", "dev:2401"},
		{web, "unix", "/run/haproxy/admin.sock"},
		{lb, "tcp", "webserv2:2401"},
	} {
		if c, err := test.from.Dial(test.network, test.addr); err == nil {
			c.Close()
			t.Errorf("%s answers", test.addr)
		}
	}
	c, err := lb.Dial("unix", "/run/haproxy/admin.sock")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "show servers state web\n")
	text, _ := io.ReadAll(c)
	if !strings.Contains(string(text), " webserv2 127.0.0.1 2 0 1 1 ") {
		t.Errorf("admin socket: got %q", text)
	}
	l, err := web.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if c, err := web.Dial("tcp", l.Addr().String()); err != nil {
		t.Errorf("a port bound for a client: %v", err)
	} else {
		c.Close()
	}
}

func TestInit(t *testing.T) {
	f := start(t, Config{WebServers: 1, RestartTime: time.Millisecond})
	client := connect(t, f, "webserv1")
	release := func() string {
		web := &http.Client{Transport: &http.Transport{DialContext: client.DialContext, DisableKeepAlives: true}}
		body, _, err := get(t, web, "http://localhost/")
		if err != nil {
			return "none"
		}
		return namedRelease().FindString(body)
	}
	must(t, client, "cp -pR releases/2000-09-12 releases/other && echo Release 2001-01-01 >releases/other/htdocs/index.html && ln -sfn releases/other www")
	for _, step := range []struct {
		verb string
		want ran
		now  string
	}{
		{"start", ran{Out: "httpd (pid ", Code: 1}, "Release 2000-09-12"}, // still what www was
		{"restart", ran{Out: "httpd restarted\n"}, "Release 2001-01-01"},
		{"stop", ran{Out: "httpd stopped\n"}, "none"},
		{"status", ran{Out: "httpd is not running\n", Code: 3}, "none"},
		{"stop", ran{Out: "httpd (no pid file) not running\n", Code: 1}, "none"},
		{"start", ran{Out: "httpd started\n"}, "Release 2001-01-01"},
		{"reload", ran{Err: "usage: ", Code: 2}, "Release 2001-01-01"},
	} {
		got := run(t, client, "", "sudo /etc/init.d/httpd "+step.verb)
		if got.Code != step.want.Code || !strings.HasPrefix(got.Out, step.want.Out) || !strings.HasPrefix(got.Err, step.want.Err) {
			t.Errorf("%s: got %+v, want %+v", step.verb, got, step.want)
		}
		if now := release(); now != step.now {
			t.Errorf("after %s: got %s, want %s", step.verb, now, step.now)
		}
	}
	must(t, client, "kill $(cat logs/httpd.pid)")
	waitFor(t, func() bool { return release() == "none" })
	must(t, client, "rm www && mkdir www")
	if got := run(t, client, "", "sudo /etc/init.d/httpd start"); got.Code != 1 || !strings.Contains(got.Out, "could not be started") {
		t.Errorf("without a release: got %+v", got)
	}
	if got := must(t, client, "tail -1 logs/error"); !strings.Contains(got, "[error] DocumentRoot") {
		t.Errorf("log: got %q", got)
	}
}

func TestVisit(t *testing.T) {
	f := start(t, Config{CheckInterval: 50 * time.Millisecond, RestartTime: 300 * time.Millisecond})
	restart := func(name string) { must(t, connect(t, f, name), "sudo /etc/init.d/httpd restart") }
	order := func(command string) {
		c, err := connect(t, f, "lb1").Dial("unix", "/run/haproxy/admin.sock")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, command+"\n")
		if text, err := io.ReadAll(c); err != nil || string(text) != "\n" {
			t.Fatalf("%s: %q, %v", command, text, err)
		}
	}

	stat := func() string { return f.balancer.pool.answer([]string{"show", "stat"}) }
	allUp := func() bool { return strings.Count(stat(), ",UP,") == 4 } // all servers, and the backend

	var careless Report
	for tries := 0; careless.Failed == 0 && tries < 10; tries++ { // the balancer may notice before anybody asks
		waitFor(t, allUp)
		visit := f.Visit(200)
		restart("webserv1")
		careless = visit.Stop()
	}
	if careless.Failed == 0 || careless.Requests <= careless.Failed {
		t.Errorf("undrained: %d of %d requests failed, want some", careless.Failed, careless.Requests)
	}

	waitFor(t, allUp)
	visit := f.Visit(200)
	order("set server web/webserv2 state drain")
	waitFor(t, func() bool { return strings.Contains(stat(), "web,webserv2,0,0,0,") })
	restart("webserv2")
	order("set server web/webserv2 state ready")
	careful := visit.Stop()
	if careful.Failed != 0 || careful.Requests == 0 {
		t.Errorf("drained: %d of %d requests failed: %+v", careful.Failed, careful.Requests, careful.Failures)
	}
	if careful.MostOut != 1 {
		t.Errorf("most servers out of service: got %d, want 1", careful.MostOut)
	}
	want := []Seen{{Release: "2000-09-12", Pages: careful.Requests}}
	if diff := cmp.Diff(want, careful.Releases, cmp.FilterPath(func(p cmp.Path) bool {
		return p.Last().String() == ".First" || p.Last().String() == ".Last"
	}, cmp.Ignore())); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// waitFor waits for what comes about soon, and fails the test if it does not.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("waited in vain")
		}
	}
}
