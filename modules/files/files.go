// Package files copies files to and from a host. A copy is complete or not
// there at all: it is written under a temporary name, its size is compared, and
// one rename gives it its name.
//
// It needs of a host only a POSIX shell with cat, wc and mv, so it works over
// any login that carries bytes as they are.
package files

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"farmrun/luahost/remote"
)

// Runner runs a command on a host.
type Runner interface {
	Run(ctx context.Context, cmd remote.Cmd) (remote.Result, error)
}

// The reasons for which nothing is copied. The errors that wrap them name the
// file.
const (
	// ErrNotFile means that what stands at the path is a directory, a link, a
	// device or the like. A link is not followed: the rename would replace it.
	ErrNotFile = remote.Refusal("is not a regular file")
	// ErrNoFile means that nothing stands there.
	ErrNoFile = remote.Refusal("there is no such file")
	// ErrIncomplete means that fewer or more bytes arrived than were sent.
	ErrIncomplete = remote.Refusal("the copy is not complete")
	// ErrTooLarge means that the file is larger than what is to hold it.
	ErrTooLarge = remote.Refusal("the file is too large")
	// ErrNoSpace means that the disk is full.
	ErrNoSpace = remote.Refusal("no space left on the disk")
)

// Options of Put. The zero value is good.
type Options struct {
	// Mode are the permission bits of the file; 0 keeps those of the file that
	// is replaced, and gives a new file what the login's umask says.
	Mode fs.FileMode
	// Size is the number of bytes, if the reader cannot tell; 0 is not known.
	Size int64
}

// Put writes what r reads, up to its end, to the file path on the host. If r
// tells its size, as *os.File, *bytes.Reader and *strings.Reader do, or Options
// do, that is one command, otherwise two. A dry run reads and writes nothing.
func Put(ctx context.Context, to Runner, r io.Reader, path string, o Options) error {
	path, temp, err := names(path)
	if err != nil {
		return fmt.Errorf("put: %w", err)
	}
	if o.Size == 0 {
		o.Size = sizeOf(r)
	}
	src := &source{r: r}
	size, mode := "-", "-"
	if o.Size > 0 {
		size = strconv.FormatInt(o.Size, 10)
	}
	if o.Mode != 0 {
		mode = strconv.FormatUint(uint64(o.Mode.Perm()), 8)
	}
	dry, err := act(ctx, to, putScript, src, path, temp, size, mode)
	n, failed := src.sent()
	switch {
	case failed != nil:
		err = fmt.Errorf("put %s: reading: %w", strings.TrimPrefix(path, "./"), failed)
		if size == "-" {
			act(ctx, to, dropScript, nil, temp)
		}
	case err == nil && !dry && size == "-":
		_, err = act(ctx, to, nameScript, nil, path, temp, strconv.FormatInt(n, 10), mode)
	}
	return err
}

// PutFile is Put for a file of this machine, which gives its mode where o does
// not.
func PutFile(ctx context.Context, to Runner, local, path string, o Options) error {
	f, err := os.Open(local)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("put %s: %w", local, ErrNotFile)
	}
	if o.Mode == 0 {
		o.Mode = info.Mode().Perm()
	}
	return Put(ctx, to, f, path, o)
}

// names checks path and returns it with a temporary name beside it, both such
// that no command takes them for an option.
func names(name string) (clean, temp string, err error) {
	if err := remote.CheckPath(name); err != nil {
		return "", "", err
	}
	dir, base := path.Split(name)
	if base == "" || base == "." || base == ".." {
		return "", "", fmt.Errorf("%s: %w", name, ErrNotFile)
	}
	dir = remote.Here(dir)
	return dir + base, dir + ".farmrun-put-" + rand.Text(), nil
}

// act runs one of the scripts that change something.
func act(ctx context.Context, to Runner, script string, stdin io.Reader, args ...string) (dry bool, err error) {
	path := strings.TrimPrefix(args[0], "./")
	cmd := remote.Cmd{
		Title: "write the file " + path,
		Args:  append([]string{"sh", "-c", script, "sh"}, args...),
		Stdin: stdin,
		Quiet: true,
	}
	res, err := to.Run(ctx, cmd)
	if err != nil {
		return false, err
	}
	return res.Dry, failure("put", path, res.Err(cmd), res)
}

