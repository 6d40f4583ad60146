package practice

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"farmrun/testdata/need"
)

// say sends one line to an admin socket and returns all that comes back.
func say(t *testing.T, socket, line string) string {
	t.Helper()
	c, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(30 * time.Second))
	fmt.Fprintln(c, line)
	text, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return string(text)
}

// column returns one column of "show stat", by server.
func column(t *testing.T, socket, name string) map[string]string {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(say(t, socket, "show stat")), "\n")
	at := -1
	for i, field := range strings.Split(strings.TrimPrefix(lines[0], "# "), ",") {
		if field == name {
			at = i
		}
	}
	values := map[string]string{}
	for _, line := range lines[1:] {
		fields := strings.Split(line, ",")
		if strings.HasPrefix(fields[1], "webserv") {
			values[fields[1]] = strings.TrimPrefix(fields[at], "* ") // a check is under way
		}
	}
	return values
}

// state returns the columns of "show servers state" that orders change.
func state(t *testing.T, socket string) (lines []string) {
	t.Helper()
	for text := range strings.Lines(say(t, socket, "show servers state web")) {
		if fields := strings.Fields(text); len(fields) > 9 && fields[1] == "web" {
			lines = append(lines, strings.Join(append(fields[3:4], fields[5:9]...), " "))
		}
	}
	return lines
}

func TestAdmin(t *testing.T) {
	f := start(t, Config{WebServers: 2, CheckInterval: 10 * time.Millisecond})
	socket := f.balancer.admin.Addr().String()
	for _, test := range []struct{ line, want string }{
		{"set server web/webserv1 state drain", "\n"},
		{"set server web/webserv9 state drain", "No such server.\n\n"},
		{"set server nope/webserv1 state drain", "No such backend.\n\n"},
		{"set server webserv1 state drain", "Require 'backend/server'.\n\n"},
		{"set server", "Require 'backend/server'.\n\n"},
		{"set server web/webserv1 state off", "'set server <srv> state' expects 'ready', 'drain' and 'maint'.\n\n"},
		{"set server web/webserv1 weight", "Require <weight> or <weight%>.\n\n"},
		{"set server web/webserv1 weight x", "Empty weight string empty or preceded by garbage\n"},
		{"set server web/webserv1 weight 300", "Absolute weight can only be between 0 and 256 inclusive.\n\n"},
		{"set server web/webserv1 weight 3; get weight web/webserv1", "\n3 (initial 1)\n\n"},
		{"show backend", "# name\nweb\n\n"},
		{"  show   version ", version + "\n\n"},
		{"show servers state nope", "Can't find backend.\n\n"},
		{"show stat nope 4 -1", "No such proxy.\n\n"},
		{"quit; show version", ""},
	} {
		if got := say(t, socket, test.line); got != test.want {
			t.Errorf("%s: got %q, want %q", test.line, got, test.want)
		}
	}
	for line, want := range map[string]string{
		"":           "Unknown command. Please enter one of the following commands only:\n  disable server",
		"frobnicate": "Unknown command. Please enter one of the following commands only:\n  disable server",
		"show":       "Unknown command, but maybe one of the following ones is a better match:\n  show backend",
		"help":       "The following commands are valid at this level:\n  disable server",
		"show info":  "Name: HAProxy",
	} {
		if got := say(t, socket, line); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "\n\n") {
			t.Errorf("%s: got %q, want it to begin with %q and to end with an empty line", line, got, want)
		}
	}
	if got := strings.Count(say(t, socket, "show stat web 4 2"), "\n"); got != 3 {
		t.Errorf("show stat web 4 2: got %d lines, want a head, one server, and an empty one", got)
	}
}

// TestOutOfService sees who gets requests in which state.
func TestOutOfService(t *testing.T) {
	f := start(t, Config{WebServers: 2, PageTime: time.Millisecond})
	socket := f.balancer.admin.Addr().String()
	seen := func() map[string]bool {
		hosts := map[string]bool{}
		for range 6 {
			_, host, err := get(t, visitor(t), f.URL)
			if err != nil {
				t.Fatal(err)
			}
			hosts[host] = true
		}
		return hosts
	}
	both := map[string]bool{"webserv1": true, "webserv2": true}
	second := map[string]bool{"webserv2": true}
	for _, step := range []struct {
		order string
		want  map[string]bool
	}{
		{"set server web/webserv1 state drain", second},
		{"set server web/webserv1 state ready", both},
		{"set server web/webserv1 state maint", second},
		{"set server web/webserv2 state maint", map[string]bool{"": true}},
		{"enable server web/webserv1; enable server web/webserv2", both},
		{"set server web/webserv1 weight 0", second},
		{"set server web/webserv1 weight 100%", both},
	} {
		say(t, socket, step.order)
		if diff := cmp.Diff(step.want, seen()); diff != "" {
			t.Errorf("after %s: -want +got:\n%s", step.order, diff)
		}
	}
}

