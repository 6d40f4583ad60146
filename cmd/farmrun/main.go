// Command farmrun runs Lua scripts on a farm of servers. See the README for
// what it is for and "farmrun --help" for how it is called.
package main

import (
	"context"
	"os"

	"golang.org/x/term"

	"farmrun/cmd/internal/practice"
	"farmrun/luahost/console"
	"farmrun/luahost/terminal"
)

func main() {
	practice.Main()
	spareCollections()
	os.Exit(run(context.Background(), os.Args[1:]))
}

// run is farmrun from its arguments to its exit status.
func run(ctx context.Context, args []string) int {
	out := &console.Console{
		Out: os.Stdout, OutTerminal: term.IsTerminal(int(os.Stdout.Fd())),
		Err: os.Stderr, ErrTerminal: term.IsTerminal(int(os.Stderr.Fd())),
		Plain: plain(), Size: screenSize(), CutsLines: cutsLines(),
		Background: func() bool { return terminal.Background(os.Stderr) },
	}
	out.Start()
	job, err := parse(args)
	if err == nil {
		err = job.run(ctx, out)
	}
	if isInterrupt(err) {
		out.Abandon() // the operator waits for the end, and not for those who read
	}
	report(out, err)
	if lost := out.Close(); lost != nil && err == nil {
		return hostFailed // a result that is not there is none
	}
	return status(err)
}

// plain tells whether the operator wants no colours (https://no-color.org), or
// the terminal has none.
func plain() bool { return os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" }

// screenSize returns how to ask for the size of the operator's screen, nil where
// the cursor cannot be moved on it.
func screenSize() func() (rows, columns int) {
	if kind := os.Getenv("TERM"); kind == "" || kind == "dumb" {
		return nil
	}
	return func() (rows, columns int) {
		columns, rows, err := term.GetSize(int(os.Stderr.Fd()))
		if err != nil || rows == 0 || columns == 0 {
			return 24, 80
		}
		return rows, columns
	}
}

// cutsLines tells whether the terminal cuts lines off where it is made narrower:
// those that do say who they are. What they show of tmux is wrapped.
func cutsLines() bool {
	cuts := os.Getenv("XTERM_VERSION") != "" || os.Getenv("STY") != "" || os.Getenv("TERM") == "linux"
	return cuts && os.Getenv("TMUX") == ""
}
