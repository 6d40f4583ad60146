package practice

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// dirPattern names a farm's directory.
const dirPattern = "farmrun-practice-*"

// newDir makes a farm's directory where temporary files are kept, or in /tmp
// where that will not do. Its path is free of links, as cvs wants its roots,
// and others may pass through it: where root runs the farm, pserver is not
// root's.
func newDir() (string, error) {
	base, err := filepath.EvalSymlinks(os.TempDir())
	if err != nil {
		return "", err
	}
	if !suits(base) {
		base = "/tmp"
	}
	dir, err := os.MkdirTemp(base, dirPattern)
	if err != nil {
		return "", err
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	return filepath.EvalSymlinks(dir)
}

// suits tells whether a farm can live under base: the path of the balancer's
// socket must not grow too long (sockaddr_un), and for root everybody must be
// able to pass.
func suits(base string) bool {
	const most = 100 - len("/farmrun-practice-4294967295/lb1/run/admin.sock")
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
