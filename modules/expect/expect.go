// Package expect holds dialogues with programs that were made for people, as
// Expect does: it waits for one of several patterns in what the other end
// says, and sends what a person would type. It knows no Lua.
//
// A [Session] is a dialogue over any stream; [Start] gives the stream of a local
// program that runs in a terminal of its own:
//
//	terminal, err := expect.Start(expect.Program{Args: []string{"passwd"}})
//	s := expect.New(terminal, expect.Options{})
//	defer s.Close()
//	m, err := s.Expect(ctx, expect.Wait{
//		Patterns: []expect.Pattern{expect.Text("password: ")},
//		Timeout:  10 * time.Second,
//	})
//
// The way of what the other end says: input.go says who reads it and keeps it,
// filter.go takes out the echo of what was sent, and terminal escapes if asked
// to, goexpect.go looks for the patterns, by goexpect. How long to wait is
// decided here, in Session.Expect. errors.go says why a wait failed.
//
// Session.Interact gives an operator the dialogue (interact.go): what is said
// then goes past filter and matcher (tap.go), and what is typed passes as it is,
// until the escape (escape.go). Sessions are those that he can take over. mask.go
// keeps secrets out of both ways.
package expect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"farmrun/luahost/lazyregexp"
	"farmrun/luahost/remote"
)

// Pattern is something to wait for. Make it by Regexp or Text.
type Pattern struct {
	// Quiet is for how long nothing may be said for the pattern to hold: a prompt is the
	// last that is said. 0 has it hold at once.
	Quiet time.Duration

	re       *regexp.Regexp // nil: it is text
	lastLine bool           // see isOnLastLine
	text     string
	quoted   func() *regexp.Regexp // text as a regular expression
	shown    string
	line     string // as it was recorded; "" for most patterns
}

// Regexp returns a pattern of a regular expression, as Go and RE2 have them. It
// is looked for anywhere in what was said since the last match, once that is
// not nothing.
func Regexp(expr string) (Pattern, error) {
	if text, ok := literal(expr); ok {
		p := Text(text)
		p.shown = strconv.Quote(expr)
		return p, nil
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return Pattern{}, err
	}
	return Compiled(re), nil
}

// literal returns the only text that a regular expression matches, if there is
// but one: most prompts are such, and to look for text is quicker.
func literal(expr string) (text string, ok bool) {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil || re.Op != syntax.OpLiteral || re.Flags&syntax.FoldCase != 0 || slices.Contains(re.Rune, utf8.RuneError) {
		return "", false // what is not UTF-8 is a RuneError to a regular expression, and no text
	}
	return string(re.Rune), true
}

// Compiled returns the pattern of a regular expression that is compiled already.
func Compiled(re *regexp.Regexp) Pattern {
	return Pattern{re: re, lastLine: isOnLastLine(re.String()), shown: strconv.Quote(re.String())}
}

// Text returns a pattern that is the text itself.
func Text(text string) Pattern {
	return Pattern{text: text, quoted: lazyregexp.New(regexp.QuoteMeta(text)), shown: strconv.Quote(text)}
}

func (p Pattern) isText() bool { return p.re == nil }

// place returns where the pattern and its groups are in a text, as regexp does, of a
// pattern that is text or on the last line; nil is nowhere.
func (p Pattern) place(text []byte) (places []int) {
	if p.isText() {
		if at := bytes.Index(text, []byte(p.text)); at >= 0 {
			places = []int{at, at + len(p.text)}
		}
		return places
	}
	line := bytes.LastIndexByte(text, '\n') + 1
	places = p.re.FindSubmatchIndex(text[line:])
	for i := range places {
		if places[i] >= 0 {
			places[i] += line
		}
	}
	return places
}

// Regexp returns the pattern as a regular expression.
func (p Pattern) Regexp() *regexp.Regexp {
	if p.isText() {
		return p.quoted()
	}
	return p.re
}

// String returns the pattern in quotes, for errors.
func (p Pattern) String() string { return p.shown }

