package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// ErrInUse is returned for a journal that a run writes which is under way.
var ErrInUse = errors.New("the run is under way")

// ErrGone is wrapped by the error of a record for a journal that was removed, or put
// away, while its run is under way: nobody would find the record.
var ErrGone = errors.New("somebody has removed it while the run is under way")

// WriteError is a record that could not be written: whatever it announces must
// not begin.
type WriteError struct {
	Path string
	Err  error
}

func (e *WriteError) Error() string {
	var cause *fs.PathError
	if errors.As(e.Err, &cause) {
		return fmt.Sprintf("the journal %s cannot be written: %v", e.Path, cause.Err)
	}
	return fmt.Sprintf("the journal %s cannot be written: %v", e.Path, e.Err)
}

// Unwrap returns the cause, such as syscall.ENOSPC.
func (e *WriteError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *WriteError) Hint() string {
	if errors.Is(e.Err, ErrGone) {
		return "the run cannot be resumed without it: put it back if you can, and look at the hosts before you start anew"
	}
	if errors.Is(e.Err, fs.ErrPermission) {
		return "let this user write there; nothing begins on a host that is not written down first"
	}
	return "make room for it on this machine; nothing begins on a host that is not written down first"
}

// File is a journal on a local disk. While it is open no other process can
// open it (flock(2)); the kernel lets go of it with the process, however that
// ends. Its methods may be called from many goroutines.
type File struct {
	path  string
	mask  Mask
	file  *os.File
	is    fs.FileInfo // of file
	clock Clock

	mu   sync.Mutex
	size int64 // the end of the last whole record
}

// Create makes a journal, which must not be there yet, for this user's eyes
// only. Close it.
func Create(path string, mask Mask) (*File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, &WriteError{path, err}
	}
	f := &File{path: path, mask: mask, file: file, clock: newClock(time.Time{})}
	err = unix.Flock(int(file.Fd()), unix.LOCK_EX) // InUse may be looking, and is gone in no time
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err == nil {
		f.is, err = file.Stat()
	}
	if err != nil {
		file.Close()
		return nil, &WriteError{path, err}
	}
	return f, nil
}

// Open opens a journal to go on with it and returns its records. A last line
// that is torn is taken off. It fails with ErrInUse while its run is under way.
func Open(path string, mask Mask) (*File, []Record, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return nil, nil, err
	}
	f := &File{path: path, mask: mask, file: file}
	err = f.lock()
	var records []Record
	if err == nil {
		records, f.size, err = read(file)
	}
	if err == nil {
		err = file.Truncate(f.size)
	}
	if err == nil {
		f.is, err = file.Stat()
	}
	if err != nil {
		file.Close()
		return nil, nil, err
	}
	f.clock = newClock(StateOf(records).Last)
	return f, records, nil
}

// Clock returns what makes the times of its records. What else is kept of the run
// should have times of the same Clock.
func (f *File) Clock() Clock { return f.clock }

// lock makes this process the one that writes the journal.
func (f *File) lock() error { return tryLock(f.file, unix.LOCK_EX) }

// InUse tells whether the run that writes the journal is under way.
func InUse(path string) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	return errors.Is(tryLock(file, unix.LOCK_SH), ErrInUse)
}

// tryLock locks a file, or fails with ErrInUse. Who only looks by InUse has it
// for a moment, and so has a program that farmrun was about to start when it was
// killed: one refusal does not count.
func tryLock(file *os.File, how int) error {
	for range 15 {
		err := unix.Flock(int(file.Fd()), how|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
	return ErrInUse
}

// Append writes a record down. When it returns nil the record outlives the
// process, and the machine's power as well if its kind announces something. A time
// that is zero is now. The error is a *WriteError; what part of the record was
// written is taken off again.
func (f *File) Append(r Record) error {
	r = r.Masked(f.mask)
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.Time.IsZero() {
		r.Time = time.Now()
	}
	r.Time = f.clock.At(r.Time)
	line, err := json.Marshal(r)
	if err == nil {
		err = f.there()
	}
	if err == nil {
		err = f.write(append(line, '\n'), r.Kind.Announces())
	}
	if err != nil {
		return &WriteError{f.path, err}
	}
	return nil
}

// there fails with ErrGone unless the journal can be found where it was made. Of a
// file that was removed the system tells its writer nothing.
func (f *File) there() error {
	is, err := os.Stat(f.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(is, f.is) {
		return ErrGone
	}
	return err
}

func (f *File) write(line []byte, sync bool) error {
	n, err := f.file.Write(line)
	if err == nil && sync {
		err = f.file.Sync()
	}
	if err != nil {
		if n > 0 {
			err = errors.Join(err, f.file.Truncate(f.size))
		}
		return err
	}
	f.size += int64(n)
	return nil
}

// Close lets go of the journal.
func (f *File) Close() error { return f.file.Close() }

// syncDir has the name of a new file outlive the machine's power.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
