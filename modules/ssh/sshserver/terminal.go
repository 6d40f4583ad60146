package sshserver

import (
	"context"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"github.com/creack/pty"
)

// runInTerminal runs cmd in a terminal of its own. When the client goes the
// terminal hangs up, as sshd's does; who is deaf to that is killed.
func (x *Exec) runInTerminal(ctx context.Context, cmd *exec.Cmd) (int, error) {
	cmd.Env = append(cmd.Env, "TERM="+x.Terminal.Term)
	file, err := pty.StartWithSize(cmd, winsize(Size{x.Terminal.Rows, x.Terminal.Columns}))
	if err != nil {
		return 0, err
	}
	defer file.Close()
	x.conn.busy.Go(func() { io.Copy(file, x.Stdin) }) // ends with the channel
	ended := make(chan struct{})
	var follower sync.WaitGroup
	follower.Go(func() { x.followTerminal(ctx, file, cmd.Process.Pid, ended) })
	io.Copy(x.Stdout, file) // until nobody has the terminal open
	err = cmd.Wait()
	close(ended)
	follower.Wait() // it uses file
	return status(cmd, err)
}

// followTerminal passes on sizes, until the client or the command goes.
func (x *Exec) followTerminal(ctx context.Context, file *os.File, pid int, ended <-chan struct{}) {
	for {
		select {
		case size := <-x.Terminal.Resized:
			pty.Setsize(file, winsize(size))
		case <-ctx.Done():
			x.conn.endGroup(pid, syscall.SIGHUP, ended)
			return
		case <-ended:
			return
		}
	}
}

func winsize(s Size) *pty.Winsize {
	return &pty.Winsize{Rows: uint16(s.Rows), Cols: uint16(s.Columns)}
}
