// Package command is what a command on a host looks like in Lua: its words,
// its options and its result are the same for all methods of hosts that run
// one, whichever module has them.
package command

import (
	"context"
	"fmt"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost"
	"farmrun/luahost/remote"
)

// Options are the options that each such method has. A method decodes them
// into a struct of its own, from which the manual knows what it takes.
type Options struct {
	Dir     string
	Env     map[string]string
	Stdin   string
	Timeout time.Duration // 0 is for as long as the thread has time
	Check   *bool         // nil is true: a failure is raised
	Quiet   *bool         // nil leaves Cmd.Quiet as it is
	Keep    int
	Title   string // the command in words; "" leaves Cmd.Title as it is
}

// Take returns the command that argument n is: a line for the shell, or a list
// of words.
func Take(c *luahost.Call, n int) (cmd remote.Cmd) {
	if _, isList := c.Value(n).(*lua.LTable); isList {
		cmd.Args = c.Strings(n)
	} else {
		cmd.Line = c.String(n)
	}
	return cmd
}

// Run has run do cmd on host with the options, and pushes its result, which it returns as
// well, or raises its failure.
func Run(c *luahost.Call, host string, cmd remote.Cmd, o Options, run func(ctx context.Context, cmd remote.Cmd) (remote.Result, error)) remote.Result {
	cmd.Dir, cmd.Env, cmd.Keep = o.Dir, o.Env, o.Keep
	if o.Quiet != nil {
		cmd.Quiet = *o.Quiet
	}
	if o.Title != "" {
		cmd.Title = o.Title
	}
	if o.Stdin != "" {
		cmd.Stdin = strings.NewReader(o.Stdin)
	}
	var result remote.Result
	c.Wait(fmt.Sprintf("%s %q", c.Name(), cmd.Name()), o.Timeout, func(ctx context.Context) (err error) {
		result, err = run(ctx, cmd)
		if err == nil && (o.Check == nil || *o.Check) {
			err = result.Err(cmd)
		}
		if err != nil {
			err = &failure{err, host, result}
		}
		return err
	})
	stdout := string(result.Stdout)
	c.Push(Result{
		stdout, string(result.Stderr), strings.TrimRight(stdout, "\r\n"),
		result.Code, result.Signal, result.Duration, result.Dry,
	})
	return result
}

// Result is a command's result as a script gets it.
type Result struct {
	Stdout, Stderr string
	Text           string // Stdout without the ends of lines at its end
	Code           int
	Signal         string
	Duration       time.Duration
	Dry            bool // not run, because of --dry-run
}

// failure adds to an error on which host it was and what the command had said,
// for a runner returns that, too, when the time is over.
type failure struct {
	error
	host   string
	result remote.Result
}

func (f *failure) Unwrap() error { return f.error }
func (f *failure) Host() string  { return f.host }

func (f *failure) Output() string {
	if said := f.result.LastSaid(mostLines); strings.TrimSpace(said) != "" {
		return said
	}
	return luahost.OutputOf(f.error)
}

// Hint tells of host:sudo where a sudo of the command's own had nobody to ask.
func (f *failure) Hint() string {
	if strings.Contains(f.Output(), "sudo: a terminal is required to read the password") {
		return "host:sudo answers when sudo asks; farmrun help host:sudo"
	}
	return luahost.HintOf(f.error)
}

// mostLines is how many lines an error has of what the command said.
const mostLines = 10
