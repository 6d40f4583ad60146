// Package screen is a terminal that draws, for tests: a window of tmux(1), whose
// server is its own. Whoever waits for something on it looks when tmux says, in
// its control mode, that something has changed, and not by the clock.
package screen

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Screen is a window with a program in it. Its methods are for one goroutine.
type Screen struct {
	dir     string // of the socket, whose path must be short
	server  *exec.Cmd
	input   io.Closer     // whose end would be the session's
	changed chan struct{} // has room for one; closed at the end
}

// patience is for how long something may not come that is waited for.
const patience = 2 * time.Minute

// child runs its arguments as a child of its own, since tmux lets a child of its
// own go on that is stopped.
const child = `"$@"; exit`

// Start runs a program in a window of so many rows and columns, in directory dir
// and with the environment env, as exec.Cmd has them. Close the Screen.
func Start(dir string, env []string, rows, columns int, program ...string) (*Screen, error) {
	at, err := os.MkdirTemp("", "farmrun-")
	if err != nil {
		return nil, err
	}
	s := &Screen{dir: at, changed: make(chan struct{}, 1)}
	s.server = s.command(append([]string{"-f", "/dev/null", "-C", "new-session",
		"-x", strconv.Itoa(columns), "-y", strconv.Itoa(rows), "sh", "-c", child, "sh"}, program...)...)
	s.server.Dir, s.server.Env = dir, append(env, "LC_ALL=C.UTF-8")
	s.input, err = s.server.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := s.server.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.server.Start(); err != nil {
		os.RemoveAll(at)
		return nil, err
	}
	go s.listen(stdout)
	return s, nil
}

func (s *Screen) command(args ...string) *exec.Cmd {
	return exec.Command("tmux", append([]string{"-S", filepath.Join(s.dir, "tmux")}, args...)...)
}

// listen notes each line of tmux as a change.
func (s *Screen) listen(stdout io.Reader) {
	defer close(s.changed)
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		select {
		case s.changed <- struct{}{}:
		default:
		}
	}
}

// Close ends the program and tmux.
func (s *Screen) Close() {
	s.Tmux("kill-server")
	s.input.Close()
	for range s.changed { // until its end
	}
	s.server.Wait()
	os.RemoveAll(s.dir)
}

// Tmux has tmux do a command of its own, and returns its answer.
func (s *Screen) Tmux(args ...string) (string, error) {
	out, err := s.command(args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("tmux %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

// Await waits until there is true of the text that is shown. The error has the text
// that is shown instead.
func (s *Screen) Await(there func(shown string) bool) error {
	late := time.After(patience)
	for {
		shown, err := s.Tmux("capture-pane", "-p")
		if err == nil && there(shown) {
			return nil
		}
		select {
		case _, open := <-s.changed:
			if !open {
				return fmt.Errorf("the program ended; it showed\n%s", shown)
			}
		case <-late:
			return fmt.Errorf("it shows\n%s", shown)
		}
	}
}

// change waits until something on the screen has changed from now on.
func (s *Screen) change() error {
	before, err := s.Tmux("capture-pane", "-p")
	if err != nil {
		return err
	}
	return s.Await(func(shown string) bool { return shown != before })
}

// Resize gives the window another size, right after something on it has changed: for
// a program that draws now and then, its next drawing is a while off. The program
// stands still meanwhile: tmux wraps its lines anew some time before it tells anybody,
// and a terminal cannot be asked on which side of that a drawing came.
func (s *Screen) Resize(rows, columns int) error {
	pane, err := s.Tmux("display-message", "-p", "#{pane_pid} #{pane_tty}")
	if err != nil {
		return err
	}
	shell, tty, _ := strings.Cut(strings.TrimSpace(pane), " ")
	if err := s.change(); err != nil {
		return err
	}
	if err := exec.Command("pkill", "-STOP", "-P", shell).Run(); err != nil {
		return fmt.Errorf("stopping the program: %w", err)
	}
	defer exec.Command("pkill", "-CONT", "-P", shell).Run()
	for range 2 { // what the program has written meanwhile, tmux reads before the second
		if _, err := s.Tmux("display-message", "-p"); err != nil {
			return err
		}
	}
	if _, err := s.Tmux("resize-window", "-x", strconv.Itoa(columns), "-y", strconv.Itoa(rows)); err != nil {
		return err
	}
	for told, want := "", fmt.Sprintf("%d %d", rows, columns); told != want; {
		size, err := exec.Command("stty", "-F", tty, "size").Output()
		if err != nil {
			return err
		}
		told = strings.TrimSpace(string(size))
	}
	return nil
}
