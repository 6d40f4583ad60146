package secret

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"farmrun/luahost/lazyregexp"
)

// Question is a host's question, as far as its last line tells.
type Question struct {
	// Password is that it asks for a password: no code, PIN, push or passphrase.
	Password bool
	// Of is the account whose password or passphrase it asks for, "" if it does
	// not say.
	Of string
}

var (
	asksPassword = lazyregexp.New(`(?i)pass ?word|passwd`)
	asksOther    = lazyregexp.New(`(?i)passphrase|pass ?code|\b(?:one[- ]?time|otp|[ht]otp|oath|token|pin|2fa|mfa|duo|skey|s/key|` +
		`yubi ?key|authenticator|challenge|(?:second|next|2nd) (?:factor|password))\b|\bcode\b|verification`)
	// The account follows in the words of sudo, Kerberos and OpenSSH's keys, and
	// comes first in those of OpenSSH.
	whose = []func() *regexp.Regexp{
		lazyregexp.New(`(?i)(?:pass ?word|passwd|passphrase) (?:for|of) (?:(?:the|this|your|user|account|key|login) )*["'` + "`" + `‘“]?([^\s"'` + "`" + `’”:?()\[\]]+)`),
		lazyregexp.New(`(?i)([^\s"'` + "`" + `()\[\]]+)['’]s (?:[a-z]+ ){0,2}(?:pass ?word|passwd|passphrase)`),
	}
	// nobody are words in the place of an account that name none.
	nobody = []string{"the", "this", "your", "user", "account", "key", "login", "host", "system", "server", "router", "device", "access"}
)

// ReadQuestion reads a host's question. Text may have more lines before it, and may
// be as raw as it came.
func ReadQuestion(text string) Question {
	text = strings.TrimSpace(text)
	line := text[strings.LastIndexAny(text, "\r\n")+1:]
	q := Question{Password: asksPassword().MatchString(line) && !asksOther().MatchString(line)}
	for _, w := range whose {
		if m := w().FindStringSubmatch(line); m != nil && !slices.Contains(nobody, strings.ToLower(m[1])) {
			q.Of = m[1]
			break
		}
	}
	return q
}

// Check returns an *OtherError if the question names another account than the
// one whose secret is about to be given. The names of the host are no account's.
func (q Question) Check(account string, host ...string) error {
	user, _, _ := strings.Cut(q.Of[strings.LastIndexByte(q.Of, '\\')+1:], "@")
	if q.Of == "" || q.Of == account || user == account || slices.Contains(host, q.Of) {
		return nil
	}
	return &OtherError{Asked: q.Of, Gives: account}
}

// OtherError is that a host asked for the secret of another account than
// farmrun gives it: which one a host gets is not for the host to say.
type OtherError struct {
	Asked string // in the host's words
	Gives string // whose secret farmrun would have given, "" if nobody's
}

func (e *OtherError) Error() string {
	if e.Gives == "" {
		return fmt.Sprintf("the host asks for the secret of %q, which nothing here has named for it: nothing was sent", e.Asked)
	}
	return fmt.Sprintf("the host asks for the secret of %q, but farmrun gives it only the password of %s: nothing was sent", e.Asked, e.Gives)
}

// Kind is for scripts.
func (e *OtherError) Kind() string { return "login" }

// asking is the key under which a context holds a host's question.
type asking struct{}

// Asking returns a copy of ctx for the answer to a host's question, so that an
// Ask can show the operator the host's own words. They are as raw as they came.
func Asking(ctx context.Context, question string) context.Context {
	return context.WithValue(ctx, asking{}, question)
}

// QuestionOf returns the question that Asking has set, or "".
func QuestionOf(ctx context.Context) string {
	question, _ := ctx.Value(asking{}).(string)
	return question
}

// Answer asks the operator for the answer to a question that is not for the
// account's password, such as a code, a PIN or how to push. It is for the host
// of ctx (OnHost) alone: each call asks, and nothing is kept. The question is
// the host's, as raw as it came; echo is that the answer may be seen. Without
// echo the answer is redacted from now on.
func (k *Keyring) Answer(ctx context.Context, question string, echo bool) (Secret, error) {
	if k.AskOnce == nil {
		return Secret{}, fmt.Errorf("the host asks %q: %w", strings.TrimSpace(question), ErrNoTerminal)
	}
	s, err := k.AskOnce(Asking(ctx, question), echo)
	if err == nil && !echo {
		k.Hide(s)
	}
	return s, err
}
