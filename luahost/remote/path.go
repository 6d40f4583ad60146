package remote

import (
	"fmt"
	"path"
	"strings"
)

// Here returns a path so that a command takes it for nothing else: neither CDPATH nor
// a leading "-" means anything in it. An absolute one stays as it is.
func Here(p string) string {
	if path.IsAbs(p) {
		return p
	}
	return "./" + p
}

// CheckPath tells why path cannot be given to a command on a host, and returns
// nil if it can. A path that is not absolute begins where the login starts,
// which is the user's home as a rule; a leading "~" would not be expanded, since
// paths are quoted, so it is refused rather than taken for a name.
func CheckPath(path string) error {
	switch {
	case path == "":
		return fmt.Errorf("the path is empty")
	case strings.ContainsAny(path, "\x00\n\r"):
		return fmt.Errorf("the path %q has a line end or a NUL in it", path)
	case strings.HasPrefix(path, "~"):
		return fmt.Errorf("the path %q begins with ~, which nothing expands: "+
			"leave it out, since paths begin at the login's home", path)
	}
	return nil
}
