package login_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"farmrun/luahost/remote"
	"farmrun/luahost/secret"
	"farmrun/modules/login"
)

// played is a host that says one thing after the other, whatever it is told, and
// then hangs up.
type played struct {
	rest string
	says []string // then, after each answer
}

func (p *played) Await(_ context.Context, patterns []*regexp.Regexp, _ time.Duration) (int, []string, error) {
	if patterns == nil {
		return -1, []string{p.rest}, os.ErrDeadlineExceeded
	}
	for i, re := range patterns {
		if at := re.FindStringSubmatchIndex(p.rest); at != nil {
			groups := re.FindStringSubmatch(p.rest)
			p.rest = p.rest[at[1]:]
			return i, groups, nil
		}
	}
	return -1, []string{p.rest}, io.EOF
}

func (p *played) Send(context.Context, string) error {
	p.rest = ""
	if len(p.says) > 0 {
		p.rest, p.says = p.says[0], p.says[1:]
	}
	return nil
}

func (p *played) SendSecret(ctx context.Context, _ string) error { return p.Send(ctx, "") }
func (p *played) Said() string                                   { return p.rest }
func (p *played) Close() error                                   { return nil }

// bare is a terminal on which nothing happens.
type bare struct{ net.Conn }

func (bare) Resize(rows, columns int) error { return nil }
func (bare) Break() error                   { return nil }

// playing are the options for a host of which each login is played, one after
// the other. It returns how many there were as well.
func playing(t *testing.T, logins ...[]string) (login.Options, *int) {
	n := 0
	return login.Options{
		Host: "h", User: "web",
		Open: func(context.Context, remote.TerminalOptions) (remote.Terminal, error) {
			here, there := net.Pipe()
			t.Cleanup(func() { there.Close() })
			return bare{here}, nil
		},
		Converse: func(remote.Terminal) login.Session {
			n++
			if n > len(logins) {
				return &played{}
			}
			return &played{rest: logins[n-1][0], says: logins[n-1][1:]}
		},
		Passwords: &passwords{word: "s3cret pw"},
	}, &n
}

const (
	due     = "You are required to change your password immediately.\n"
	fresh   = "New password: "
	retype  = "Retype new password: "
	changed = "passwd: password updated successfully\n"
)

// slowOnce is an operator who thinks about a new password, and has it then.
type slowOnce struct {
	*newPasswords
	has bool
}

func (s *slowOnce) TakeNew(ctx context.Context, account string) (secret.Secret, secret.Report, error) {
	if !s.has {
		time.Sleep(10 * time.Second)
	}
	s.has = true
	return s.newPasswords.TakeNew(ctx, account)
}

// TestRenewLate has a host that was kept waiting for a new password logged in to
// once more, and again where it hangs up when it has that.
func TestRenewLate(t *testing.T) {
	late := []string{"Password: ", due + fresh}
	hangsUp := []string{"Password: ", due + fresh, retype, changed}
	outcomes := []secret.Outcome{secret.Unknown, secret.Accepted}
	for _, test := range []struct {
		name   string
		logins [][]string
		do     func(ctx context.Context, o login.Options) error
	}{
		{"dial", [][]string{late, hangsUp, {"Password: ", "$ "}}, func(ctx context.Context, o login.Options) error {
			c, err := login.Dial(ctx, o)
			if err == nil {
				c.Close()
			}
			return err
		}},
		{"renew", [][]string{late, hangsUp}, login.Renew},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o, opened := playing(t, test.logins...)
				next := &newPasswords{word: "n3w word"}
				o.NewPasswords = &slowOnce{newPasswords: next}
				if err := test.do(t.Context(), o); err != nil || *opened != len(test.logins) {
					t.Errorf("%d logins, got %v", *opened, err)
				}
				if diff := cmp.Diff(outcomes, next.outcomes); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// asked is who is asked for a new password.
type asked func(ctx context.Context) error

func (a asked) TakeNew(ctx context.Context, _ string) (secret.Secret, secret.Report, error) {
	return secret.Secret{}, nil, a(ctx)
}

// TestRenewNot is for logins that have no new password, or ask for none.
func TestRenewNot(t *testing.T) {
	over := errors.New("the time is over")
	ctx, cancel := context.WithCancelCause(t.Context())
	nobody := asked(func(context.Context) error { return fmt.Errorf("new password: %w", secret.ErrNoTerminal) })
	for _, test := range []struct {
		name string
		host []string
		next login.NewPasswords
		want string
		is   error
	}{
		{"nobody to ask", []string{"Password: ", due + fresh}, nobody, "login: the password has expired", login.ErrExpired},
		{"changed before", []string{changed + "login: ", "Password: ", due}, nobody, "login: " + login.ErrNotHere.Error(), login.ErrNotHere},
		{"the password again", []string{"Password: ", "Password again: "}, nobody, "login: password for web: the password was rejected", secret.ErrRejected},
		{"the time is over", []string{"Password: ", due + fresh}, asked(func(ctx context.Context) error {
			cancel(over)
			return context.Cause(ctx)
		}), "login: the time is over", over},
	} {
		o, opened := playing(t, test.host)
		o.NewPasswords = test.next
		if _, err := login.Dial(ctx, o); !errors.Is(err, test.is) || err.Error() != test.want {
			t.Errorf("%s: got %v, want %s", test.name, err, test.want)
		}
		if *opened != 1 {
			t.Errorf("%s: %d logins", test.name, *opened)
		}
	}
}

// TestQuestionsOfTheSite has answers that the site has for terminals be none to
// ssh, whose questions are another's then.
func TestQuestionsOfTheSite(t *testing.T) {
	site := login.Case{Pattern: regexp.MustCompile(`New password: $`), Do: login.Answer, Send: "no\r"}
	q := login.NewQuestions(login.Options{Host: "h", User: "web", Cases: []login.Case{site}, NewPasswords: &newPasswords{word: "n3w word"}})
	if !q.Concerns(fresh) {
		t.Fatal("it is somebody else's")
	}
	if answer, err := q.Answer(t.Context(), fresh); err != nil || answer != "n3w word" {
		t.Errorf("got %q, %v", answer, err)
	}
}
