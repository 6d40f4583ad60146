// Command farmrun runs Lua scripts on a farm of servers. See the README for
// what it is for and "farmrun --help" for how it is called.
package main

import (
	"context"
	"os"

	"golang.org/x/term"

	"farmrun/luahost/console"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:]))
}

// run is farmrun from its arguments to its exit status.
func run(ctx context.Context, args []string) int {
	out := &console.Console{
		Out: os.Stdout, OutTerminal: colours(os.Stdout),
		Err: os.Stderr, ErrTerminal: colours(os.Stderr),
	}
	job, err := parse(args)
	if err == nil {
		err = job.run(ctx, out)
	}
	report(out, err)
	return status(err)
}

// colours tells whether a person reads f on a terminal that shows colours
// (https://no-color.org).
func colours(f *os.File) bool {
	return term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}
