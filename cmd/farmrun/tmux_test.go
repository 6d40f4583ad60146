package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// window is a terminal that draws: a window of tmux, whose server is this one's
// own. Its control mode (tmux(1)) tells when something has changed.
type window struct {
	socket  string
	server  *exec.Cmd
	changed chan struct{} // has room for one; closed at the end
}

// child runs its arguments as a child of its own, since tmux lets a child of its
// own go on that is stopped.
const child = `"$@"; exit`

// tmux is tmux NAME ROWSxCOLUMNS COMMAND [ARG...].
func (s *stage) tmux(ts *testscript.TestScript, args []string) error {
	if _, err := exec.LookPath("tmux"); err != nil {
		return fmt.Errorf("there is no tmux here: %w", err)
	}
	dir, err := os.MkdirTemp("", "farmrun-") // the path of a socket is short
	if err != nil {
		return err
	}
	ts.Defer(func() { os.RemoveAll(dir) })
	rows, columns, _ := strings.Cut(args[1], "x")
	w := &window{socket: filepath.Join(dir, "tmux"), changed: make(chan struct{}, 1)}
	w.server = exec.Command("tmux", append([]string{"-S", w.socket, "-f", "/dev/null", "-C", "new-session", "-x", columns, "-y", rows, "sh", "-c", child, "sh"}, args[2:]...)...)
	w.server.Dir = ts.MkAbs(".")
	for _, v := range []string{"HOME", "PATH", "NO_COLOR", "TERM", "WORK", "TMPDIR"} {
		w.server.Env = append(w.server.Env, v+"="+ts.Getenv(v))
	}
	w.server.Env = append(w.server.Env, "LC_ALL=C.UTF-8")
	stdin, err := w.server.StdinPipe() // the end of it would be the session's
	if err != nil {
		return err
	}
	stdout, err := w.server.StdoutPipe()
	if err != nil {
		return err
	}
	if err := w.server.Start(); err != nil {
		return err
	}
	ts.Defer(func() {
		w.tmux("kill-server")
		stdin.Close()
		for range w.changed { // until its end
		}
		w.server.Wait()
	})
	go func() {
		defer close(w.changed)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			select {
			case w.changed <- struct{}{}:
			default:
			}
		}
	}()
	s.windows[args[0]] = w
	return nil
}

// aTime is one that differs from run to run, and so does what stands before it.
var aTime = regexp.MustCompile(` +\d+(\.\d+)?m?s\b`)

// screen is screen NAME FILE.
func (s *stage) screen(ts *testscript.TestScript, args []string) error {
	w, want := s.windows[args[0]], ts.ReadFile(args[1])
	late := time.After(2 * time.Minute)
	for {
		shown, err := w.tmux("capture-pane", "-p")
		got := strings.TrimRight(aTime.ReplaceAllString(shown, " 0s"), "\n") + "\n"
		if got == want {
			return nil
		}
		select {
		case _, open := <-w.changed:
			if !open {
				return fmt.Errorf("%s ended (%v); it showed\n%s", args[0], err, got)
			}
		case <-late:
			return fmt.Errorf("%s shows\n%s", args[0], got)
		}
	}
}

// resize is resize NAME ROWSxCOLUMNS. The command stands still meanwhile: tmux
// wraps its lines anew some time before it tells anybody, and a terminal cannot be
// asked on which side of that a drawing came.
func (s *stage) resize(_ *testscript.TestScript, args []string) error {
	w := s.windows[args[0]]
	rows, columns, _ := strings.Cut(args[1], "x")
	pane, err := w.tmux("display-message", "-p", "#{pane_pid} #{pane_tty}")
	if err != nil {
		return err
	}
	shell, tty, _ := strings.Cut(strings.TrimSpace(pane), " ")
	if err := exec.Command("pkill", "-STOP", "-P", shell).Run(); err != nil {
		return err
	}
	defer exec.Command("pkill", "-CONT", "-P", shell).Run()
	if _, err := w.tmux("resize-window", "-x", columns, "-y", rows); err != nil {
		return err
	}
	for told := ""; told != rows+" "+columns; { // tmux says nothing of it
		size, err := exec.Command("stty", "-F", tty, "size").Output()
		if err != nil {
			return err
		}
		told = strings.TrimSpace(string(size))
	}
	return nil
}

// tmux has the window's server do something, and returns its answer.
func (w *window) tmux(args ...string) (string, error) {
	out, err := exec.Command("tmux", append([]string{"-S", w.socket}, args...)...).Output()
	return string(out), err
}
