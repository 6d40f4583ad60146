package expect

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"farmrun/luahost/lazyregexp"
	"farmrun/luahost/remote"
	"farmrun/luahost/secret"
)

// ErrNoShell is that what is at the other end does not obey as a POSIX shell
// that waits for a line.
var ErrNoShell = errors.New("there is no shell that obeys")

// mostPiece is how much of a script is typed in a line: some terminals take
// lines of 255 bytes only.
const mostPiece = 120

// Run runs cmd in the shell of the session, which waits for a line: not in one
// of its own, so that a cd, an umask or a variable lasts. Result.Stdout has what
// the command says on either output, with line ends as they were before the
// terminal, and at most cmd.Keep bytes of it. cmd.Dir, cmd.Env and cmd.Stdin are not
// for this.
//
// When ctx is done first, what runs is interrupted, as by ^C; a shell that does
// not obey then is hung up on. The error wraps context.Cause(ctx).
func (s *Session) Run(ctx context.Context, cmd remote.Cmd) (remote.Result, error) {
	if strings.ContainsRune(cmd.String(), 0) {
		return remote.Result{}, errors.New("the command has a NUL byte in it")
	}
	mark := "@" + rand.Text()[:10]
	began, said := time.Now(), &behind{mark: mark + "B;", to: remote.Output{Keep: cmd.Keep}}
	defer s.in.olderTo(said)()
	result := func(code int) remote.Result {
		return remote.Result{Stdout: unixLines(said.to.Bytes()), Code: code, Duration: time.Since(began)}
	}
	if err := s.Send(ctx, typed(mark, cmd.String())); err != nil {
		return remote.Result{}, err
	}
	m, err := s.Expect(ctx, Wait{Patterns: []Pattern{Compiled(regexp.MustCompile(mark + `X(\d+);`))}, Timeout: patienceOf(ctx)})
	io.WriteString(said, m.Before)
	if err == nil {
		code, _ := strconv.Atoi(m.Groups[0])
		return result(code), nil
	}
	return result(-1), inShell(err, s.interrupt(ctx))
}

// behind passes on the text behind a mark.
type behind struct {
	mark string
	to   remote.Output
	rest []byte // the end of the text before the mark, or its beginning
	seen bool
}

func (b *behind) Write(p []byte) (int, error) {
	if b.seen {
		return b.to.Write(p)
	}
	b.rest = append(b.rest, p...)
	if _, after, found := bytes.Cut(b.rest, []byte(b.mark)); found {
		b.seen, b.rest = true, nil
		b.to.Write(after)
	} else {
		b.rest = b.rest[max(0, len(b.rest)-len(b.mark)):]
	}
	return len(p), nil
}

