// Package recorder keeps the output of terminals: each gets a file of its own in
// the run's directory, in the asciicast format, from its first byte on.
//
//	r := &recorder.Recorder{Dir: …, Secrets: keyring, Warn: …}
//	t = r.Record("web1", "host:session", t, size)
//
// The first terminal of web1 is recorded in web1.cast, the next in web1+2.cast. One
// with more than a megabyte of output goes on in the next file, and of the whole
// output the first megabyte and the last three are kept. Of all recordings of a run the
// newest 64 MB are.
// A host's output goes to the file at once, so that a run that is killed leaves all
// of it until then; only a possible beginning of a secret waits for the bytes that
// follow. Keys that are typed are not recorded, but for the host's echo of them.
//
// Recording never stands in the terminal's way: when a file cannot be written,
// there is one warning and the terminal goes on.
package recorder

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"farmrun/luahost/remote"
	"farmrun/luahost/secret"
)

// Recorder records the terminals of one run. It may be used by many goroutines.
type Recorder struct {
	// Dir returns the directory for the recordings. It is asked when there is
	// something to record, so that a run which opens no terminal needs none.
	Dir func() (string, error)
	// Secrets are blotted out before anything is written.
	Secrets *secret.Keyring
	// Warn tells the operator, once in a run, that something is not recorded;
	// nil tells nobody.
	Warn func(text string)

	warned  sync.Once
	mu      sync.Mutex
	numbers map[string]int // of the newest recording of each name; that of one removed is not used again
	parts   []*part        // the files that are kept, the oldest first
	size    int            // of all of them
}

// part is the file of one terminal, or one of its files.
type part struct {
	*os.File // nil for one of a former process of the run
	recorder *Recorder
	path     string
	size     int
	removed  bool
}

// The bounds of a run.
const (
	mostOfRun = 64 << 20
	mostFiles = 10000
)

// Write counts the bytes, and removes the oldest other files if there is too much.
func (p *part) Write(text []byte) (int, error) {
	n, err := p.File.Write(text)
	r := p.recorder
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.removed {
		return n, err
	}
	p.size += n
	r.size += n
	for r.parts[0] != p && (r.size > mostOfRun || len(r.parts) > mostFiles) {
		err = errors.Join(err, r.drop(0))
		if r.Warn != nil {
			r.warned.Do(func() { r.Warn("there are many recordings: the oldest of this run are removed") })
		}
	}
	return n, err
}

// gone tells whether a file was removed.
func (p *part) gone() bool {
	p.recorder.mu.Lock()
	defer p.recorder.mu.Unlock()
	return p.removed
}

// remove removes a file, which may be gone already.
func (p *part) remove() error {
	p.recorder.mu.Lock()
	defer p.recorder.mu.Unlock()
	if at := slices.Index(p.recorder.parts, p); at >= 0 {
		return p.recorder.drop(at)
	}
	return nil
}

// drop removes a file, whose terminal may be open; the caller holds r.mu.
func (r *Recorder) drop(at int) error {
	p := r.parts[at]
	r.parts, p.removed = slices.Delete(r.parts, at, at+1), true
	r.size -= p.size
	p.Truncate(0) // for one that is open; it fails where it is not
	return os.Remove(p.path)
}

// Record returns t such that what is read from it, and how it is resized, is
// recorded under name, which is a host's or a program's. title, if it is not
// "", says in the recording what t is for. t then belongs to what is returned,
// whose Close closes both.
func (r *Recorder) Record(name, title string, t remote.Terminal, o remote.TerminalOptions) remote.Terminal {
	return &terminal{Terminal: t, tape: &tape{recorder: r, name: name, title: title, size: o.WithDefaults()}}
}

// terminal is a terminal that is recorded.
type terminal struct {
	remote.Terminal
	tape *tape
}

// Unwrap returns the terminal that is recorded.
func (t *terminal) Unwrap() remote.Terminal { return t.Terminal }

func (t *terminal) Read(p []byte) (int, error) {
	n, err := t.Terminal.Read(p)
	if n > 0 {
		t.tape.output(p[:n])
	}
	return n, err
}