// Options are how a Session listens. The zero value will do.
type Options struct {
	// Keep bounds how much of what was said and not yet matched is remembered,
	// in bytes; of more, the beginning is forgotten. 0 is DefaultKeep.
	Keep int
	// Strip says how terminal escapes are taken out of the output.
	Strip Strip
	// Echo says whether the other end sends back what it is sent, which is
	// then no part of what it said. EchoUnknown asks the stream, if that is an
	// Echoer.
	Echo Echo
	// Mask makes the writer that redacts secrets for an operator who has the
	// session; a script gets everything as it is. nil redacts nothing.
	Mask func(to io.Writer) Masker
	// MayType is asked, with the context of a Send or a wait, before anything is typed;
	// its error is that of the Send. nil allows all.
	MayType func(ctx context.Context) error
}

// Strip is how terminal escapes are taken out of output.
type Strip int

// StripNone leaves output as it is. StripEscapes takes escape sequences out, bells and
// shifts. StripScreen has the lines as a person sees them, by luahost/render, each of
// which ends with "\n"; the last may be drawn again, but for the matched part.
const (
	StripNone Strip = iota
	StripEscapes
	StripScreen
)

// Masker is a writer that passes on what it is sure about, and by Flush the
// rest; as many bytes as it got, with others in the place of secrets. That of a
// secret.Keyring is one.
type Masker interface {
	io.Writer
	Flush() error
}

// DefaultKeep is 64 KiB.
const DefaultKeep = 64 << 10

