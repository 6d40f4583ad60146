package sudo

import "farmrun/luahost/remote"

// withTerminal runs the line $1 by script(1), or where there is none, as it is.
// The line finds what it is to read and where to write on 3, 4 and 5. script has
// SHELL run it.
const withTerminal = `exec 3<&0 4>&1 5>&2; command -v script >/dev/null 2>&1 || eval "$1"
SHELL=/bin/sh; export SHELL; exec script -qec "$1" /dev/null </dev/null >/dev/null 2>&1`

// onTerminal returns sudo, in a process session that has a terminal: that is what
// requiretty in sudoers looks for. Nothing is read from it nor written to it, so
// that all stays exact.
func onTerminal(sudo remote.Cmd) remote.Cmd {
	line := "exec"
	for _, word := range sudo.Args {
		line += " " + remote.Quote(word)
	}
	sudo.Args = []string{"sh", "-c", withTerminal, "sh", line + " <&3 >&4 2>&5 3<&- 4>&- 5>&-"}
	return sudo
}
