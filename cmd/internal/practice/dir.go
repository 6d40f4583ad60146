package practice

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// dirPrefix begins the name of a farm's directory.
const dirPrefix = "farmrun-demo-"

// newDir makes a farm's directory where temporary files are kept, or in /tmp
// where that will not do. Its path is free of links, as cvs wants its roots,
// and others may pass through it: where root runs the farm, pserver is not
// root's. It is held, and so is not swept, until that is closed or this process
// ends.
func newDir() (dir string, held io.Closer, err error) {
	if dir, held, err = newDirIn(os.TempDir()); err == nil {
		return dir, held, nil
	}
	return newDirIn("/tmp")
}

func newDirIn(base string) (dir string, held io.Closer, err error) {
	base, err = filepath.EvalSymlinks(base)
	if err != nil {
		return "", nil, err
	}
	if !suits(base) {
		return "", nil, fmt.Errorf("a practice farm cannot live in %s", base)
	}
	hidden, err := os.MkdirTemp(base, "."+dirPrefix)
	if err != nil {
		return "", nil, err
	}
	dir = filepath.Join(base, filepath.Base(hidden)[1:])
	err = os.Chmod(hidden, 0o711)
	if err == nil {
		held, err = hold(hidden)
	}
	if err == nil {
		err = os.Rename(hidden, dir) // others look for this name: it is held already
	}
	if err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(hidden))
	}
	return dir, held, nil
}

// hold opens a directory of this user, which nobody else may hold.
func hold(dir string) (*os.File, error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Sys().(*syscall.Stat_t).Uid != uint32(os.Geteuid()) {
		err = fs.ErrPermission
	}
	if err == nil {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	}
	if err != nil {
		f.Close()
		return nil, &os.PathError{Op: "hold", Path: dir, Err: err}
	}
	return f, nil
}

// sweep removes the farms under base whose process was killed: nobody holds their
// directories any more.
func sweep(base string) {
	entries, _ := os.ReadDir(base)
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), dirPrefix) {
			continue
		}
		dir := filepath.Join(base, entry.Name())
		if held, err := hold(dir); err == nil {
			endStrays(dir)
			removeDir(dir)
			held.Close()
		}
	}
}

// removeDir removes a farm's directory, of which CVSROOT cannot be removed as it
// is (lockAdmin).
func removeDir(dir string) error {
	if root, err := os.OpenRoot(dir); err == nil { // follows no link to outside
		root.Chmod("dev/cvsroot/CVSROOT", 0o755)
		root.Close()
	}
	return os.RemoveAll(dir)
}

// suits tells whether a farm can live under base: the path of the balancer's
// socket must not grow too long (sockaddr_un), and for root everybody must be
// able to pass.
func suits(base string) bool {
	const most = 100 - len("/farmrun-demo-4294967295/lb1/run/admin.sock")
	if len(base) > most {
		return false
	}
	for dir := base; os.Getuid() == 0 && dir != "/"; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm()&1 == 0 {
			return false
		}
	}
	return true
}

// copyTree copies a directory with the times of its files, by which cvs knows
// them.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		return copyFile(path, filepath.Join(to, rel))
	})
}

func copyFile(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.WriteFile(to, text, info.Mode().Perm()); err != nil {
		return err
	}
	return os.Chtimes(to, info.ModTime(), info.ModTime())
}
