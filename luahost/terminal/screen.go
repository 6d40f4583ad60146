package terminal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/term"

	"farmrun/luahost/deadline"
)

// Screen is the operator's keyboard and screen in the hands of somebody who
// passes on every key, ^C too, and shows what comes. One goroutine may read
// while another writes. Close gives the terminal back as it was.
type Screen struct {
	ctx     context.Context // of Take
	tty     *os.File
	fd      syscall.RawConn
	modes   modes
	resized chan os.Signal
	cooked  func()   // makes the terminal what it was, once
	restore []func() // what Close does, last first
	once    sync.Once
}

// Take makes the terminal pass on every key as it is typed, and nothing else
// appear on the screen, until Close. Meanwhile no question is asked, and the
// deadlines of ctx stand still (package deadline). It waits for a question that
// is being asked, and fails with ErrNone where there is no terminal. Once ctx is
// done nothing waits for a terminal that does not take its output.
func (t *Terminal) Take(ctx context.Context) (*Screen, error) {
	release, err := t.lock(ctx)
	if err != nil {
		return nil, err
	}
	s := &Screen{ctx: ctx, cooked: func() {}, restore: []func(){release}}
	if err := s.take(ctx, t); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Screen) take(ctx context.Context, t *Terminal) error {
	if err := s.hold(ctx, t); err != nil {
		return err
	}
	if err := s.raw(); err != nil {
		return fmt.Errorf("%w: %w", ErrNone, err)
	}
	s.resized = make(chan os.Signal, 1)
	signal.Notify(s.resized, syscall.SIGWINCH)
	s.later(func() { signal.Stop(s.resized) })
	return nil
}

// hold opens the terminal and keeps everybody else from it, and deadlines from
// passing.
func (s *Screen) hold(ctx context.Context, t *Terminal) (err error) {
	if s.tty, err = t.open(); err != nil {
		return err
	}
	s.later(func() { s.tty.Close() })
	stop := context.AfterFunc(ctx, func() { writeSoon(s.tty) })
	s.later(func() { stop() })
	if s.fd, err = s.tty.SyscallConn(); err != nil {
		return err
	}
	if t.Hold != nil {
		s.later(t.Hold(ctx))
	}
	s.later(deadline.Pause(ctx))
	return nil
}

// later adds to what Close does.
func (s *Screen) later(do func()) { s.restore = append(s.restore, do) }

// raw makes the terminal pass on every key.
func (s *Screen) raw() error {
	var was *term.State
	err := s.control(func(fd int) (err error) {
		was, err = term.MakeRaw(fd)
		return err
	})
	if err != nil {
		return err
	}
	s.cooked = sync.OnceFunc(func() {
		s.write([]byte(s.modes.reset()))
		s.control(func(fd int) error { return errors.Join(term.Restore(fd, was), discardInput(fd)) })
	})
	s.later(s.cooked)
	return nil
}

// control calls do with the terminal's file descriptor. It does not use
// tty.Fd, which would make reads that no deadline ends.
func (s *Screen) control(do func(fd int) error) error {
	var err error
	return errors.Join(s.fd.Control(func(fd uintptr) { err = do(int(fd)) }), err)
}

// Read reads keys as they are typed.
func (s *Screen) Read(p []byte) (int, error) { return s.tty.Read(p) }

// SetReadDeadline bounds Read.
func (s *Screen) SetReadDeadline(d time.Time) error { return s.tty.SetReadDeadline(d) }

// Write shows what a program sends to a terminal, escape sequences and all.
func (s *Screen) Write(p []byte) (int, error) {
	s.modes.watch(p)
	return s.write(p)
}

func (s *Screen) write(p []byte) (int, error) {
	if s.ctx.Err() != nil {
		writeSoon(s.tty)
	}
	return s.tty.Write(p)
}

// Size returns the size of the screen; 0, 0 where it is not known.
func (s *Screen) Size() (rows, columns int) {
	s.control(func(fd int) (err error) {
		columns, rows, err = term.GetSize(fd)
		return err
	})
	return rows, columns
}

// Resized gets something when the size may have changed.
func (s *Screen) Resized() <-chan os.Signal { return s.resized }

// Restore makes the terminal what it was, so that what is typed from then on is
// for who reads it after Close, and Write writes on the screen that the operator
// had. Keys that nobody has read are thrown away: for who reads a terminal line
// by line, a key that was typed before would be another, Enter a part of a word.
// Further calls do nothing.
func (s *Screen) Restore() { s.cooked() }

// Close restores the terminal, lets other things appear on the screen again and
// the deadlines go on. Further calls do nothing.
func (s *Screen) Close() error {
	s.once.Do(func() {
		for i := len(s.restore) - 1; i >= 0; i-- {
			s.restore[i]()
		}
	})
	return nil
}
