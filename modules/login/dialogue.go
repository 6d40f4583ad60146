package login

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"farmrun/luahost/console"
	"farmrun/luahost/lazyregexp"
	"farmrun/luahost/remote"
	"farmrun/luahost/remote/prompt"
	"farmrun/luahost/secret"
)

// dialogue is one try to get to a shell.
type dialogue struct {
	Options
	session Session

	cases    []Case
	patterns []*regexp.Regexp
	silent   []Case        // for silences, in their order
	named    bool          // the host has the name, and has asked for nothing since
	shown    string        // the question for the password that was answered; "" is none
	when     time.Time     // since then
	report   secret.Report // of the password, if its outcome is open
	more     bool          // the host has asked for something besides, and has the answer
	entered  int           // Enter was pressed so often
	line     string        // last behind this one
	renewal  renewal
}

const (
	mostTurns = 100              // more than any dialogue has
	sureAfter = 10 * time.Second // who has not said no by then says no more
)

func (o Options) dialogue(s Session) *dialogue {
	isSilent := func(c Case) bool { return c.Pattern == nil }
	d := &dialogue{Options: o, session: s}
	for _, c := range o.Cases {
		if isSilent(c) {
			d.silent = append(d.silent, c)
		}
	}
	d.Cases = slices.DeleteFunc(slices.Clone(o.Cases), isSilent)
	d.cases = append(d.Cases[:len(d.Cases):len(d.Cases)], usual()...)
	for _, c := range d.cases {
		d.patterns = append(d.patterns, c.Pattern)
	}
	return d
}

// hold holds the dialogue and returns the shell's prompt, and whether that is known to be
// one.
func (d *dialogue) hold(ctx context.Context) (prompt string, known bool, err error) {
	defer func() { // others wait for what is still open
		d.settle(secret.Unknown)
		d.renewal.settle(secret.Unknown)
	}()
	for range mostTurns {
		which, groups, err := d.await(ctx)
		if err != nil {
			return "", false, d.noMore(ctx, err)
		}
		done, err := d.turn(ctx, d.cases[which], groups, d.quietFor(which, groups[0]))
		known := which < len(d.Cases)
		if err == nil && done && !known && !d.asked() {
			known, err = d.enter(ctx, groups[0])
			done = known
		}
		if err != nil {
			return "", false, err
		}
		if done {
			d.settle(secret.Accepted)
			d.renewal.settle(secret.Accepted)
			return strings.TrimLeft(groups[0], "\r\n"), known, nil
		}
	}
	return "", false, fmt.Errorf("%w: it has asked %d times", ErrNoPrompt, mostTurns)
}

// asked tells whether the host has asked for a name or a password.
func (d *dialogue) asked() bool { return d.named || d.shown != "" }

// mostEntered is how often Enter is pressed behind lines that may be a prompt.
const mostEntered = 3

// enter presses Enter behind a line that looks like a prompt, unless it is the answer to
// that: then the line is a prompt. A menu's question is not answered.
func (d *dialogue) enter(ctx context.Context, line string) (known bool, err error) {
	switch {
	case prompt.IsQuestion(prompt.LastLine([]byte(line))):
		return false, nil
	case d.repeats(line):
		return true, nil
	case d.entered == mostEntered:
		return false, fmt.Errorf("%w: behind Enter, %q is not shown again", ErrNoPrompt, strings.TrimSpace(d.line))
	}
	d.entered, d.line = d.entered+1, prompt.LastLine([]byte(line))
	return false, d.session.Send(ctx, "\r")
}

// repeats tells whether a line is the answer to Enter.
func (d *dialogue) repeats(line string) bool {
	return d.entered > 0 && prompt.Repeats(d.line, []byte(line))
}