// TestLikeHAProxy gives the same orders to a real HAProxy in front of the same
// servers, and compares what the two say.
func TestLikeHAProxy(t *testing.T) {
	need.Program(t, "haproxy")
	f := start(t, Config{CheckInterval: 100 * time.Millisecond})
	ours := f.balancer.admin.Addr().String()
	theirs := startHAProxy(t, f)

	columns := func(socket string) string {
		head, _, _ := strings.Cut(say(t, socket, "show stat"), "\n")
		head, _, _ = strings.Cut(head, ",agg_check_status,")
		return head
	}
	if diff := cmp.Diff(columns(theirs), columns(ours)); diff != "" {
		t.Errorf("columns of show stat: -haproxy +practice:\n%s", diff)
	}

	well := func(socket string) func() bool {
		return func() bool { return !strings.Contains(fmt.Sprint(column(t, socket, "check_status")), ": ") }
	}
	waitFor(t, well(ours))
	waitFor(t, well(theirs))
	for _, line := range []string{
		"set server web/webserv1 state drain",
		"set server web/webserv1 state maint",
		"set server web/webserv1 state ready",
		"set server web/webserv2 weight 0",
		"get weight web/webserv2",
		"set server web/webserv2 weight 50%",
		"set server web/webserv2 weight 100%",
		"set weight web/webserv2 7",
		"get weight web/webserv2",
		"disable server web/webserv3",
		"enable server web/webserv3",
		"set server web/webserv9 state drain",
		"set server nope/webserv1 state drain",
		"set server web/webserv1 state off",
		"set server web/webserv1 state",
		"set server web",
		"set server",
		"set server web/webserv1 weight x",
		"set server web/webserv1 weight 300",
		"set server web/webserv1 weight -1",
		"set server web/webserv1 weight",
		"get weight",
		"get weight web/nope",
		"show backend",
		"show servers state nope",
		"show stat nope 4 -1",
		"show backend; show backend",
	} {
		if diff := cmp.Diff(say(t, theirs, line), say(t, ours, line)); diff != "" {
			t.Errorf("%s: -haproxy +practice:\n%s", line, diff)
		}
		if diff := cmp.Diff(state(t, theirs), state(t, ours)); diff != "" {
			t.Errorf("state after %s: -haproxy +practice:\n%s", line, diff)
		}
		waitFor(t, func() bool { return cmp.Equal(column(t, theirs, "status"), column(t, ours, "status")) })
	}

	// A server that ends, and one that comes back.
	for _, verb := range []string{"stop", "start"} {
		must(t, connect(t, f, "webserv2"), "sudo /etc/init.d/httpd "+verb)
		want := map[string]string{"stop": "DOWN", "start": "UP"}[verb]
		for _, socket := range []string{ours, theirs} {
			waitFor(t, func() bool { return column(t, socket, "status")["webserv2"] == want })
		}
		if diff := cmp.Diff(state(t, theirs), state(t, ours)); diff != "" {
			t.Errorf("state after %s: -haproxy +practice:\n%s", verb, diff)
		}
		// HAProxy has other words for a socket that refuses than for a port.
		socketError := map[string]string{"SOCKERR": "L4CON", "General socket error (Connection refused)": "Connection refused",
			"Socket error": "Layer4 connection problem"}
		for _, name := range []string{"check_status", "weight", "last_chk", "check_desc"} {
			if got, want := column(t, ours, name)["webserv2"], column(t, theirs, name)["webserv2"]; got != orElse(socketError[want], want) {
				t.Errorf("%s after %s: got %q, want %q", name, verb, got, want)
			}
		}
	}
}

// startHAProxy starts a real one in front of the farm's web servers, and
// returns its admin socket.
func startHAProxy(t *testing.T, f *Farm) (socket string) {
	t.Helper()
	dir := t.TempDir()
	socket = filepath.Join(dir, "s")
	config := "global\n\tstats socket " + socket + ` level admin
defaults
	mode http
	timeout connect 1s
	timeout client 10s
	timeout server 10s
	timeout check 2s
frontend www
	bind unix@` + filepath.Join(dir, "www") + `
	default_backend web
backend web
	option httpchk GET /
	default-server check inter 100ms fall 2 rise 1
`
	for _, name := range f.Web {
		config += "\tserver " + name + " " + "unix@" + httpSocket(f.net(), name) + "\n"
	}
	path := filepath.Join(dir, "config")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("haproxy", "-db", "-f", path)
	errs, _ := cmd.StderrPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(errs); lines.Scan(); {
			fmt.Fprintln(&said, lines.Text())
		}
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-read
		cmd.Wait()
		if t.Failed() {
			t.Log(said.String())
		}
	})
	waitFor(t, func() bool {
		c, err := net.Dial("unix", socket)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return socket
}

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}
