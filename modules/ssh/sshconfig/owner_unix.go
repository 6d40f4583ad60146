//go:build unix

package sshconfig

import (
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// ownerIsTrusted tells whether a file belongs to root or to this user.
func ownerIsTrusted(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return !ok || st.Uid == 0 || int(st.Uid) == os.Getuid()
}

// groupIsOwn tells whether a file's group has nobody in it but this user, as
// Debian's ssh asks: where each user has a group, the umask lets it write.
func groupIsOwn(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return false
	}
	me, owner, gid := strconv.Itoa(os.Getuid()), strconv.Itoa(int(st.Uid)), strconv.Itoa(int(st.Gid))
	name, members := "", 0
	for _, u := range accounts("/etc/passwd") {
		if u[2] == owner {
			name = u[0]
		}
		if u[3] == gid {
			if members++; u[2] != me {
				return false
			}
		}
	}
	for _, g := range accounts("/etc/group") {
		if g[2] == gid && g[3] != "" {
			if members++; g[3] != name {
				return false
			}
		}
	}
	return members > 0
}

// accounts returns the lines of passwd(5) or group(5), cut into fields.
func accounts(file string) (lines [][]string) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Split(strings.TrimSpace(line), ":"); len(f) >= 4 {
			lines = append(lines, f)
		}
	}
	return lines
}