// Stream is what a dialogue is held over, such as a net.Conn. Its Close ends a
// Read and a Write that are under way, and so do its deadlines: a wait is as
// punctual as they are.
type Stream interface {
	io.ReadWriteCloser
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

// Echoer is a stream that knows how its terminal is set now, or is made of one: see
// remote.TerminalAs.
type Echoer interface{ Echo() Echo }

// Session is a dialogue. It may be used by several goroutines: one waits and
// one sends at a time. Close it.
type Session struct {
	stream Stream
	echo   Echo
	in     *input
	found  matcher

	mayType func(context.Context) error // Options.MayType
	paged   atomic.Pointer[Pattern]     // the question of a device's pager; nil is not known
	stands  atomic.Bool                 // the last match stood for promptQuiet, and nothing was sent since

	waiting chan struct{} // has one place: whoever holds it uses found
	closed  chan struct{}
	once    sync.Once

	sending chan struct{} // has one place: whoever holds it sends
	stuck   bool          // a send was given up, so nobody knows what arrived
}

// New begins a dialogue over stream, which then belongs to the Session.
func New(stream Stream, o Options) *Session {
	if o.Keep == 0 {
		o.Keep = DefaultKeep
	}
	s := &Session{
		stream:  stream,
		echo:    o.Echo,
		mayType: o.MayType,
		in:      newInput(stream, o),
		waiting: make(chan struct{}, 1),
		sending: make(chan struct{}, 1),
		closed:  make(chan struct{}),
	}
	s.found = newMatcher(s.in)
	return s
}

// Wait is what to wait for, and how long.
type Wait struct {
	// Patterns are tried in this order whenever something was said: an earlier
	// pattern wins, wherever in the text the later one is.
	Patterns []Pattern
	Timeout  time.Duration // for the whole wait; 0 only looks at what was said
	Silence  time.Duration // for saying nothing at all; 0 is as long as Timeout
	// Began is from when Timeout counts, for a wait that goes on; the zero
	// time is now.
	Began time.Time
	race  *race
}

// Match is how a wait ended well.
type Match struct {
	Pattern int    // which of Wait.Patterns
	Before  string // what was said since the last match
	Text    string // what matched
	Groups  []string
	Cut     int // how many bytes before Before were forgotten: see Options.Keep
}

// Expect waits until a pattern matches what was said since the last match.
// What comes after a match is for the next wait, and so is all that was said
// if none matches; Match.Before then shows it. It fails with an *Error:
// ErrTimeout, ErrSilence, ErrEnd when the stream ended, ErrClosed, or
// context.Cause(ctx).
func (s *Session) Expect(ctx context.Context, w Wait) (Match, error) {
	select {
	case s.waiting <- struct{}{}:
		defer func() { <-s.waiting }()
	case <-ctx.Done():
		return Match{Pattern: -1}, &Error{Patterns: w.Patterns, Err: context.Cause(ctx)}
	}
	if isClosed(s.closed) {
		return Match{Pattern: -1}, s.fail(w, ErrClosed)
	}
	m, err := s.wait(ctx, w)
	if err != nil {
		return Match{Pattern: -1, Before: s.in.unmatched(), Cut: s.in.cutBefore()}, s.fail(w, err)
	}
	s.stands.Store(w.Patterns[m.Pattern].Quiet >= promptQuiet)
	return m, nil
}

// Await is Expect in the words of the standard library, for packages that do
// not know this one. groups[0] is what matched, and what its groups matched
// comes after it. It fails with os.ErrDeadlineExceeded after within, with io.EOF
// where the other end is gone without a word why, and otherwise with the reason of
// Expect's error; which is then -1, and groups[0] all that was said since the last
// match.
func (s *Session) Await(ctx context.Context, patterns []*regexp.Regexp, within time.Duration) (which int, groups []string, err error) {
	w := Wait{Timeout: within}
	for _, p := range patterns {
		w.Patterns = append(w.Patterns, Pattern{re: p, shown: strconv.Quote(p.String())}) // many, for short output: Compiled takes longer
	}
	m, err := s.Expect(ctx, w)
	if e, failed := errors.AsType[*Error](err); failed {
		switch err = e.Err; err {
		case ErrTimeout:
			err = os.ErrDeadlineExceeded
		case ErrEnd:
			err = io.EOF
		}
		return -1, []string{m.Before}, err
	}
	return m.Pattern, append([]string{m.Text}, m.Groups...), nil
}

// wait is Expect without the words for what goes wrong.
func (s *Session) wait(ctx context.Context, w Wait) (Match, error) {
	s.in.take()
	defer s.in.leave()
	defer context.AfterFunc(ctx, s.in.end.pass)()
	p := newPatience(w)
	for first := true; ; first = false {
		fresh, held, ended := s.in.news()
		p.heard(fresh, held)
		if fresh || first || ended != nil || isPast(time.Now(), p.quiet) {
			if m, ok := w.race.run(func() (Match, bool) { return s.find(p, ended != nil) }); ok {
				return m, nil
			}
		}
		switch now := time.Now(); {
		case isClosed(s.closed):
			return Match{}, ErrClosed
		case ended != nil:
			return Match{}, ended
		case !held.IsZero() && (isPast(now, p.held) || isPast(now, p.end)): // it was said in time
			s.in.release()
		case isPast(now, p.end):
			return Match{}, ErrTimeout
		case isPast(now, p.silence):
			return Match{}, ErrSilence
		case ctx.Err() != nil:
			return Match{}, context.Cause(ctx)
		default:
			s.in.read(ctx, p.next())
			if !p.isPrompts() {
				s.in.gather(ctx)
			}
		}
	}
}

// isPrompts tells whether only the last line is searched.
func (w Wait) isPrompts() bool {
	return !slices.ContainsFunc(w.Patterns, func(p Pattern) bool { return !p.lastLine })
}

// find looks for the patterns that hold now, or, after the end, for all.
func (s *Session) find(p *patience, ended bool) (Match, bool) {
	p.quiet = time.Time{}
	if !slices.ContainsFunc(p.Patterns, func(is Pattern) bool { return is.Quiet > 0 }) {
		return s.found.find(p.Patterns)
	}
	var due []Pattern
	var places []int
	for i, is := range p.Patterns {
		if at := p.said.Add(is.Quiet); ended || is.Quiet == 0 || isPast(time.Now(), at) {
			due, places = append(due, is), append(places, i)
		} else if p.quiet.IsZero() || at.Before(p.quiet) {
			p.quiet = at
		}
	}
	m, ok := s.found.find(due)
	if ok {
		m.Pattern = places[m.Pattern]
	}
	return m, ok
}

// Send sends text as if it was typed; a line ends with "\n" or "\r". It returns
// when all of it is with the terminal. Meanwhile the other end can say as much as it
// likes, such as the echo; of text that nobody waits for, the beginning is forgotten. It
// fails with an *Error of ErrEnd when the other end is gone, and with ErrClosed. A Send
// that ctx ends leaves the Session such that further ones fail with ErrStuck.
func (s *Session) Send(ctx context.Context, text string) error {
	return s.write(ctx, text, func() error {
		_, err := io.WriteString(s.stream, text)
		return err
	})
}

// sendBreak presses the break key of the line.
func (s *Session) sendBreak(ctx context.Context) error {
	line, ok := s.stream.(interface{ Break() error })
	if !ok {
		return fmt.Errorf("break: %w", errors.ErrUnsupported)
	}
	if err := s.write(ctx, "", line.Break); err != nil {
		return fmt.Errorf("break: %w", err)
	}
	return nil
}

// write has something sent whose echo is that of text.
func (s *Session) write(ctx context.Context, text string, send func() error) error {
	select {
	case s.sending <- struct{}{}:
		defer func() { <-s.sending }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if s.mayType != nil {
		if err := s.mayType(ctx); err != nil {
			return err
		}
	}
	switch {
	case isClosed(s.closed):
		return ErrClosed
	case s.stuck:
		return ErrStuck
	case !s.in.beginSend(text, s.echoes(), s.echo == EchoOn):
		return s.nobody()
	}
	defer s.in.endSend()
	s.stands.Store(false)
	stop := context.AfterFunc(ctx, func() { s.stream.SetWriteDeadline(longAgo) })
	defer stop()
	err := send()
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.stuck = true
		return errors.Join(context.Cause(ctx), ErrStuck)
	case err != nil && isClosed(s.closed):
		return ErrClosed
	case saysGone(err):
		return s.nobody()
	}
	return err
}

// SendSecret is Send for what nobody may see, and Enter, which is "\r" to those
// that read from no terminal, in.rlogind for one. Where the other end prints it
// again, a script gets that as it is.
func (s *Session) SendSecret(ctx context.Context, secret string) error {
	if strings.ContainsFunc(secret, unicode.IsControl) {
		return errors.New("the secret has a control character in it, which a terminal would obey")
	}
	return s.Send(ctx, secret+"\r")
}

// echoes tells whether what is sent now will come back.
func (s *Session) echoes() Echo {
	if e, ok := remote.TerminalAs[Echoer](s.stream); ok && s.echo == EchoUnknown {
		return e.Echo()
	}
	return s.echo
}

// Said returns the last lines that the other end said, matched or not, made
// printable.
func (s *Session) Said() string { return s.in.lastLines() }

// Ended tells whether the other end is gone, or the Session closed, so that
// nothing more will be said.
func (s *Session) Ended() bool { return isClosed(s.closed) || s.in.hasEnded() }

// Leave gives the other end half a second to exit by itself, unless it is at a prompt, and
// nothing was sent there.
func (s *Session) Leave(ctx context.Context) {
	prompt := Compiled(atPrompt())
	prompt.Quiet = promptQuiet
	switch unmet, line := s.in.last(); {
	case unmet:
		s.Expect(ctx, Wait{Timeout: hangupWithin})
	case line == "":
		s.Expect(ctx, Wait{Patterns: []Pattern{prompt}, Timeout: hangupWithin})
	}
}

var atPrompt = lazyregexp.New(`[^\r\n]\z`)

// Close ends the dialogue and closes the stream. A wait or a send that is under
// way ends. Further calls do nothing.
func (s *Session) Close() (err error) {
	s.once.Do(func() {
		close(s.closed)
		err = s.stream.Close()
		s.waiting <- struct{}{} // no wait needs the matcher any more
		s.in.close()
		s.found.close()
		<-s.waiting
	})
	return err
}

// patience is how long a wait goes on. Its zero times never come.
type patience struct {
	Wait
	end     time.Time // however much is said
	silence time.Time // if nothing is said before
	held    time.Time // what is held back is given out
	said    time.Time // when something was said last, or the wait began
	quiet   time.Time // a further pattern holds if nothing is said before
}

func newPatience(w Wait) *patience {
	now := time.Now()
	if w.Began.IsZero() {
		w.Began = now
	}
	p := &patience{Wait: w, said: now, end: w.Began.Add(w.Timeout)}
	if look := now.Add(lookWithin); p.end.Before(look) {
		p.end = look
	}
	if w.Silence > 0 {
		p.silence = now.Add(w.Silence)
	}
	return p
}

// heard says whether there was new output, and when the last came that is held back;
// the zero time is that nothing is.
func (p *patience) heard(fresh bool, held time.Time) {
	if fresh {
		p.said = time.Now()
	}
	if fresh && p.Silence > 0 {
		p.silence = p.said.Add(p.Silence)
	}
	p.held = held
	if !held.IsZero() {
		p.held = held.Add(holdEcho)
	}
}

// next is when to look again.
func (p *patience) next() time.Time {
	next := p.end
	for _, t := range []time.Time{p.silence, p.held, p.quiet} {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	return next
}

// isPast tells whether it was t before now.
func isPast(now, t time.Time) bool { return !t.IsZero() && !now.Before(t) }
