package sudo

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"

	"farmrun/luahost/lazyregexp"
	"farmrun/luahost/remote"
	"farmrun/luahost/secret"
)

// dialogue is one command and what is said with its sudo. It begins silent and
// may become asked, answered and running, in this order; running is where a
// sudo that needs no password gets to at once.
type dialogue struct {
	ctx context.Context
	r   Runner
	cmd remote.Cmd // the caller's
	o   Options

	ear  *ear            // sudo's standard error
	in   *input          // sudo's standard input
	live context.Context // the runner's
	stop context.CancelCauseFunc
	// began is closed when the command runs.
	began chan struct{}

	mu     sync.Mutex
	state  state
	pid    int  // of sudo
	spared bool // end has ended nothing
	word   *secret.Secret
	report secret.Report
	more   bool          // sudo has asked for more than the password
	failed error         // why there is no answer, or no second one
	before []byte        // what sudo said before it asked: a lecture
	held   []byte        // what may turn out to be sudo's
	kept   remote.Output // the command's standard error
}

type state int

const (
	silent   state = iota // sudo has not asked, as far as is known
	asked                 // … and waits for the password, or for more than that
	answered              // … and has it
	running               // the command has begun
	over                  // it has ended
)

func newDialogue(ctx context.Context, r Runner, cmd remote.Cmd, o Options, t token) *dialogue {
	d := &dialogue{ctx: ctx, r: r, cmd: cmd, o: o, in: newInput(), began: make(chan struct{})}
	d.ear = &ear{token: t, text: d.text, said: d.said}
	d.kept.Keep = cmd.Keep
	return d
}

// run runs sudo and returns what came of the command.
func (d *dialogue) run(sudo remote.Cmd) (remote.Result, error) {
	// The runner learns that the time is over when root's processes have been
	// seen to, for it could not end them.
	d.live, d.stop = context.WithCancelCause(context.WithoutCancel(d.ctx))
	defer d.stop(nil)
	late := make(chan struct{})
	onTime := context.AfterFunc(d.ctx, func() {
		defer close(late)
		d.end()
		d.stop(context.Cause(d.ctx))
	})
	sudo.Stdin, sudo.Stderr = d.in, d.ear
	res, err := d.r.Run(d.live, sudo)
	d.in.end()
	if !onTime() {
		<-late
		if err == nil && !d.endedByItself() {
			err = context.Cause(d.ctx)
		}
	}
	if res.Dry {
		return res, err
	}
	return d.finish(res, err)
}

// mostHeld bounds what is held back of standard error.
const mostHeld = 64 << 10

// text takes what is in standard error besides our marks. It is sudo's, or the
// command's already; which of the two is clear when the command runs or sudo
// ends.
func (d *dialogue) text(p []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.state == over:
	case d.state < running && len(d.held)+len(p) <= mostHeld:
		d.held = append(d.held, p...)
	default:
		d.release()
		d.pass(p)
	}
}

func (d *dialogue) release() {
	d.pass(d.held)
	d.held = nil
}

func (d *dialogue) pass(p []byte) {
	if len(p) == 0 {
		return
	}
	d.kept.Write(p)
	if d.cmd.Stderr != nil {
		d.cmd.Stderr.Write(p)
	}
}

// said takes a mark. What it does not expect it ignores: the command, too, may
// have seen the token, in the arguments of sudo.
func (d *dialogue) said(what, about string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case what == shell && d.pid == 0:
		d.pid, _ = strconv.Atoi(about)
		if d.o.begun != nil {
			d.o.begun()
		}
	case what == asks && d.state == silent:
		d.state, d.before, d.held = asked, d.held, nil
		if err := d.check(about); err != nil {
			d.giveUp(err)
			return
		}
		lecture := string(d.before)
		go d.answer(func(ctx context.Context) (secret.Secret, secret.Report, error) {
			return d.password(secret.Asking(ctx, lecture))
		})
	case what == asks && d.state == answered:
		d.asksAgain()
	case what == runs && (d.state == silent || d.state == answered):
		d.state = running
		close(d.began)
		d.settle(secret.Accepted)
		d.release()
		d.in.last(d.cmd.Stdin)
	}
}

// account is whose password sudo gets.
func (d *dialogue) account() string { return cmp.Or(d.o.Account, "sudo") }

// check tells why a sudo that asks for somebody's password gets none. One that
// does not know "%p" in its prompt leaves it as it is.
func (d *dialogue) check(who string) error {
	if d.o.Account == "" || who == "%p" {
		return nil
	}
	return secret.Question{Of: who}.Check(d.o.Account)
}

// tryAgain matches the words of sudo and sudo-rs for a wrong password.
var tryAgain = lazyregexp.New(`(?i)try again|authentication failure`)

