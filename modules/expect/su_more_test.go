package expect

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"farmrun/luahost/secret"
)

// TestSuAsks: a su that asks for the secret of another account is sent nothing;
// the operator answers su's questions besides that for the password.
func TestSuAsks(t *testing.T) {
	for name, tc := range map[string]struct {
		questions []string // and last the shell's prompt or the failure
		sent      []string
		other     string
		err       error
		outcomes  []secret.Outcome
	}{
		"another's password":   {[]string{"Password for alice: "}, nil, "alice", nil, nil},
		"another's, as of ssh": {[]string{"rel@dev's password: "}, nil, "rel@dev", nil, nil},
		"a passphrase":         {[]string{"Enter passphrase for key '/home/op/.ssh/id_op': "}, nil, "/home/op/.ssh/id_op", nil, nil},
		"its own":              {[]string{"Password for root: ", "# "}, []string{"hunter2"}, "", nil, []secret.Outcome{secret.Accepted}},
		"a code":               {[]string{"Password: ", "Verification code: ", "# "}, []string{"hunter2", "714233"}, "", nil, []secret.Outcome{secret.Accepted}},
		"a code first":         {[]string{"Code: ", "Password: ", "# "}, []string{"714233", "hunter2"}, "", nil, []secret.Outcome{secret.Accepted}},
		"another question":     {[]string{"YubiKey for `root': ", "Password: ", "Continue? ", "# "}, []string{"714233", "hunter2", "714233"}, "", nil, []secret.Outcome{secret.Accepted}},
		"a code later":         {[]string{"Password: ", "... Code: ", "# "}, []string{"hunter2", "714233"}, "", nil, []secret.Outcome{secret.Accepted}},
		"a wrong code":         {[]string{"Password: ", "Code: ", "FAIL"}, []string{"hunter2", "714233"}, "", ErrSuMore, []secret.Outcome{secret.Unknown}},
		"a wrong password":     {[]string{"Password: ", "FAIL"}, []string{"hunter2"}, "", secret.ErrRejected, []secret.Outcome{secret.Rejected}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				here, there := net.Pipe()
				over := make(chan []string, 1)
				go func() { over <- askingHost(there, tc.questions) }()
				s := New(here, Options{})
				var outcomes []secret.Outcome
				err := s.Su(t.Context(), "", func(ctx context.Context, account string) (secret.Secret, secret.Report, error) {
					if account != "root" || !strings.Contains(secret.QuestionOf(ctx), "assword") {
						t.Errorf("asked %q for %s", secret.QuestionOf(ctx), account)
					}
					return secret.New("hunter2"), func(o secret.Outcome) { outcomes = append(outcomes, o) }, nil
				}, func(_ context.Context, question string, _ bool) (secret.Secret, error) {
					return secret.New("714233"), nil
				})
				other, is := errors.AsType[*secret.OtherError](err)
				if is != (tc.other != "") || is && other.Asked != tc.other || !is && !errors.Is(err, tc.err) || tc.err == nil && !is && err != nil {
					t.Errorf("got %v", err)
				}
				s.Close()
				if sent := <-over; !slices.Equal(sent, tc.sent) || !slices.Equal(outcomes, tc.outcomes) {
					t.Errorf("sent %q, outcomes %v", sent, outcomes)
				}
			})
		})
	}
}

// askingHost is a shell whose su asks questions one after the other; it returns
// the answers.
func askingHost(there net.Conn, questions []string) (answers []string) {
	defer there.Close()
	in := bufio.NewReader(there)
	ask, su := regexp.MustCompile(`^printf %s%s '(@\w+)' "A`), regexp.MustCompile(`^LC_ALL=C su -- root -c 'printf %s%s (@\w+)`)
	for {
		line, err := in.ReadString('\r')
		line = line[strings.LastIndexByte(line, 3)+1:] // ^C
		if err != nil {
			return answers
		}
		if m := ask.FindStringSubmatch(line); m != nil {
			io.WriteString(there, "\r\n"+m[1]+"Aroot;\r\n# ")
			continue
		}
		m := su.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		for i, q := range questions {
			if i == len(questions)-1 && q == "FAIL" {
				io.WriteString(there, "\r\nsu: Authentication failure\r\n"+m[1]+"F;# ")
				break
			}
			q, later := strings.CutPrefix(q, "... ")
			io.WriteString(there, "\r\n")
			if later {
				time.Sleep(3 * time.Second)
			}
			if q == "# " {
				q = m[1] + "S;# "
			}
			io.WriteString(there, q)
			if strings.HasSuffix(q, "# ") {
				break
			}
			answer, err := in.ReadString('\r')
			if err != nil {
				return answers
			}
			if at := strings.IndexByte(answer, 3); at >= 0 { // ^C ends su
				if m := ask.FindStringSubmatch(answer[at+1:]); m != nil {
					io.WriteString(there, "\r\n# "+m[1]+"Aweb;\r\n# ")
				}
				break
			}
			answers = append(answers, strings.TrimSuffix(answer, "\r"))
		}
	}
}
