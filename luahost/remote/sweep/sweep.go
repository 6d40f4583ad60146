// Package sweep ends what a command has left running on a host whose time for
// it is over. Script is run there, by whatever login there is, and Parse reads
// what it says.
package sweep

import (
	"bufio"
	_ "embed"
	"fmt"
	"io"
	"strconv"
	"strings"

	"farmrun/luahost/remote"
)

// sweeper is the script; see the file.
//
//go:embed sweep.sh
var sweeper string

// Script returns what a POSIX shell has to do to end the process pid and all
// that belongs to it: its session, its process group, its descendants. It sends
// SIGTERM and, a moment later, SIGKILL, to processes of other users by sudo -n
// where that needs no password, and takes a quarter of a second at most on a
// host that is well. The process must not be one that the shell descends from.
//
// leader says that the process leads its session or its group; if it does not
// then, its number has gone to another, which is left alone. Without leader the
// caller has to be sure of it.
func Script(pid int, leader bool) string { return subject(pid, leader) + body() }

// Rest is Script for a process that another may have ended, before it came to the
// processes that belong to that.
func Rest(pid int, leader bool) string { return subject(pid, leader) + "swept=yes\n" + body() }

// Function returns a shell function of that name that does the work of Script, for
// a shell that may have to do it by itself. Call returns how to call it; it
// exits. A caller of its own sets P to the process, left to the processes that are
// known to belong to it, and gentle, unless it is empty, to leave everything as it
// is where something may not be ended.
func Function(name string) string { return name + "() {\n" + body() + "}\n" }

// Call returns the script that calls a Function for a process.
func Call(name string, pid int, leader bool) string { return subject(pid, leader) + name + "\n" }

// subject says which process it is about.
func subject(pid int, leader bool) string {
	if leader {
		return fmt.Sprintf("P=%d left= gentle= swept=\n", pid)
	}
	return fmt.Sprintf("P=%[1]d left=%[1]d gentle= swept=\n", pid)
}

func body() string { return remote.WithoutComments(sweeper) }

// LeftHint says what to do about processes that Left names.
const LeftHint = "this user may not end them; end them on the host, or give sudo's command a time limit of its own"

// Left is what the text of an error has at its end about processes that still
// run: nothing where there are none.
func Left(processes []Process) string {
	var b strings.Builder
	sep := "; still running there: "
	for _, p := range processes {
		b.WriteString(sep + p.String())
		sep = ", "
	}
	return b.String()
}

// Process is one process on a host.
type Process struct {
	PID     int
	User    string
	Command string
}

func (p Process) String() string {
	return fmt.Sprintf("%d %s (%s)", p.PID, p.Command, p.User)
}

// Parse reads what the script says to its end: which processes it could not
// end, since they belong to somebody else. done is false if it did not come to
// its own end.
func Parse(r io.Reader) (left []Process, done bool) {
	for lines := bufio.NewScanner(r); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) == 1 && f[0] == "done" {
			done = true
		}
		if len(f) < 2 {
			continue
		}
		if pid, err := strconv.Atoi(f[0]); err == nil {
			left = append(left, Process{PID: pid, User: f[1], Command: strings.Join(f[2:], " ")})
		}
	}
	return left, done
}
