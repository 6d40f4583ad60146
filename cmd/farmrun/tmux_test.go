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
	w.server = exec.Command("tmux", append([]string{"-S", w.socket, "-f", "/dev/null", "-C", "new-session", "-x", columns, "-y", rows}, args[2:]...)...)
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
		exec.Command("tmux", "-S", w.socket, "kill-server").Run()
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
	late := time.After(20 * time.Second)
	for {
		shown, err := exec.Command("tmux", "-S", w.socket, "capture-pane", "-p").Output()
		got := strings.TrimRight(aTime.ReplaceAllString(string(shown), " 0s"), "\n") + "\n"
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

// resize is resize NAME ROWSxCOLUMNS.
func (s *stage) resize(_ *testscript.TestScript, args []string) error {
	rows, columns, _ := strings.Cut(args[1], "x")
	return exec.Command("tmux", "-S", s.windows[args[0]].socket, "resize-window", "-x", columns, "-y", rows).Run()
}
