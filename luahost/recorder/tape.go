package recorder

import (
	"os"
	"sync"
	"time"

	"farmrun/luahost/asciicast"
	"farmrun/luahost/remote"
	"farmrun/luahost/secret"
)

// tape is the recording of one terminal.
type tape struct {
	recorder    *Recorder
	name, title string
	size        remote.TerminalOptions

	mu     sync.Mutex
	file   *os.File // nil until there is something to record
	cast   *asciicast.Writer
	masker *secret.Masker
	quiet  *time.Timer // flushes the masker; nil until that holds something
	over   bool        // closed, or given up
}

// quietFor is how long a host has to be silent until what may be the beginning
// of a secret is taken for what it is.
const quietFor = 100 * time.Millisecond

// output records what was read.
func (t *tape) output(text []byte) {
	t.do(func() error {
		if _, err := t.masker.Write(text); err != nil || !t.masker.Holds() {
			return err
		}
		if t.quiet == nil {
			t.quiet = time.AfterFunc(quietFor, t.flush)
		}
		t.quiet.Reset(quietFor)
		return nil
	})
}

// flush records what was held back.
func (t *tape) flush() { t.do(func() error { return t.masker.Flush() }) }

// resize records another size.
func (t *tape) resize(rows, columns int) {
	t.do(func() error {
		if err := t.masker.Flush(); err != nil {
			return err
		}
		return t.cast.Resize(columns, rows)
	})
}

// close ends the recording.
func (t *tape) close() {
	t.mu.Lock()
	begun := t.file != nil
	t.mu.Unlock()
	if begun {
		t.do(func() error {
			if err := t.masker.Flush(); err != nil {
				return err
			}
			return t.cast.Close()
		})
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end()
}

// do writes something, and gives the recording up where that fails.
func (t *tape) do(write func() error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return
	}
	err := t.begin()
	if err == nil {
		err = write()
	}
	if err != nil {
		t.end()
		t.recorder.warn(t.name, err)
	}
}

// begin makes the file, once.
func (t *tape) begin() error {
	if t.file != nil {
		return nil
	}
	dir, err := t.recorder.Dir()
	if err != nil {
		return err
	}
	if t.file, err = create(dir, t.name); err != nil {
		return err
	}
	t.cast, err = asciicast.NewWriter(t.file, asciicast.Header{
		Columns: t.size.Columns,
		Rows:    t.size.Rows,
		Title:   string(t.recorder.Secrets.MaskPieces([]byte(t.title))),
		Env:     map[string]string{"TERM": t.size.Term},
	})
	t.masker = t.recorder.Secrets.Masker(t.cast)
	return err
}

// end lets go of the file.
func (t *tape) end() {
	t.over = true
	if t.quiet != nil {
		t.quiet.Stop()
	}
	if t.file != nil {
		t.file.Close()
	}
}
