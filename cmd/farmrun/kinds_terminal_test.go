//go:build linux

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/creack/pty"

	"farmrun/testdata/need"
)

// kindsOfTerminals are hosts whose terminals lead to more, or to less, than a shell
// that waits for a command.
var kindsOfTerminals = []kindOfHost{
	{name: "plain", want: "right"},
	{name: "prints", bashrc: "echo Welcome; echo 3 users >&2; printf 'no newline'", want: "right"},
	{name: "banner pauses", bashrc: "printf 'loading 100%%'; sleep 0.3; echo; printf '####'; sleep 0.3; echo '####'", want: "right"},
	{name: "asks behind a banner", bashrc: "printf '\\nweb1# '; sleep 0.3; echo; read -p 'Remove all? ' x; [ -z \"$x\" ] || exit", want: "right"},
	{name: "slow PAM", pam: "echo looking you up; sleep 4; echo 100%; sleep 1; printf '$ '; sleep 1; echo", want: "right"},
	{name: "silent PAM", pam: "sleep 5", want: "right"},
	{name: "PAM that asks", pam: "printf 'token> '; sleep 4; echo; read -p 'Overwrite it? ' x; [ -z \"$x\" ] || exit", want: "right"},
	{name: "asks for Enter", bashrc: "read -p 'Press Enter to go on '; read -n 1 -p --More-- x", want: "right"},
	{name: "CDPATH", bashrc: "mkdir -p other/d; export CDPATH=$HOME/other:.", want: "right"},
	{name: "options", bashrc: "set -eu -o noclobber; export SHELLOPTS IFS=x TMOUT=1 POSIXLY_CORRECT=1 BASH_ENV=/nonexistent ENV=/nonexistent LC_ALL=xx_YY", want: "right"},
	{name: "functions", bashrc: "cd() { builtin cd \"$@\" && ls; }; export -f cd; trap 'echo debug' DEBUG; PROMPT_COMMAND='echo next'", want: "right"},
	{name: "reads input", bashrc: "read x </dev/null; set -x", want: "right"},
	{name: "drops typeahead", bashrc: "while read -t 0.1 x; do :; done", want: "right"},
	{name: "joins the outputs", bashrc: "exec 2>&1", want: "right"},
	{name: "odd terminal", bashrc: "stty -echo -icanon -onlcr cols 10; set -o vi; PS1='\\[\\e]0;t\\a\\e[1m\\]\\u\\$ '", want: "right"},
	{name: "exec sh", bashrc: "exec sh", want: "right"},
	{name: "exec tcsh", bashrc: "exec tcsh -f", want: "right"},
	{name: "forced shell", force: "sh", want: "right"},
	{name: "exits", bashrc: "echo bye; exit 0", want: "login", says: "bye"},
	{name: "nologin", force: "/usr/sbin/nologin", want: "login", says: "not available"},
	{name: "forced", force: "echo forced", want: "login"},
	{name: "rbash", force: "rbash", want: "login", silent: true, says: "exec: restricted"},
	{name: "menu", bashrc: "while read -p '1) mail 2) logout> ' x; do [ \"$x\" != 2 ] || exit; echo no such choice; done", want: "login", silent: true, says: "no such choice"},
	{name: "aliases", bashrc: "alias exec=echo", want: "login", silent: true},
	{name: "reads a line", bashrc: "echo Which; read x", want: "login", silent: true, says: "Which"},
	{name: "reads all", bashrc: "cat", want: "login", silent: true},
	{name: "drops the errors", bashrc: "exec 2>/dev/null", want: "login", silent: true},
	{name: "odd prompt", bashrc: "PS1='what now, \\u? '", want: "login", silent: true},
}

// kindLogin is a login in a terminal: it asks for a name, and becomes the host's
// shell, with a home of its own.
const kindLogin = `#!/bin/bash
printf 'login: '
read -r name || exit
export HOME='%s' USER="$name" SHELL=/bin/bash HISTFILE=
cd || exit
%s
exec -a -bash bash
`

// TestKindsOfTerminals is TestKindsOfHosts by telnetd, as rlogind has it, and by a
// program. It begins before the parallel tests, for some kinds only wait, for a minute.
func TestKindsOfTerminals(t *testing.T) {
	need.Root(t) // for rlogin's ports, and sudo
	for _, program := range []string{"/usr/sbin/telnetd", "bash", "tcsh", "cvs", "patch", "sudo"} {
		need.Program(t, program)
	}
	for name, serve := range map[string]func(t *testing.T, login string) (site string){
		"telnet":  kindTelnet,
		"rlogin":  kindRlogin,
		"program": func(_ *testing.T, login string) string { return fmt.Sprintf("login = { %q }", login) },
	} {
		var silent sync.WaitGroup
		for _, k := range kindsOfTerminals {
			run := func(t *testing.T) {
				dir := t.TempDir()
				home := filepath.Join(dir, "h")
				kindHome(t, dir)
				kindFile(t, dir, "h/.bash_profile", "cd \"$HOME\"\n"+k.bashrc+"\n")
				force := k.pam + "\n"
				if k.force != "" {
					force += "exec " + k.force
				}
				login := filepath.Join(dir, "login")
				kindFile(t, dir, "login", fmt.Sprintf(kindLogin, home, force))
				if err := os.Chmod(login, 0o700); err != nil {
					t.Fatal(err)
				}
				host := `{ user = "web", ` + serve(t, login) + " }"
				kindFile(t, dir, "site.lua", `require("farm").site { hosts = { ["h[1-`+fmt.Sprint(len(kindRight()))+`]"] = `+host+", h = "+host+" } }\n")
				k.check(t, dir, home)
			}
			switch {
			case k.silent && name == "program": // which has the same dialogue
				continue
			case k.silent: // it only waits
				silent.Go(func() { t.Run(name+" "+k.name, run) })
				continue
			}
			t.Run(name+" "+k.name, func(t *testing.T) {
				t.Parallel()
				run(t)
			})
		}
		defer silent.Wait()
	}
}

func kindTelnet(t *testing.T, login string) string {
	return kindServe(t, "telnet", func(l net.Listener) { serveKind(l, "/usr/sbin/telnetd", "-h", "--exec-login="+login) })
}

// kindRlogin serves the protocol of RFC 1282, as far as a host has a part in it.
func kindRlogin(t *testing.T, login string) string {
	return kindServe(t, "rlogin", func(l net.Listener) {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go rloginKind(conn, login)
		}
	})
}

func rloginKind(conn net.Conn, login string) {
	defer conn.Close()
	from := bufio.NewReader(conn)
	for range 4 { // nothing, two users, and the terminal
		if _, err := from.ReadString(0); err != nil {
			return
		}
	}
	io.WriteString(conn, "\x00")
	cmd := exec.Command(login)
	terminal, err := pty.Start(cmd)
	if err != nil {
		return
	}
	defer terminal.Close()
	go func() {
		io.Copy(terminal, from)
		cmd.Process.Kill()
	}()
	io.Copy(conn, terminal)
	conn.Close()
	cmd.Process.Kill()
	cmd.Wait()
}

// kindServe has serve serve a port, and returns what the site says of it.
func kindServe(t *testing.T, protocol string, serve func(net.Listener)) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		serve(l)
	}()
	t.Cleanup(func() { l.Close(); <-served })
	_, port, _ := strings.Cut(l.Addr().String(), ":")
	return fmt.Sprintf("login = %q, address = %q, port = %s", protocol, "127.0.0.1", port)
}
