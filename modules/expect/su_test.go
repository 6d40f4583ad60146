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

	"farmrun/luahost/secret"
)

// TestSuTakesItsTime has a su that thinks before it asks, as where PAM asks others:
// all that it is told is the password. One that asks for none is followed by a shell.
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
		case !asks:
			io.WriteString(there, "# ")
			continue
		}
		time.Sleep(5 * time.Second)
		io.WriteString(there, "Password: ")
		if word, err := in.ReadString('\r'); word != hunter.Reveal()+"\r" {
			t.Errorf("su was told %q, %v", word, err)
		}
		io.WriteString(there, "\r\n# ")
	}
}
