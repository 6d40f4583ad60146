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
	return w.recorder.Record(name, "", t, o)
}