// asksAgain is told that sudo asks after it had an answer. It has rejected that
// only if it says so: its PAM stack may have more than one question, of which
// our prompt hides the words. The outcome of the password is then open.
func (d *dialogue) asksAgain() {
	said := string(d.held)
	d.before, d.held = append(d.before, d.held...), nil
	switch {
	case !tryAgain().MatchString(said):
		d.state, d.more = asked, true
		question := strings.TrimSpace(said + "\nsudo asks for something more than the password of " + d.account() + ", such as a code")
		go d.answer(func(ctx context.Context) (secret.Secret, secret.Report, error) { return d.other(ctx, question) })
	case d.more:
		d.giveUp(ErrMoreRejected)
	default:
		d.settle(secret.Rejected)
		d.giveUp(secret.ErrRejected)
	}
}

// password takes the password.
func (d *dialogue) password(ctx context.Context) (secret.Secret, secret.Report, error) {
	if d.o.Take == nil {
		return secret.Secret{}, nil, ErrNoPassword
	}
	return d.o.Take(ctx, d.account())
}

// other has the operator answer something else.
func (d *dialogue) other(ctx context.Context, question string) (secret.Secret, secret.Report, error) {
	if d.o.Answer == nil {
		return secret.Secret{}, nil, ErrMore
	}
	s, err := d.o.Answer(ctx, question, false)
	if errors.Is(err, secret.ErrNoTerminal) {
		err = ErrMore
	}
	return s, nil, err
}

// answer gives sudo the answer of get. Only a password has a report.
func (d *dialogue) answer(get func(context.Context) (secret.Secret, secret.Report, error)) {
	ctx, cancel := context.WithCancelCause(d.ctx) // the question goes when either does
	defer cancel(nil)
	defer context.AfterFunc(d.live, func() { cancel(context.Cause(d.live)) })()
	word, report, err := get(ctx)
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case err == nil && d.state != asked: // sudo did not wait so long
		if report != nil {
			report(secret.Unknown)
		}
	case err == nil:
		d.state = answered
		if report != nil {
			d.word, d.report = &word, report
		}
		d.in.line(word.Reveal())
	case d.state == asked && d.live.Err() == nil && d.ctx.Err() == nil:
		d.giveUp(err)
	}
}

// endedByItself tells whether nothing was ended when the time was over: then the
// status that the runner has is the command's own, and processes that the command
// left running stay.
func (d *dialogue) endedByItself() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.spared
}

// settle tells the keyring what became of the password, if one was taken.
func (d *dialogue) settle(o secret.Outcome) {
	if d.report != nil {
		d.report(o)
		d.report = nil
	}
}

// giveUp ends sudo while it asks.
func (d *dialogue) giveUp(why error) {
	d.failed = why
	go func() {
		d.end()
		d.stop(why)
	}()
}

// finish makes a Result or an error of how sudo ended.
func (d *dialogue) finish(res remote.Result, err error) (remote.Result, error) {
	d.ear.flush()
	d.mu.Lock()
	defer d.mu.Unlock()
	was := d.state
	d.state = over
	sudos := string(d.before) + string(d.held) // words, as long as the command has none
	switch {
	case d.failed != nil:
		err = d.refusal(d.failed, sudos)
	case err != nil && was == answered && !d.more && d.ctx.Err() != nil:
		// sudo takes its time over a wrong password: not to be tried elsewhere.
		d.settle(secret.Rejected)
	case err == nil && was != running:
		err = d.judge(res, sudos, was == answered)
	}
	d.settle(secret.Unknown)
	if _, refused := err.(*Error); !refused { // which says it itself
		d.release()
	}
	res.Stderr = d.kept.Bytes()
	return res, err
}

// judge tells from what sudo said whether it has run the command. A line has
// told when it began, so that what ends without was not run.
func (d *dialogue) judge(res remote.Result, sudos string, shown bool) error {
	about, reason := explain(res, sudos)
	switch {
	case shown && reason == errWrong && d.more:
		reason = ErrMoreRejected
	case shown && reason == errWrong:
		d.settle(secret.Rejected)
		reason = secret.ErrRejected
	case shown:
		d.settle(secret.Accepted)
	case reason == errWrong: // it was another sudo
		reason = nil
	}
	if reason == nil && d.o.Look && res.Code == 1 { // of this it says nothing
		reason = ErrNotAllowed
	}
	if reason == nil && d.cmd.Args == nil && res.Code != 0 {
		reason, about = ErrNotRun, remote.LastLines([]byte(sudos), 1)
	}
	if reason == nil {
		return nil
	}
	e := d.refusal(reason, sudos)
	if reason != ErrNotAllowed || d.cmd.Args != nil { // it has a whole script in it
		e.About = about
	}
	return e
}

func (d *dialogue) refusal(reason error, sudos string) *Error {
	sudos = strings.ReplaceAll(sudos, strings.TrimSpace(d.ear.token.preamble()), "")
	return &Error{Cmd: d.cmd.Name(), Account: d.account(), Reason: reason, Said: sudos}
}
