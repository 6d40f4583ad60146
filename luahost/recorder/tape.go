package recorder

import (
	"errors"
	"slices"
	"strings"
	"sync"

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
	file   *part   // nil until there is something to record
	parts  []*part // the files so far that are kept, the last of which is file
	lost   bool    // there were more
	room   int     // how many bytes may still go to file
	cast   *asciicast.Writer
	masker *secret.Masker
	over   bool // closed, or given up
}

// output records what was read.
func (t *tape) output(text []byte) {
	t.do(func() error {
		if t.room -= len(text); t.room < 0 || t.file.gone() {
			if err := t.next(); err != nil {
				return err
			}
		}
		_, err := t.masker.Write(text) // what may become a secret waits, however slowly it is typed
		return err
	})
}

const (
	mostOfPart = 1 << 20 // bytes of a terminal in one file
	mostParts  = 4       // of one terminal: how it began, and the last of it
)

// next goes on in another file, for there is enough in this one. Of a terminal
// without end the first part and the last are kept.
func (t *tape) next() error {
	err := errors.Join(t.masker.Flush(), t.cast.Close(), t.file.Close())
	t.file = nil
	if len(t.parts) == mostParts {
		t.lost = true
		err = errors.Join(err, t.parts[1].remove())
		t.parts = slices.Delete(t.parts, 1, 2)
	}
	if err != nil {
		return err
	}
	return t.begin()
}

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
	if t.file, err = t.recorder.create(dir, t.name); err != nil {
		return err
	}
	t.parts, t.room = append(t.parts, t.file), mostOfPart
	t.cast, err = asciicast.NewWriter(t.file, asciicast.Header{
		Columns: t.size.Columns,
		Rows:    t.size.Rows,
		Title:   t.partTitle(),
		Env:     map[string]string{"TERM": t.size.Term},
	})
	t.masker = t.recorder.Secrets.Masker(t.cast)
	return err
}

// partTitle returns the title of a file.
func (t *tape) partTitle() string {
	switch {
	case len(t.parts) == 1:
		return t.title
	case t.lost:
		return strings.TrimSpace(t.title + " (goes on; parts before this one were too much to keep)")
	}
	return strings.TrimSpace(t.title + " (goes on)")
}

// end lets go of the file.
func (t *tape) end() {
	t.over = true
	if t.file != nil {
		t.file.Close()
	}
}
