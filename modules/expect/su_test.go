package expect

import (
	"bufio"
	"context"
	"io"
	"net"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"farmrun/luahost/remote"
	"farmrun/luahost/secret"
	"farmrun/testdata/need"
)

// TestSuTakesItsTime has a su that thinks before it asks or lets the user in, as where PAM
// asks others: all that it is told is the password.
func TestSuTakesItsTime(t *testing.T) {
	for _, asks := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			here, there := net.Pipe()
			over := make(chan struct{})
			go func() {
				defer close(over)
				suHost(t, there, asks)
			}()
			s := New(here, Options{})
			defer func() { s.Close(); <-over }()
			var outcomes []secret.Outcome
			err := s.Su(t.Context(), "", func(context.Context, string) (secret.Secret, secret.Report, error) {
				return hunter, func(o secret.Outcome) { outcomes = append(outcomes, o) }, nil
			}, nil)
			if accepted := len(outcomes) == 1 && outcomes[0] == secret.Accepted; err != nil || accepted != asks {
				t.Errorf("asks %t: got %v, %v", asks, outcomes, err)
			}
		})
	}
}

// suHost is a shell that knows su, and has the user root after it.
func suHost(t *testing.T, there net.Conn, asks bool) {
	defer there.Close()
	in := bufio.NewReader(there)
	suOf := regexp.MustCompile(`^LC_ALL=C su -- root -c 'printf %s%s (@\w+)`)
	question := regexp.MustCompile(`^printf %s%s '(@\w+)' "A`)
	for {
		line, err := in.ReadString('\r')
		if err != nil {
			return
		}
		io.WriteString(there, "\r\n")
		switch asked := question.FindStringSubmatch(line); {
		case asked != nil:
			io.WriteString(there, asked[1]+"Aroot;\r\n# ")
			continue
		}
		io.WriteString(there, "looking you up...")
		time.Sleep(time.Minute)
		if asks {
			io.WriteString(there, "\r\nPassword: ")
			if word, err := in.ReadString('\r'); word != hunter.Reveal()+"\r" {
				t.Errorf("su was told %q, %v", word, err)
			}
		}
		time.Sleep(time.Minute)
		io.WriteString(there, "\r\n"+suOf.FindStringSubmatch(line)[1]+"S;# ")
	}
}

// TestSuKeepsItsTerminal has real ones begin a shell that has the session's terminal.
func TestSuKeepsItsTerminal(t *testing.T) {
	need.Root(t) // su asks anybody else for a password
	need.Program(t, "busybox")
	for _, su := range []string{"", "su() { busybox su \"$@\"; }; "} {
		terminal, err := Start(Program{Args: []string{"sh"}})
		if err != nil {
			t.Fatal(err)
		}
		s := New(terminal, Options{})
		if err := s.Send(t.Context(), su+"x=1\r"); err != nil {
			t.Fatal(err)
		}
		if err := s.Su(t.Context(), "", nil, nil); err != nil {
			t.Fatal(err)
		}
		r, err := s.Run(t.Context(), remote.Cmd{Line: "echo ${x-gone}; stty -g </dev/tty >/dev/null && echo has it"})
		if got := string(r.Stdout); err != nil || got != "gone\nhas it\n" {
			t.Errorf("got %q, %v", got, err)
		}
		s.Close()
	}
}
