package expect

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	ossignal "os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"farmrun/luahost/remote"
)

// Program is a local program to talk with.
type Program struct {
	Args []string          // the program and its arguments
	Dir  string            // where it starts; "" is the current directory
	Env  map[string]string // added to this process's environment
	// Terminal is the one that it gets.
	Terminal remote.TerminalOptions
}

// Terminal is a local program and the terminal it runs in, a remote.Terminal
// that is not remote. Its Close ends the program.
type Terminal struct {
	file *os.File
	conn syscall.RawConn // of file
	cmd  *exec.Cmd

	once   sync.Once
	mu     sync.Mutex
	code   int
	signal string
}

// Start starts a program in a terminal of its own, as the leader of a session
// (setsid(2)).
func Start(p Program) (*Terminal, error) {
	if len(p.Args) == 0 {
		return nil, errors.New("no program is named")
	}
	cmd := exec.Command(p.Args[0], p.Args[1:]...)
	cmd.Dir = p.Dir
	o := p.Terminal.WithDefaults()
	cmd.Env = append(os.Environ(), "TERM="+o.Term)
	for name, value := range p.Env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	if ossignal.Ignored(syscall.SIGHUP) { // by nohup(1): the program has to hear of it when its terminal is closed
		ossignal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
		defer ossignal.Ignore(syscall.SIGHUP)
	}
	opened, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: uint16(o.Rows), Cols: uint16(o.Columns)})
	if err != nil {
		return nil, err
	}
	t := &Terminal{cmd: cmd, code: -1}
	if t.file, err = pollable(opened); err == nil {
		t.conn, err = t.file.SyscallConn()
	}
	if err != nil {
		cmd.Process.Kill()
		cmd.Wait()
		return nil, err
	}
	return t, nil
}

// pollable returns f again such that a read of it costs no thread and is ended
// by Close. The pty package leaves it otherwise.
func pollable(f *os.File) (*os.File, error) {
	defer f.Close()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("terminal: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("terminal: %w", err)
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// SetReadDeadline bounds Read.
func (t *Terminal) SetReadDeadline(d time.Time) error { return t.file.SetReadDeadline(d) }

// SetWriteDeadline bounds Write.
func (t *Terminal) SetWriteDeadline(d time.Time) error { return t.file.SetWriteDeadline(d) }

// Resize tells the program, by SIGWINCH, how large its terminal is now.
func (t *Terminal) Resize(rows, columns int) error {
	var err error
	size := &unix.Winsize{Row: uint16(rows), Col: uint16(columns)}
	control := t.conn.Control(func(fd uintptr) { err = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, size) })
	return errors.Join(control, err)
}

// Echo tells whether the terminal now sends back the keys typed: see
// termios(3), ECHO. A program that reads key by key may do so itself.
func (t *Terminal) Echo() (e Echo) {
	t.conn.Control(func(fd uintptr) {
		flags, err := localFlags(fd)
		switch {
		case err != nil:
		case flags&unix.ECHO != 0:
			e = EchoOn
		case flags&unix.ICANON != 0:
			e = EchoOff
		}
	})
	return e
}

// Break fails: a pseudo-terminal has no break key.
func (t *Terminal) Break() error { return errors.ErrUnsupported }

const (
	exitWithin   = 2 * time.Second        // for a program that has closed its terminal, as those do that are on their way out
	hangupWithin = 500 * time.Millisecond // for one that was told to go
)

// Close ends the program, unless it has ended by itself or is about to: it
// hangs up, and half a second later kills the program and its process group.
func (t *Terminal) Close() error {
	t.once.Do(func() {
		exited := make(chan struct{})
		go func() { t.cmd.Wait(); close(exited) }()
		if t.hungUp() {
			within(exited, exitWithin)
		}
		if !isClosed(exited) {
			t.kill(syscall.SIGHUP)
		}
		t.file.Close()
		if !within(exited, hangupWithin) {
			t.kill(syscall.SIGKILL)
			<-exited
		}
		if state := t.cmd.ProcessState; state != nil {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.code = state.ExitCode()
			if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
				t.signal = strings.TrimPrefix(unix.SignalName(status.Signal()), "SIG")
			}
		}
	})
	return nil
}

// Code returns, after Close, the program's exit status; -1 if a signal, such as
// that of Close, ended it.
func (t *Terminal) Code() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.code
}

// Signal returns, after Close, the signal that ended the program, such as "TERM"; "" if
// none did.
func (t *Terminal) Signal() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.signal
}

// Pid returns the number of the program's process, and of its process group.
func (t *Terminal) Pid() int { return t.cmd.Process.Pid }

// hungUp tells whether no program has the terminal open any more.
func (t *Terminal) hungUp() (gone bool) {
	t.conn.Control(func(fd uintptr) {
		p := []unix.PollFd{{Fd: int32(fd)}}
		n, err := unix.Poll(p, 0)
		gone = err == nil && n > 0 && p[0].Revents&unix.POLLHUP != 0
	})
	return gone
}

// kill sends a signal to the program and its process group.
func (t *Terminal) kill(s syscall.Signal) { syscall.Kill(-t.cmd.Process.Pid, s) }

func within(c <-chan struct{}, d time.Duration) bool {
	late := time.NewTimer(d)
	defer late.Stop()
	select {
	case <-c:
		return true
	case <-late.C:
		return isClosed(c)
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
