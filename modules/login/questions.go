package login

import (
	"context"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"farmrun/luahost/console"
	"farmrun/luahost/secret"
)

// Questions has a password changed that has expired, where the host has no
// terminal for that and asks within the login: keyboard-interactive of ssh (RFC
// 4256). The words and the rules are those of the dialogue; all other questions
// are somebody else's. It is one login's, for one goroutine.
type Questions struct {
	d       *dialogue
	session *asked
	why     error // why the login has to end
}

// Taught returns the first of a site's cases that a question of keyboard-interactive
// matches, false if none does. Functions and silences are for terminals.
func Taught(cases []Case, question string) (Case, bool) {
	at := slices.IndexFunc(cases, func(c Case) bool { return c.Pattern != nil && c.Do != Talk && c.Pattern.MatchString(question) })
	if at < 0 {
		return Case{}, false
	}
	return cases[at], true
}

// NewQuestions begins with nothing asked. o.Open and o.Converse are not needed;
// of o.Cases, those that answer in words of their own are for terminals.
func NewQuestions(o Options) *Questions {
	t := &asked{}
	o.Cases = slices.DeleteFunc(slices.Clone(o.Cases), func(c Case) bool { return c.Do == Answer || c.Do == Talk })
	return &Questions{d: o.dialogue(t), session: t}
}

// Concerns tells whether a question, with what the host says ahead of it, is
// about the change of the password.
func (q *Questions) Concerns(question string) bool {
	wanted, asks := q.d.renewal.wanted, Do(0)
	for _, do := range q.d.meanings(question) {
		wanted = wanted || do == Expired
		asks = do
	}
	return asks == New || asks == Current || asks == Again && wanted
}

// meanings are those of the cases that a text matches, one after the other.
func (d *dialogue) meanings(text string) []Do {
	var all []Do
	t := &asked{rest: text}
	for range mostTurns {
		which, _, err := t.Await(context.Background(), d.patterns, 0)
		if err != nil {
			break
		}
		all = append(all, d.cases[which].Do)
	}
	return all
}

// Answer returns what to answer to such a question. The password that let the
// user in must be known to be accepted by then. After an error, which is an
// *Error, the login has to end.
func (q *Questions) Answer(ctx context.Context, question string) (string, error) {
	ctx = secret.OnHost(ctx, q.d.Host)
	q.session.hears(question)
	for !q.session.answered && q.why == nil {
		which, groups, err := q.session.Await(ctx, q.d.patterns, 0)
		if err == nil {
			_, err = q.d.turn(ctx, q.d.cases[which], groups, 0)
		}
		q.why = err
	}
	return q.session.answer, q.fail()
}

// End is told that the login is over, and whether the user is in. It returns
// why not, as an *Error; nil if that has nothing to do with the questions.
func (q *Questions) End(ctx context.Context, in bool) error {
	d := q.d
	switch {
	case in:
		d.settle(secret.Accepted)
		d.renewal.settle(secret.Accepted)
	case q.why == nil && d.renewal.wanted && ctx.Err() == nil:
		d.settle(secret.Unknown)
		q.why = d.renewal.gone(d.session.Said())
	}
	d.settle(secret.Unknown)
	d.renewal.settle(secret.Unknown)
	return q.fail()
}

// Again tells whether a second login gets further than the one that failed.
func (q *Questions) Again() bool { return q.why == errRenewed || q.why == errLate }

func (q *Questions) fail() error {
	if q.why == nil {
		return nil
	}
	return &Error{On: q.d.Host, During: duringLogin, Reason: q.why, Said: q.session.Said()}
}

// asked is a Session whose host waits for one answer after each question.
type asked struct {
	said     string // all of it, the end at least
	rest     string // what no case has matched
	answer   string
	answered bool
}

// mostSaid is how much of what a host says is kept.
const mostSaid = 4 << 10

func (t *asked) hears(question string) {
	t.said += question + "\n"
	t.said = t.said[max(0, len(t.said)-mostSaid):]
	t.rest, t.answer, t.answered = question, "", false
}

// Await never waits: nothing follows a question. io.EOF is that no pattern
// matches it.
func (t *asked) Await(_ context.Context, patterns []*regexp.Regexp, _ time.Duration) (int, []string, error) {
	for i, p := range patterns {
		at := p.FindStringSubmatchIndex(t.rest)
		if at == nil {
			continue
		}
		groups := p.FindStringSubmatch(t.rest)
		t.rest = t.rest[at[1]:]
		return i, groups, nil
	}
	if patterns == nil {
		return 0, []string{t.rest}, os.ErrDeadlineExceeded
	}
	return 0, []string{t.rest}, io.EOF
}

func (t *asked) Send(_ context.Context, text string) error {
	return t.SendSecret(context.Background(), strings.TrimSuffix(text, "\r"))
}

func (t *asked) SendSecret(_ context.Context, secret string) error {
	t.answer, t.answered = secret, true
	return nil
}

func (t *asked) Said() string { return string(console.Printable([]byte(t.said))) }

func (t *asked) Close() error { return nil }