// await waits for output that a case knows. As long as the host has asked for nothing, each
// silence that the site names is answered once: there the site says that it is a question.
func (d *dialogue) await(ctx context.Context) (which int, groups []string, err error) {
	for len(d.silent) > 0 && !d.asked() {
		c := d.silent[0]
		which, groups, err = d.session.Await(ctx, d.patterns, c.Silence)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return which, groups, err
		}
		d.silent = d.silent[1:]
		if _, err := d.turn(ctx, c, groups, 0); err != nil {
			return -1, groups, err
		}
	}
	return d.session.Await(ctx, d.patterns, cmp.Or(d.Silence, DefaultSilence))
}

// quietFor is how long nothing may follow the words of a case, of which said is the end.
func (d *dialogue) quietFor(which int, said string) time.Duration {
	if d.cases[which].Do == Shell && !d.asked() && which >= len(d.Cases) && !d.repeats(said) {
		return cmp.Or(d.Calm, DefaultCalm)
	}
	return cmp.Or(d.Quiet, DefaultQuiet)
}

// turn does what a case says, and tells whether that is the shell.
func (d *dialogue) turn(ctx context.Context, c Case, groups []string, silence time.Duration) (done bool, err error) {
	switch c.Do {
	case Name, Password, Shell, Current, New, Again, Ask:
		if quiet, err := d.quiet(ctx, silence); !quiet {
			return false, err
		}
	}
	switch c.Do {
	case Password, Current, New, Again: // a case of the site's may match no more than its end
		if err := secret.ReadQuestion(groups[0]).Check(d.account(), d.User, d.Host); err != nil {
			return false, err
		}
	}
	switch c.Do {
	case Name:
		return false, d.name(ctx)
	case Password:
		return false, d.password(ctx, groups[0])
	case Ask:
		return false, d.ask(ctx, groups[0])
	case Rejected:
		return false, d.rejected(groups[0])
	case Expired, Current, New, Again, Changed:
		return false, d.renew(ctx, c.Do, groups[0])
	case Refused:
		d.settle(secret.Unknown)
		return false, fmt.Errorf("%w: %s", ErrRefused, printable(groups[0]))
	case Shell:
		return true, nil
	case Answer:
		return false, d.session.Send(ctx, c.Send)
	case Talk:
		return false, c.Talk(ctx, d.session, groups)
	}
	return false, nil
}

func printable(text string) string {
	return strings.TrimSpace(string(console.Printable([]byte(text))))
}

// name types the name: once. A host that asks again has not taken it, or not
// the password, and must not get either a second time.
func (d *dialogue) name(ctx context.Context) error {
	switch {
	case d.shown != "":
		return d.rejected("")
	case d.named:
		return ErrName
	}
	d.named = true
	return d.session.Send(ctx, d.User+"\r")
}

// password types the password: once.
func (d *dialogue) password(ctx context.Context, question string) error {
	if d.shown != "" {
		return d.rejected("")
	}
	if d.Passwords == nil {
		return fmt.Errorf("the host asks for a password: %w", secret.ErrNoTerminal)
	}
	word, report, err := d.Passwords.Take(secret.Asking(ctx, question), d.account())
	if err != nil {
		return err
	}
	d.shown, d.when, d.report = question, time.Now(), report
	return d.session.SendSecret(ctx, word.Reveal())
}

// ask has the operator answer a question that is not for the password. Whatever the
// host says then is about both.
func (d *dialogue) ask(ctx context.Context, question string) error {
	if d.Answer == nil {
		return remote.Quoting(printable(question), fmt.Errorf("the host asks %q: %w", printable(question), secret.ErrNoTerminal))
	}
	answer, err := d.Answer(ctx, question, false)
	if err != nil {
		return err
	}
	d.more = true
	return d.session.SendSecret(ctx, answer.Reveal())
}

// no is the outcome for the password when the host rejects the login.
func (d *dialogue) no() secret.Outcome {
	if d.more {
		return secret.Unknown
	}
	return secret.Rejected
}

// rejection is the error for it.
func (d *dialogue) rejection() error {
	if d.more {
		return ErrMore
	}
	return fmt.Errorf("password for %s: %w", d.account(), secret.ErrRejected)
}

// account is whose password it is.
func (d *dialogue) account() string { return cmp.Or(d.Account, d.User) }

