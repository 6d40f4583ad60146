//go:build linux || darwin || freebsd || netbsd || openbsd

package terminal

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// Lend makes a process group of this session the terminal's foreground, as a shell
// does, until back is called: the group may ask the operator then, and gets ^C.
// Everything else is as for Take. The group has to be continued if it was stopped.
// Lend fails with ErrNone where there is no terminal, or this process is itself in
// its background. The terminal has the modes that it had, afterwards.
func (t *Terminal) Lend(ctx context.Context, group int) (back func(), err error) {
	release, err := t.lock(ctx)
	if err != nil {
		return nil, err
	}
	s := &Screen{ctx: ctx, cooked: func() {}, restore: []func(){release}}
	if err = s.hold(ctx, t); err == nil {
		err = s.foreground(group)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return func() { s.Close() }, nil
}

// foreground makes a group the foreground until Close.
func (s *Screen) foreground(group int) error {
	return s.control(func(fd int) error {
		own := unix.Getpgrp()
		was, err := term.GetState(fd)
		if front, bad := unix.IoctlGetInt(fd, unix.TIOCGPGRP); err != nil || bad != nil || front != own {
			return ErrNone
		}
		if err := setForeground(fd, group); err != nil {
			return errors.Join(ErrNone, err)
		}
		s.later(func() {
			s.control(func(fd int) error { return errors.Join(setForeground(fd, own), term.Restore(fd, was)) })
		})
		return nil
	})
}

// Background tells whether another job than this process is in the foreground of the
// terminal that the file is. It is not, where the terminal is not this session's.
func Background(tty *os.File) bool {
	front, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	return err == nil && front != unix.Getpgrp()
}

// setForeground is tcsetpgrp(3). A process in the background is stopped when it
// calls that, unless it ignores the signal.
func setForeground(fd, group int) error {
	signal.Ignore(syscall.SIGTTOU)
	defer signal.Reset(syscall.SIGTTOU)
	return unix.IoctlSetPointerInt(fd, unix.TIOCSPGRP, group)
}
