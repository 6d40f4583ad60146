package main

import (
	"farmrun/luahost/recorder"
	"farmrun/luahost/remote"
	"farmrun/modules/expect"
)

// newRecorder returns what records every terminal of the run in its directory.
func newRecorder(w *world) *recorder.Recorder {
	return &recorder.Recorder{
		Dir: func() (string, error) {
			run, err := w.chronicle.open()
			if err != nil {
				return "", err
			}
			return run.Dir, nil
		},
		Secrets: w.keyring,
		Warn:    func(text string) { note(w.out, "warning: %s", text) },
	}
}

// recordProgram has the terminal of a local program recorded.
func (w *world) recordProgram(name string, t *expect.Terminal, o remote.TerminalOptions) remote.Terminal {
	return program{w.recorder.Record(name, "", t, o), t}
}

// program is a terminal that is recorded and tells what a local one can tell.
type program struct {
	remote.Terminal
	local *expect.Terminal
}

func (p program) Echo() expect.Echo { return p.local.Echo() }

func (p program) Code() int { return p.local.Code() }

func (p program) Signal() string { return p.local.Signal() }

func (p program) Pid() int { return p.local.Pid() }