// rejected is that the host has said no: to the password, or, before it had
// that, to the user. What it says besides may tell that nobody gets in.
func (d *dialogue) rejected(said string) error {
	switch {
	case d.renewal.typed > 0:
		d.renewal.no = true // it may have more to say, or ask again
		return nil
	case d.renewal.wanted && d.report == nil:
		return remote.Quoting(printable(said), fmt.Errorf("%w: %s", ErrNotHere, printable(said)))
	case d.shown == "" && d.more:
		return d.rejection()
	case d.shown == "" && d.named:
		return remote.Quoting(printable(said), fmt.Errorf("%w: %s", ErrName, printable(said)))
	case d.shown == "":
		return remote.Quoting(printable(said), fmt.Errorf("%w: %s", ErrRefused, printable(said)))
	}
	if notice := d.notice(said); notice != "" && !d.more {
		d.settle(secret.Unknown)
		return fmt.Errorf("%w: %s", ErrNotNow, notice)
	}
	d.settle(d.no())
	return d.rejection()
}

// aboutPasswords is what a host may say about a password that it rejects.
var aboutPasswords = lazyregexp.New(`(?i)password|passwd|pass ?code|login|account|auth|tri(?:es|ed)|try|attempt|` +
	`fail|incorrect|invalid|wrong|bad |denied|permi|expire|lock|refus|reject`)

var (
	blanks = lazyregexp.New(`(?:\s|\\x[0-9a-f]{2})+`) // in what is made printable
	words  = lazyregexp.New(`\pL{3}`)
)

// notice returns the lines that the host has said between the question for the
// password and its no, if they are not about passwords: what an /etc/nologin has,
// and then nobody knows what the host thinks of the password.
func (d *dialogue) notice(no string) string {
	said := d.session.Said()
	at := strings.LastIndex(said, printable(d.shown))
	if at < 0 {
		return ""
	}
	said, _, _ = strings.Cut(said[at+len(printable(d.shown)):], printable(no))
	said = said[:max(0, strings.LastIndexByte(said, '\n'))] // the lines before that of its no
	said = strings.TrimSpace(blanks().ReplaceAllString(said, " "))
	if !words().MatchString(said) || aboutPasswords().MatchString(said) {
		return ""
	}
	return said
}

// quiet tells whether what looks like a question is the end of what is said: a
// motd that comes in pieces may have the words of one.
func (d *dialogue) quiet(ctx context.Context, silence time.Duration) (bool, error) {
	_, more, err := d.session.Await(ctx, nil, silence)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return strings.TrimSpace(more[0]) == "", nil
	}
	return false, d.noMore(ctx, err)
}

// rest returns the output that the session has read behind the prompt and kept
// back, such as the prompt's last space, once its terminal is no longer lent to
// it.
func (d *dialogue) rest(ctx context.Context) string {
	_, more, err := d.session.Await(context.WithoutCancel(ctx), nil, DefaultSilence)
	if !errors.Is(err, io.EOF) {
		return ""
	}
	return more[0]
}

// noMore says why the dialogue has ended too early. A host that hangs up when
// it has the password may mean that by it, and so may one that is slow to say
// anything: it is not to be tried elsewhere.
func (d *dialogue) noMore(ctx context.Context, err error) error {
	gone := errors.Is(err, io.EOF)
	if gone && d.renewal.wanted && d.report == nil {
		return d.renewal.gone(d.session.Said())
	}
	early := ctx.Err() != nil && d.shown != "" && time.Since(d.when) < sureAfter
	if d.report != nil && (gone || early) {
		d.settle(d.no())
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case gone && d.shown != "":
		return fmt.Errorf("%w: the host has closed the connection", d.rejection())
	case gone:
		return fmt.Errorf("%w: it has closed the connection", ErrRefused)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%w, for %v", ErrNoPrompt, cmp.Or(d.Silence, DefaultSilence))
	}
	return err
}

// settle tells the keyring what became of the password, if that is open.
func (d *dialogue) settle(o secret.Outcome) {
	if d.report != nil {
		d.report(o)
		d.report = nil
	}
}
