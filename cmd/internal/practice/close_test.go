package practice

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"farmrun/testdata/need"
)

// TestCloseEndsEverything has commands run in every way there is, and sees
// that none outlives the farm: each holds a fifo open to write, which is at its
// end when the last of them is gone.
func TestCloseEndsEverything(t *testing.T) {
	for _, test := range []struct {
		name, command string
	}{
		{"foreground", "%s; cat"},
		{"deaf", "trap '' TERM HUP; %s; while :; do sleep 1000; done"},
		{"background", "%s; sleep 1000 & sleep 1000"},
		{"left behind", "(%s; exec sleep 1000) >/dev/null 2>&1 </dev/null &"},
		{"init script", "sudo /etc/init.d/httpd stop; %s; sudo /etc/init.d/httpd restart; cat"},
		{"cvs that waits", "%s; cvs -d " + "$ROOT" + " checkout site"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := start(t, Config{WebServers: 1, RestartTime: time.Minute})
			client := connect(t, f, "webserv1")
			fifo := filepath.Join(f.hosts["webserv1"].spec.Dir, "home", "fifo")
			must(t, client, "mkfifo fifo")
			if l, err := client.Listen("tcp", "127.0.0.1:2401"); err != nil { // which nobody answers
				t.Fatal(err)
			} else {
				defer l.Close()
			}
			s, err := client.NewSession()
			if err != nil {
				t.Fatal(err)
			}
			stdin, _ := s.StdinPipe()
			defer stdin.Close()
			command := strings.Replace(test.command, "%s", "exec 9>fifo; echo up >&9", 1)
			if err := s.Start("ROOT=" + f.CVSRoot + "; " + command); err != nil {
				t.Fatal(err)
			}
			up, err := os.Open(fifo)
			if err != nil {
				t.Fatal(err)
			}
			defer up.Close()
			if _, err := io.ReadFull(up, make([]byte, 3)); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Error(err)
			}
			up.SetReadDeadline(time.Now().Add(30 * time.Second))
			if _, err := up.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("a process is left: got %v, want EOF", err)
			}
		})
	}
}

func TestContextEnds(t *testing.T) {
	need.Program(t, "cvs")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f, err := Start(ctx, Config{WebServers: 1})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	waitFor(t, func() bool {
		_, err := os.Stat(f.Dir)
		return errors.Is(err, os.ErrNotExist)
	})
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Errorf("closed again: %v", err)
	}
}

// TestStartFails sees that a farm that does not come about leaves nothing.
func TestStartFails(t *testing.T) {
	need.Program(t, "cvs")
	empty := t.TempDir()
	t.Setenv("TMPDIR", openDir(t))
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Start(cancelled, Config{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
	if _, err := Start(t.Context(), Config{Release: "1999-12-31"}); err == nil || !strings.Contains(err.Error(), "no such tag") {
		t.Errorf("no such release: got %v", err)
	}
	t.Setenv("PATH", empty)
	_, err := Start(t.Context(), Config{})
	if lacks, ok := errors.AsType[*MissingError](err); !ok || Names(lacks.Programs) != "cvs" {
		t.Errorf("without cvs: got %v", err)
	}
	if left, _ := os.ReadDir(os.TempDir()); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// openDir returns a temporary directory that everybody may pass through.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "practice-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// killedFarm is where a farm's directory is made by a process that is then killed.
const killedFarm = "PRACTICE_KILLED_FARM"

// TestKilled sees that hosts end with a process that is killed, and that the next
// farm removes its directory, but not that of one that runs.
func TestKilled(t *testing.T) {
	if os.Getenv(killedFarm) == "yes" {
		f := start(t, Config{WebServers: 1})
		fmt.Println("at", f.hosts["webserv1"].addr)
		select {}
	}
	need.Program(t, "cvs")
	base := openDir(t)
	t.Setenv("TMPDIR", base)
	other, err := Start(t.Context(), Config{WebServers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	addr := killFarm(t)
	waitFor(t, func() bool {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	f, err := Start(t.Context(), Config{WebServers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.RelPassword == other.RelPassword {
		t.Error("two farms have the same password")
	}
	var got []string
	entries, _ := os.ReadDir(base)
	for _, e := range entries {
		got = append(got, filepath.Join(base, e.Name()))
	}
	want := []string{f.Dir, other.Dir}
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("directories: -want +got:\n%s", diff)
	}
}

// killFarm has another process start a farm, kills it, and returns where a host of
// it was.
func killFarm(t *testing.T) (addr string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run", "^TestKilled$")
	cmd.Env = append(os.Environ(), killedFarm+"=yes")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	if _, err := fmt.Fscanf(out, "at %s\n", &addr); err != nil {
		t.Fatal(err)
	}
	return addr
}

// TestDirElsewhere sees that a place for temporary files that will not do is
// passed over.
func TestDirElsewhere(t *testing.T) {
	deep := filepath.Join(openDir(t), strings.Repeat("deep", 20))
	if err := os.Mkdir(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, elsewhere := range map[string]string{
		"sockets would have too long a path": deep,
		"there is no such directory":         filepath.Join(deep, "none"),
		"nothing can be written":             "/proc/self",
	} {
		t.Setenv("TMPDIR", elsewhere)
		dir, held, err := newDir()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		defer held.Close()
		defer os.Remove(dir)
		if filepath.Dir(dir) == elsewhere {
			t.Errorf("%s: got %s", name, dir)
		}
	}
}
