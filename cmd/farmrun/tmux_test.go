package main

import (
	"fmt"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"farmrun/luahost/lazyregexp"
	"farmrun/testdata/screen"
)

// tmux is tmux NAME ROWSxCOLUMNS COMMAND [ARG...].
func (s *stage) tmux(ts *testscript.TestScript, args []string) error {
	rows, columns, err := size(args[1])
	if err != nil {
		return err
	}
	var env []string
	for _, v := range []string{"HOME", "PATH", "NO_COLOR", "TERM", "WORK", "TMPDIR"} {
		env = append(env, v+"="+ts.Getenv(v))
	}
	w, err := screen.Start(ts.MkAbs("."), env, rows, columns, args[2:]...)
	if err != nil {
		return err
	}
	ts.Defer(w.Close)
	s.windows[args[0]] = w
	return nil
}

// resize is resize NAME ROWSxCOLUMNS.
func (s *stage) resize(_ *testscript.TestScript, args []string) error {
	rows, columns, err := size(args[1])
	if err != nil {
		return err
	}
	return s.windows[args[0]].Resize(rows, columns)
}

func size(text string) (rows, columns int, err error) {
	_, err = fmt.Sscanf(text, "%dx%d", &rows, &columns)
	return rows, columns, err
}

// aTime is one that differs from run to run, and so does what stands before it.
var aTime = lazyregexp.New(` +\d+(\.\d+)?m?s\b`)

// screen is screen NAME FILE.
func (s *stage) screen(ts *testscript.TestScript, args []string) error {
	want := ts.ReadFile(args[1])
	return s.windows[args[0]].Await(func(shown string) bool {
		return strings.TrimRight(aTime().ReplaceAllString(shown, " 0s"), "\n")+"\n" == want
	})
}
