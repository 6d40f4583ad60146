package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
)

// usage is what one run of a program took.
type usage struct {
	wall, processor time.Duration
	memory          int64 // bytes: the most that were resident, in it or in one of its children
	private         int64 // bytes: of those the most that were no file's, in it alone, as far as was seen
}

// run runs a program and says what it took, its children included as far as
// it has waited for them. It runs in dir, which is its home as well. A program
// that fails is an error with what it said.
//
// The memory is never below that of this process, whose pages the child shares
// until it has become the program: a few MiB.
//
// Where terminal is true its standard error is a terminal of 24 lines.
func run(ctx context.Context, dir string, argv []string, terminal bool) (usage, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	off := func() {}
	if terminal {
		screen, switchOff, err := newScreen(&said)
		if err != nil {
			return usage{}, err
		}
		off = sync.OnceFunc(switchOff)
		defer off()
		cmd.Stdout, cmd.Stderr = io.Discard, screen
		cmd.Env = append(cmd.Env, "TERM=xterm", "NO_COLOR=")
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return usage{}, err
	}
	private := watchPrivate(cmd.Process.Pid)
	err := cmd.Wait()
	off()
	u := usage{wall: time.Since(began), private: private()}
	if err != nil {
		return u, fmt.Errorf("%s: %w\n%s", argv[0], err, last(said.Bytes(), 2000))
	}
	u.processor = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if r, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		u.memory = r.Maxrss << 10
	}
	return u, nil
}

// newScreen returns a terminal; what is shown there goes to said until off is
// called.
func newScreen(said io.Writer) (screen *os.File, off func(), err error) {
	far, screen, err := pty.Open()
	if err != nil {
		return nil, nil, err
	}
	shown := make(chan struct{})
	go func() { io.Copy(said, far); close(shown) }()
	off = func() { screen.Close(); <-shown; far.Close() }
	return screen, off, pty.Setsize(far, &pty.Winsize{Rows: 24, Cols: 80})
}

// watchPrivate looks at a process a few hundred times a second until the
// function that it returns is called, which tells how many bytes of its memory
// were no file's at most. Where there is no /proc there are 0.
func watchPrivate(pid int) (most func() int64) {
	stop, result := make(chan struct{}), make(chan int64)
	go func() {
		ticker := time.NewTicker(3 * time.Millisecond)
		defer ticker.Stop()
		var most int64
		for {
			select {
			case <-ticker.C:
				most = max(most, privateNow(pid))
			case <-stop:
				result <- most
				return
			}
		}
	}()
	return func() int64 { close(stop); return <-result }
}

// privateNow is what a process has in memory that is no file's, in bytes
// (proc_pid_statm(5)).
func privateNow(pid int) int64 {
	var size, resident, shared int64
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	fmt.Sscan(string(text), &size, &resident, &shared)
	return (resident - shared) * int64(os.Getpagesize())
}

func last(text []byte, n int) []byte { return text[max(0, len(text)-n):] }

// median returns the middle of values, the lower of two.
func median[T cmp.Ordered](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)-1)/2]
}

// medianOf is the median of one figure of several runs.
func medianOf(runs []usage, figure func(usage) float64) float64 {
	values := make([]float64, len(runs))
	for i, u := range runs {
		values[i] = figure(u)
	}
	return median(values)
}

// ratioOf is the median of the ratios of a figure, round by round.
func ratioOf(ours, theirs []usage, figure func(usage) float64) float64 {
	ratios := make([]float64, len(ours))
	for i := range ours {
		ratios[i] = figure(ours[i]) / figure(theirs[i])
	}
	return median(ratios)
}