func (t *terminal) Resize(rows, columns int) error {
	err := t.Terminal.Resize(rows, columns)
	if err == nil {
		t.tape.resize(rows, columns)
	}
	return err
}

func (t *terminal) Close() error {
	err := t.Terminal.Close()
	t.tape.close()
	return err
}

func (r *Recorder) warn(name string, err error) {
	var cause *fs.PathError
	if errors.As(err, &cause) {
		err = fmt.Errorf("%s: %w", cause.Path, cause.Err)
	}
	if r.Warn != nil {
		r.warned.Do(func() { r.Warn(fmt.Sprintf("%s is not recorded: %v", name, err)) })
	}
}

// extension is that of recordings.
const extension = ".cast"

// create makes the file for the next recording of name.
func (r *Recorder) create(dir, name string) (*part, error) {
	base := filepath.Join(dir, fileName(name))
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.numbers == nil {
		r.numbers = map[string]int{}
		r.former(dir)
	}
	for n := r.numbers[name] + 1; ; n++ {
		path := base + extension
		if n > 1 {
			path = base + "+" + strconv.Itoa(n) + extension
		}
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		p := &part{File: file, recorder: r, path: path}
		r.numbers[name], r.parts = n, append(r.parts, p)
		return p, nil
	}
}

// former counts the recordings that the run has already, before it was resumed.
func (r *Recorder) former(dir string) {
	entries, _ := os.ReadDir(dir)
	began := map[*part]time.Time{}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && strings.HasSuffix(e.Name(), extension) {
			p := &part{recorder: r, path: filepath.Join(dir, e.Name()), size: int(info.Size())}
			r.parts, began[p] = append(r.parts, p), info.ModTime()
			r.size += p.size
		}
	}
	slices.SortFunc(r.parts, func(a, b *part) int { return began[a].Compare(began[b]) })
}

// fileName returns name such that it stays in its directory.
func fileName(name string) string {
	safe := strings.Map(func(r rune) rune {
		if r == '/' || r == '+' || r < ' ' {
			return '_'
		}
		return r
	}, name)
	if strings.HasPrefix(safe, ".") || safe == "" {
		safe = "_" + safe
	}
	return safe[:min(len(safe), 200)]
}

// Listing has the recordings that were in a directory when it was read. It may be
// shared.
type Listing struct {
	dir string
	all []recording            // by name, and in the order in which they were begun
	of  map[string][]recording // by name
}

// List reads a directory, once for all names that are looked for in it.
func List(dir string) (*Listing, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	l := &Listing{dir: dir, of: map[string][]recording{}}
	for _, e := range entries {
		if rec, is := parse(e.Name()); is {
			l.all = append(l.all, rec)
		}
	}
	slices.SortFunc(l.all, func(a, b recording) int {
		return cmp.Or(strings.Compare(a.name, b.name), a.number-b.number)
	})
	for _, rec := range l.all {
		l.of[rec.name] = append(l.of[rec.name], rec)
	}
	return l, nil
}

// All returns the paths of all recordings, by name and in the order in which they were
// begun.
func (l *Listing) All() []string { return l.paths(l.all) }

// Of returns the paths of the recordings of a name, in the order in which they were
// begun. A name may have the number of one recording: "web1+2".
func (l *Listing) Of(name string) []string {
	if found := l.of[fileName(name)]; found != nil {
		return l.paths(found)
	}
	one, _ := parse(name + extension)
	return l.paths(slices.DeleteFunc(slices.Clone(l.of[one.name]), func(r recording) bool { return r.file != one.file }))
}

func (l *Listing) paths(of []recording) (paths []string) {
	for _, rec := range of {
		paths = append(paths, filepath.Join(l.dir, rec.file))
	}
	return paths
}

// recording is the file of one.
type recording struct {
	file, name string
	number     int
}

func parse(file string) (recording, bool) {
	name, is := strings.CutSuffix(file, extension)
	rec := recording{file: file, name: name, number: 1}
	if before, number, numbered := strings.Cut(name, "+"); numbered {
		if n, err := strconv.Atoi(number); err == nil {
			rec.name, rec.number = before, n
		}
	}
	return rec, is
}
