package scripts_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/creack/pty"

	"farmrun/scripts"
	"farmrun/testdata/farm"
)

// servers is how many web servers the farm has.
const servers = 20

func TestMain(m *testing.M) { farm.Main(m, servers) }

// binary builds farmrun once for all tests.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp(farm.Home(), "farmrun-") // which goes with the farm
	if err != nil {
		return "", err
	}
	return build(dir)
})

// build builds farmrun into a directory.
func build(dir string, flags ...string) (path string, err error) {
	path = filepath.Join(dir, "farmrun")
	args := append([]string{"build", "-o", path}, flags...)
	out, err := exec.Command("go", append(args, "farmrun/cmd/farmrun")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
}

// operator is somebody who works on the farm with farmrun, in a directory with
// a site file.
type operator struct {
	t       testing.TB
	dir     string
	exec    string
	answers map[string]string // what he types, by the end of the question
}

// newOperator copies the scripts as farmrun init does; the site file is the one
// that comes with farmrun, for as many servers as there are.
func newOperator(t testing.TB) *operator {
	t.Helper()
	farm.Need(t)
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	o := &operator{t: t, dir: t.TempDir(), exec: path, answers: map[string]string{
		"Password for web: ":                               farm.Password,
		"Password for rel@127.0.0.1:/cvsroot: ":            farm.RelPassword,
		"  s  stop here: no further host is touched\r\n? ": "s",
	}}
	site, err := scripts.Files.ReadFile("site.lua")
	if err != nil {
		t.Fatal(err)
	}
	o.write("site.lua", strings.Replace(string(site), "webserv[1-3]", fmt.Sprintf("webserv[1-%d]", servers), 1))
	return o
}

// in returns the operator for a test within the one that he was made for.
func (o *operator) in(t *testing.T) *operator {
	in := *o
	in.t = t
	return &in
}

func (o *operator) write(name, text string) {
	o.t.Helper()
	if err := os.WriteFile(filepath.Join(o.dir, name), []byte(text), 0o666); err != nil {
		o.t.Fatal(err)
	}
}

func (o *operator) read(name string) string {
	o.t.Helper()
	text, err := os.ReadFile(filepath.Join(o.dir, name))
	if err != nil {
		o.t.Fatal(err)
	}
	return string(text)
}

// outcome is what came of a farmrun.
type outcome struct {
	out, err string
	code     int
}

// run runs farmrun at a terminal on which the operator types his answers.
func (o *operator) run(args ...string) outcome {
	o.t.Helper()
	return o.runWhen(nil, args...)
}

// runUntil is run, but that ^C is pressed when farmrun says stop on standard
// error, and again when it says what that would do, if stop is not "".
func (o *operator) runUntil(stop string, args ...string) outcome {
	o.t.Helper()
	press := func(terminal io.Writer, _ *os.Process) { terminal.Write([]byte{3}) }
	return o.runWhen([]reaction{{stop, press}, {"^C again stops", press}}, args...)
}

// reaction is what the operator does when farmrun says something on standard
// error, once; nothing if at is "".
type reaction struct {
	at string
	do func(terminal io.Writer, p *os.Process)
}

// runWhen is run with an operator who reacts to what it says.
func (o *operator) runWhen(reactions []reaction, args ...string) outcome {
	o.t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		o.t.Fatal(err)
	}
	c := exec.CommandContext(o.t.Context(), o.exec, args...)
	c.Dir = o.dir
	c.Env = append(os.Environ(), "HOME="+farm.Home(), "XDG_STATE_HOME="+o.state(), "TERM=dumb")
	var stdout, stderr bytes.Buffer
	c.Stdin, c.Stdout = slave, &stdout
	c.Stderr = io.MultiWriter(&stderr, listener(func(text []byte) {
		for i, r := range reactions {
			if r.at != "" && bytes.Contains(text, []byte(r.at)) {
				reactions[i].at = ""
				r.do(master, c.Process)
			}
		}
	}))
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true} // c.Stdin is its controlling terminal
	if err := c.Start(); err != nil {
		o.t.Fatal(err)
	}
	slave.Close()
	var answered sync.WaitGroup
	answered.Go(func() { o.answer(master) })
	err = c.Wait()
	master.Close()
	answered.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		o.t.Fatal(err)
	}
	got := outcome{stdout.String(), stderr.String(), c.ProcessState.ExitCode()}
	if strings.Contains(got.out+got.err, farm.Password) {
		o.t.Errorf("the password is shown:\n%s%s", got.out, got.err)
	}
	return got
}

// state is where the operator's runs are remembered.
func (o *operator) state() string { return filepath.Join(o.dir, "state") }

// listener is called with what is written to it.
type listener func(text []byte)

func (l listener) Write(text []byte) (int, error) {
	l(text)
	return len(text), nil
}

// ok is run for what must succeed.
func (o *operator) ok(args ...string) outcome {
	o.t.Helper()
	got := o.run(args...)
	if got.code != 0 {
		o.t.Fatalf("farmrun %s: exit status %d\n%s%s", strings.Join(args, " "), got.code, got.out, got.err)
	}
	return got
}

// fails is run for what must fail with status code and say each of the words.
func (o *operator) fails(code int, words []string, args ...string) outcome {
	o.t.Helper()
	got := o.run(args...)
	if got.code != code {
		o.t.Errorf("farmrun %s: exit status %d, want %d\n%s%s", strings.Join(args, " "), got.code, code, got.out, got.err)
	}
	for _, w := range words {
		if !strings.Contains(got.err, w) {
			o.t.Errorf("farmrun %s: does not say %q:\n%s", strings.Join(args, " "), w, got.err)
		}
	}
	return got
}

// answer answers questions, however often they come.
func (o *operator) answer(terminal io.ReadWriter) {
	var seen []byte
	buf := make([]byte, 256)
	for {
		n, err := terminal.Read(buf)
		if err != nil {
			return
		}
		seen = append(seen, buf[:n]...)
		for question, line := range o.answers {
			if bytes.HasSuffix(seen, []byte(question)) {
				seen = nil
				io.WriteString(terminal, line+"\n")
			}
		}
	}
}

// onAir returns what each server's link reads.
func onAir(t *testing.T) map[string]int {
	t.Helper()
	releases := map[string]int{}
	for _, h := range farm.WebServers() {
		target := farm.Exec(t, h, "sh", "-c", "readlink /home/web/www || echo a directory")
		releases[strings.TrimSpace(target)]++
	}
	return releases
}

// reset puts every server back as it was when the farm was new.
func reset(t testing.TB) {
	t.Helper()
	ready := ""
	for _, h := range farm.WebServers() {
		ready += "set server web/" + h + " state ready;"
	}
	farm.Exec(t, "lb1", "sh", "-c", "echo '"+ready+"' | socat - unix:"+farm.AdminSocket)
	everywhere(t, `cd /home/web && rm -rf releases/2* releases/.farmrun* shared www.former &&
		ln -sfn releases/initial www && { /etc/init.d/httpd status >/dev/null || /etc/init.d/httpd restart; }`)
}

// everywhere runs a shell line on all web servers at once.
func everywhere(t testing.TB, line string) {
	t.Helper()
	var all sync.WaitGroup
	for _, h := range farm.WebServers() {
		all.Go(func() {
			if out, err := farm.Command(context.Background(), h, "sh", "-c", line).CombinedOutput(); err != nil {
				t.Errorf("on %s: %s: %v\n%s", h, line, err, out)
			}
		})
	}
	all.Wait()
}