// unixLines returns text with the line ends of before the terminal.
func unixLines(text []byte) []byte { return bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")) }

// inShell words the failure of a wait for a mark, of which nobody has to know,
// and what became of the shell.
func inShell(err, after error) error {
	var e *Error
	if errors.As(err, &e) {
		if e.Kind() == "expect" {
			of := *e
			of.Patterns = []Pattern{{shown: "the shell's answer"}}
			err = &of
		} else {
			err = e.Err
		}
	}
	if after != nil {
		return fmt.Errorf("%w; %w", err, after)
	}
	return err
}

// patienceOf is how long ctx lasts.
func patienceOf(ctx context.Context) time.Duration {
	if end, ok := ctx.Deadline(); ok {
		return time.Until(end) + time.Second // ctx is to be first
	}
	return 24 * time.Hour
}

// typed is what is typed to have a shell run a script. The marks are such that
// their echo is none. A plain eval of a syntax error takes the rest of the line with
// it, in dash for one; zsh has no other. The first of the lines may end one that somebody has
// begun.
func typed(mark, script string) string {
	var b strings.Builder
	b.WriteString("_f=\r_f=\r")
	for format := shellFormat(script); format != ""; {
		n := pieceEnd(format)
		fmt.Fprintf(&b, "_f=$_f'%s'\r", format[:n])
		format = format[n:]
	}
	fmt.Fprintf(&b, `_f=$(printf "$_f");printf %%s%%s '%s' 'B;';`+
		`case ${ZSH_VERSION-} in '')command eval "$_f" </dev/null;;*)eval "$_f" </dev/null;esac;`+
		`printf %%s%%s '%s' "X$?;"`+"\r", mark, mark)
	return b.String()
}

// shellFormat writes text as a format of printf(1) that can stand between
// single quotes, in shells too that look for "!" there.
func shellFormat(text string) string {
	var b strings.Builder
	for i := range len(text) {
		switch c := text[i]; {
		case c == '%':
			b.WriteString("%%")
		case c < ' ' || c > '~' || c == '\\' || c == '\'' || c == '!' || c == '-' && i == 0:
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// pieceEnd is where a piece of a format may end: not within an escape.
func pieceEnd(format string) int {
	n := min(mostPiece, len(format))
	if at := strings.LastIndexByte(format[:n], '\\'); n < len(format) && at > n-4 {
		return max(at, 1)
	}
	if n < len(format) && strings.Count(format[:n], "%")%2 == 1 {
		return n - 1
	}
	return n
}

// obeysWithin is how long a shell may take to say that it obeys.
const obeysWithin = 2 * time.Second

// interrupt presses ^C and sees whether there is a shell again. If not, it
// closes the session, and with it what runs there. One that is gone already
// needs neither.
func (s *Session) interrupt(ctx context.Context) error {
	if s.Ended() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), obeysWithin)
	defer cancel()
	err := s.Send(ctx, "\x03")
	if err == nil {
		_, err = s.ask(ctx, "")
	}
	if err != nil {
		s.Close()
		return fmt.Errorf("%w after ^C, so the session is closed", ErrNoShell)
	}
	return nil
}

// ask has the shell say what an expression of its language comes to.
func (s *Session) ask(ctx context.Context, expr string) (string, error) {
	mark := "@" + rand.Text()[:10]
	if err := s.Send(ctx, question(mark, expr)); err != nil {
		return "", err
	}
	m, err := s.Expect(ctx, Wait{Patterns: []Pattern{answerTo(mark)}, Timeout: patienceOf(ctx)})
	if err != nil {
		return "", inShell(err, nil)
	}
	return m.Groups[0], nil
}

// Last returns the status of the last command of the shell, which waits for a line.
func (s *Session) Last(ctx context.Context) (remote.Result, error) {
	status, err := s.ask(ctx, "$?")
	if err != nil {
		return remote.Result{}, err
	}
	code, err := strconv.Atoi(status)
	return remote.Result{Code: code}, err
}

func question(mark, expr string) string {
	return fmt.Sprintf(`printf %%s%%s '%s' "A%s;"`+"\r", mark, expr)
}

func answerTo(mark string) Pattern { return Compiled(regexp.MustCompile(mark + `A([^;]*);`)) }

// Take gets a password and how to tell what became of it, as that of a
// secret.Keyring.
type Take = func(ctx context.Context, account string) (secret.Secret, secret.Report, error)

// Answer has the operator answer a question, as that of a secret.Keyring.
type Answer = func(ctx context.Context, question string, echo bool) (secret.Secret, error)

// suAsks is su's question for a password, in the words of the usual systems, or
// for something besides.
var suAsks = lazyregexp.New(`(?i)(?:^|[\r\n])[^\r\n]*(?:password|pass ?code|passphrase|one[- ]?time|\b(?:pin|otp|token|code)\b)[^\r\n:]*: ?$`)

// lastWords are a line that has not ended.
var lastWords = lazyregexp.New(`[^\r\n]+$`)

// quietFor is how long nothing may follow a line that ends as a question does, before the
// operator is shown it, and how long a shell may be silent in its startup files.
const quietFor = 500 * time.Millisecond

// ErrSuMore is that su has rejected the password or the answer to another
// question that it asked.
var ErrSuMore = errors.New("su rejects the password or the other answer that it asked for")

// mostAsked is more than any su asks.
const mostAsked = 5

// Su becomes another user in the session, by su, and leaves it with a shell of
// that user; "" is root. take is asked for the password of the user if su asks,
// once, and answer is given its other questions. A su that asks for the password
// of anybody else gets nothing: a *secret.OtherError. It fails with an error that
// wraps secret.ErrRejected when su does not take the password, and then the
// session is as before.
func (s *Session) Su(ctx context.Context, name string, take Take, answer Answer) error {
	name = cmp.Or(name, "root")
	if _, err := s.ask(ctx, ""); err != nil { // and what was said before is done with
		return err
	}
	mark := "@" + rand.Text()[:10]
	if err := s.Send(ctx, fmt.Sprintf(suLine+"\r", remote.Quote(name), mark, mark)); err != nil {
		return err
	}
	ends := []Pattern{Compiled(regexp.MustCompile(mark + `F;`)), Compiled(regexp.MustCompile(mark + `S;`))}
	m, err := s.suSays(ctx, ends)
	a := suAnswers{Session: s, name: name, take: take, other: answer}
	for asked := 0; err == nil && m.Pattern == suQuestion; asked++ {
		if asked == mostAsked {
			err = inShell(fmt.Errorf("su asks for more than %d answers", mostAsked), s.interrupt(ctx))
			return settle(a.report, secret.Unknown, err)
		}
		if err := a.answer(ctx, m.Text); err != nil {
			return settle(a.report, secret.Unknown, err)
		}
		m, err = s.suSays(ctx, ends)
	}
	if err == nil && m.Pattern == suDone {
		m, err = s.whose(ctx, ends[suFailed], name)
	}
	switch {
	case err != nil:
		return settle(a.report, secret.Unknown, inShell(err, nil))
	case m.Pattern == suDone:
		return settle(a.report, secret.Accepted, nil)
	case a.more:
		return settle(a.report, secret.Unknown, ErrSuMore)
	case a.report != nil:
		return settle(a.report, secret.Rejected, fmt.Errorf("su: password for %s: %w", name, secret.ErrRejected))
	}
	return fmt.Errorf("%s", cmp.Or(lastLine(m.Before), "su has failed"))
}

// suLine runs su. The mark that ends in S is printed by the new user, so that su has nothing
// more to ask; that which ends in F by the old one. The command stands behind the name: su
// would give that of its own -c no terminal.
const suLine = `LC_ALL=C su -- %s -c 'printf %%s%%s %s "S;"; exec $SHELL'; printf %%s%%s %s 'F;'`

// The patterns of suSays.
const (
	suFailed = iota
	suDone
	suQuestion
)

// suSays waits for one of the ends of su or for a question. A su that has yet to ask would
// take the next input for its answer. So no silence is taken for a shell; behind a line that
// ends as a question does it is one, whatever it asks for, which only the operator answers.
func (s *Session) suSays(ctx context.Context, ends []Pattern) (m Match, err error) {
	patterns := append(slices.Clip(ends), Compiled(suAsks()))
	for {
		m, err = s.Expect(ctx, Wait{Patterns: patterns, Timeout: patienceOf(ctx), Silence: quietFor})
		if !errors.Is(err, ErrSilence) {
			return m, err
		}
		line := strings.TrimSpace(m.Before[strings.LastIndexAny(m.Before, "\r\n")+1:])
		if line != "" && strings.ContainsRune(":?", rune(line[len(line)-1])) {
			patterns[suQuestion] = Compiled(lastWords())
		}
	}
}

// whose asks the shell that su has begun who it is, and returns that as a match
// of suDone, or that it has ended as one of suFailed. It waits until the shell's startup files
// print nothing more, for some throw away the keys typed before. That silence decides
// nothing: su has nothing more to ask.
func (s *Session) whose(ctx context.Context, failed Pattern, name string) (Match, error) {
	never := Compiled(regexp.MustCompile(`$.`))
	if m, err := s.Expect(ctx, Wait{Patterns: []Pattern{failed, never}, Timeout: patienceOf(ctx), Silence: quietFor}); !errors.Is(err, ErrSilence) {
		return m, err
	}
	mark := "@" + rand.Text()[:10]
	if err := s.Send(ctx, question(mark, "$(id -un)")); err != nil {
		return Match{}, err
	}
	answer := answerTo(mark)
	m, err := s.Expect(ctx, Wait{Patterns: []Pattern{failed, answer}, Timeout: patienceOf(ctx)})
	if err != nil {
		return m, err
	}
	if m.Pattern == suFailed {
		s.Expect(ctx, Wait{Patterns: []Pattern{answer}, Timeout: obeysWithin}) // of the old shell
	} else if got := m.Groups[0]; got != name {
		err = fmt.Errorf("su: the shell is %s's, not %s's", got, name)
	}
	return m, err
}

func lastLine(text string) string {
	return strings.TrimSpace(remote.LastLines([]byte(strings.TrimSpace(text)), 1))
}

// suAnswers answers a su.
type suAnswers struct {
	*Session
	name   string
	take   Take
	other  Answer
	report secret.Report // of the password, once su has it
	more   bool          // su has something besides
}

// answer gives su the password, once. Whatever else it asks, a second password
// included, is the operator's: a su that rejects the first one asks no more.
func (a *suAnswers) answer(ctx context.Context, question string) error {
	q := secret.ReadQuestion(question)
	if err := q.Check(a.name); err != nil {
		return inShell(fmt.Errorf("su: %w", err), a.interrupt(ctx))
	}
	word, err := secret.Secret{}, error(nil)
	if a.report != nil || !q.Password {
		a.more = true
		if a.other == nil {
			return inShell(remote.Quoting(question, fmt.Errorf("su asks %q: %w", strings.TrimSpace(question), secret.ErrNoTerminal)), a.interrupt(ctx))
		}
		word, err = a.other(ctx, strings.TrimSpace(question), false)
	} else {
		if a.take == nil {
			return fmt.Errorf("su: password for %s: %w", a.name, secret.ErrNoTerminal)
		}
		word, a.report, err = a.take(secret.Asking(ctx, strings.TrimSpace(question)), a.name)
	}
	if err != nil {
		return inShell(err, a.interrupt(ctx))
	}
	return a.SendSecret(ctx, word.Reveal())
}

func settle(report secret.Report, o secret.Outcome, err error) error {
	if report != nil {
		report(o)
	}
	return err
}