// failure makes of an exit status the error that it stands for.
func failure(do, path string, err error, res remote.Result) error {
	if err == nil {
		return nil
	}
	path = strings.TrimPrefix(path, "./")
	said := remote.LastLines(res.Stderr, 3)
	switch reason := verdicts[res.Code]; {
	case reason != nil:
		return fmt.Errorf("%s %s: %w", do, path, reason)
	case strings.Contains(said, "No space left") || strings.Contains(said, "quota exceeded"):
		return fmt.Errorf("%s %s: %w: %w", do, path, ErrNoSpace, err)
	case said != "":
		return fmt.Errorf("%w: %s", err, said)
	}
	return err
}

// Get writes what is in the file path on the host to w. When it fails, a part
// may have been written: GetFile is for whoever must not see that. A file that
// grows meanwhile, as logs do, may come with some of what was added.
func Get(ctx context.Context, from Runner, path string, w io.Writer) error {
	clean, _, err := names(path)
	if err != nil {
		return fmt.Errorf("get: %w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	dst := &sink{w: w, stop: cancel}
	cmd := remote.Cmd{
		Title:  "read the file " + path,
		Args:   []string{"sh", "-c", getScript, "sh", clean},
		Stdout: dst,
		Query:  true, Quiet: true,
		Keep: 4096, // of stdout nothing is wanted here, and stderr is a line
	}
	res, err := from.Run(ctx, cmd)
	n, failed := dst.got()
	switch {
	case failed != nil:
		return fmt.Errorf("get %s: writing: %w", path, failed)
	case err != nil:
		return err
	}
	if err := failure("get", path, res.Err(cmd), res); err != nil {
		return err
	}
	said := strings.TrimSpace(string(res.Stderr))
	if size, err := strconv.ParseInt(said, 10, 64); err != nil || n < size {
		return fmt.Errorf("get %s: %w: %d bytes of %s", path, ErrIncomplete, n, said)
	}
	return nil
}

// GetFile is Get into a file of this machine, which is there when it is
// complete, with mode 0644 less the umask, and otherwise is as it was before.
func GetFile(ctx context.Context, from Runner, path, local string) (err error) {
	temp := filepath.Join(filepath.Dir(local), ".farmrun-get-"+rand.Text())
	if info, err := os.Lstat(local); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("get %s: %s: %w", path, local, ErrNotFile)
	}
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(temp)
		}
	}()
	if err := Get(ctx, from, path, f); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(temp, local)
}

// sizeOf returns how many bytes r has left, or 0 if it cannot tell.
func sizeOf(r io.Reader) int64 {
	switch r := r.(type) {
	case interface{ Len() int }:
		return int64(r.Len())
	case *os.File:
		info, err := r.Stat()
		if err != nil || !info.Mode().IsRegular() {
			return 0
		}
		at, err := r.Seek(0, io.SeekCurrent)
		if err != nil {
			return 0
		}
		return max(0, info.Size()-at)
	}
	return 0
}

// source counts what is read and remembers a failure, of which the command at
// the other end of the pipe sees only an early end. It has a lock because a
// runner may still be reading when it says that the command is over.
type source struct {
	r io.Reader

	mu  sync.Mutex
	n   int64
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n += int64(n)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// sent returns how many bytes were read, and why no more if that is a failure.
func (s *source) sent() (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n, s.err
}

// sink counts what is written and calls off the command when that fails.
type sink struct {
	w    io.Writer
	stop context.CancelCauseFunc

	mu  sync.Mutex
	n   int64
	err error
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.w.Write(p)
	s.n += int64(n)
	if err != nil {
		s.err = err
		s.stop(err)
	}
	return n, err
}

// got returns how many bytes were written, and why no more if that is a
// failure.
func (s *sink) got() (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n, s.err
}
