package sshserver

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
	"syscall"

	"golang.org/x/crypto/ssh"
)

// Exec is one command that a client wants run.
type Exec struct {
	User    string
	Command string   // "" is the client's wish for a login shell
	Env     []string // "NAME=value", what the client sent along

	Stdin          io.Reader
	Stdout, Stderr io.Writer

	// Terminal is the terminal that the client wants; nil is none. Where there
	// is one, what goes to Stderr should go to Stdout.
	Terminal *Terminal

	// Signals are those the client sends, without "SIG". It is never closed; a
	// signal that finds it full is dropped.
	Signals <-chan ssh.Signal

	// Held, if the Exec sets it, is closed when the output ends, which comes after
	// the exit status then: a process that the command left holds it open.
	Held <-chan struct{}

	conn *conn
}

// Terminal is what a client says of its terminal (RFC 4254, 6.2).
type Terminal struct {
	Term          string
	Rows, Columns int

	// Resized are its later sizes. It is never closed; of sizes that nobody
	// takes only the last is kept.
	Resized <-chan Size
	resized chan Size
}

// Size is the size of a terminal in characters.
type Size struct{ Rows, Columns int }

// tells finds in a command the lines that its shell is to print with its process
// id in front of the command's output.
var tells = regexp.MustCompile(`echo ([\w:]+:)\$\$( >&2)?;`)

// Begin is for an Exec that is no process: it prints the lines by which the shell
// of a command would tell a client of package ssh that it runs, with pid as its
// process id, and takes the line by which one with input gets leave to begin.
func (x *Exec) Begin(pid int) {
	before, after, hasInput := strings.Cut(x.Command, "unset farmrun;")
	x.tell(before, -1, pid)
	if hasInput {
		for c := []byte{0}; c[0] != '\n'; {
			if _, err := x.Stdin.Read(c); err != nil {
				return
			}
		}
		x.tell(after, 1, pid)
	}
}

// tell prints the first n of the lines that are found in a command.
func (x *Exec) tell(command string, n, pid int) {
	for _, t := range tells.FindAllStringSubmatch(command, n) {
		to := x.Stdout
		if t[2] != "" {
			to = x.Stderr
		}
		fmt.Fprintf(to, "%s%d\n", t[1], pid)
	}
}

// session serves one session channel: it collects the environment, starts the
// command, and passes signals on, until the client has closed the channel.
func (c *conn) session(nc ssh.NewChannel) {
	ch, requests, err := nc.Accept()
	if err != nil {
		return
	}
	defer ch.Close()
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	signals := make(chan ssh.Signal, 8)
	x := &Exec{User: c.User(), Stdin: ch, Stdout: ch, Stderr: ch.Stderr(), Signals: signals, conn: c}
	started := false
	for r := range requests {
		switch r.Type {
		case "env":
			r.Reply(!started && x.setenv(r.Payload), nil)
		case "exec", "shell":
			if c.silentExec() {
				continue
			}
			ok := !started && c.server.Exec != nil && x.setCommand(r)
			started = started || ok
			r.Reply(ok, nil)
			if ok {
				c.busy.Go(func() { c.finish(ch, x, c.server.Exec(ctx, x)) })
			}
		case "signal":
			passOn(signals, r.Payload)
		case "pty-req":
			r.Reply(!started && c.server.Terminals && x.setTerminal(r.Payload), nil)
		case "window-change":
			x.resize(r.Payload)
		case "break":
			r.Reply(c.server.Break != nil, nil)
			if c.server.Break != nil {
				c.server.Break()
			}
		default: // subsystem, keepalive@openssh.com, …
			r.Reply(false, nil)
		}
	}
}

func (x *Exec) setenv(payload []byte) bool {
	var v struct{ Name, Value string }
	if ssh.Unmarshal(payload, &v) != nil {
		return false
	}
	x.Env = append(x.Env, v.Name+"="+v.Value)
	return true
}

func (x *Exec) setCommand(r *ssh.Request) bool {
	if r.Type == "shell" {
		return true
	}
	var v struct{ Command string }
	err := ssh.Unmarshal(r.Payload, &v)
	x.Command = v.Command
	return err == nil
}

func (x *Exec) setTerminal(payload []byte) bool {
	var v struct {
		Term                         string
		Columns, Rows, Width, Height uint32
		Modes                        string
	}
	if ssh.Unmarshal(payload, &v) != nil {
		return false
	}
	resized := make(chan Size, 1)
	x.Terminal = &Terminal{Term: v.Term, Rows: int(v.Rows), Columns: int(v.Columns), Resized: resized, resized: resized}
	return true
}

// resize is called by one goroutine only.
func (x *Exec) resize(payload []byte) {
	var v struct{ Columns, Rows, Width, Height uint32 }
	if x.Terminal == nil || ssh.Unmarshal(payload, &v) != nil {
		return
	}
	select {
	case <-x.Terminal.resized:
	default:
	}
	x.Terminal.resized <- Size{int(v.Rows), int(v.Columns)}
}

func passOn(signals chan<- ssh.Signal, payload []byte) {
	var v struct{ Name string }
	if ssh.Unmarshal(payload, &v) != nil {
		return
	}
	select {
	case signals <- ssh.Signal(v.Name):
	default:
	}
}

// finish tells the client how the command ended, in sshd's order (RFC 4254,
// 6.10): end of output, exit status or signal, close.
func (c *conn) finish(ch ssh.Channel, x *Exec, code int) {
	if x.Held == nil {
		ch.CloseWrite()
	}
	switch {
	case c.fault == Untold:
	case code >= 0:
		ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(code)}))
	default:
		ch.SendRequest("exit-signal", false, ssh.Marshal(struct {
			Name       string
			CoreDumped bool
			Message    string
			Language   string
		}{Name: string(nameOf(syscall.Signal(-code)))}))
	}
	if x.Held != nil {
		<-x.Held
	}
	ch.Close()
}
