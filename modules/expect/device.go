package expect

import (
	"cmp"
	"context"
	"errors"
	"io"
	"regexp"
	"strings"
	"time"

	"farmrun/luahost/lazyregexp"
	"farmrun/luahost/remote"
	"farmrun/luahost/render"
)

// Device describes the command line of a device to Command. The zero value is
// one whose prompt is the line that stands there now, and which has no pager and no
// errors.
type Device struct {
	// Prompt ends the output, once nothing follows for its Quiet, or promptQuiet. nil is
	// the same line again.
	Prompt *Pattern
	// Pager is answered with Page; nil is never.
	Pager *Pattern
	Page  string
	// Errors finds the line by which the device rejects a command; nil finds none. It is
	// looked for in short output only, unless AllLines is set: long output has lines of
	// any kind.
	Errors   *regexp.Regexp
	AllLines bool
	// Silence is for how long the device may print nothing; 0 is as long as the context
	// lasts.
	Silence time.Duration
}

const (
	// promptQuiet tells a prompt from a line of output that begins like it, pagerQuiet a
	// pager's question: the first. Its like for the further pages need no time.
	promptQuiet = 50 * time.Millisecond
	pagerQuiet  = 300 * time.Millisecond
	pageQuiet   = time.Millisecond
)

// usualPager is the question of the pagers of most devices, usualError how they reject
// a command: those of Cisco, Arista, Juniper, HP, Fortinet, Huawei, MikroTik, Dell and APC,
// and of shells such as csh, ftp, sftp, telnet, gdb, Python and databases.
var (
	usualPager = lazyregexp.New(`(?im)^ *(?:-+ ?\(?more\b|press (?:any key|<?enter>?) to continue|lines? \d+-\d+)[^\n]*\z`)
	usualError = lazyregexp.New(`(?im)^ *(?:%(?: ?(?:error|invalid|incomplete|ambiguous|un|bad|no|can)| \S)|` +
		`(?:invalid|incomplete|ambiguous|unknown|unrecognized|undefined) (?:input|command)|unknown action \d|` +
		`syntax ?error|(?:indentation|tab)?error: ?[^\s\d]|E1\d\d: ?|command (?:parse error|fail)|bad command|expected end of command|input does not match)[^\n]*|` +
		`^(?:\?\S|(?-i:[45]\d\d[ -][A-Z'"/])|error \d+ \(|traceback |file "[^\n]*" not found|` +
		`\S[^\n]*: (?:command not found|not found|no such file or directory|permission denied|connection refused)\.?$)[^\n]*`)
)

// UsualDevice is one of the usual ones: it has their pager and their errors.
func UsualDevice() Device {
	pager := Compiled(usualPager())
	return Device{Pager: &pager, Page: usualPage, Errors: usualError()}
}

// mostRejection is how many lines a device prints when it rejects a command.
const mostRejection = 10

// RejectedError is that a device has printed an error.
type RejectedError struct {
	Line string // of the output
	*remote.ExitError
}

func (e *RejectedError) Error() string { return e.Cmd + ": " + e.Line }
func (e *RejectedError) Unwrap() error { return e.ExitError }

// Command types a command at the prompt of a device and returns its output:
// Result.Stdout has the lines as a person sees them, without the echo, the prompt and
// the pager's questions, and at most keep bytes of them. All that was printed before and
// not matched is forgotten. An error of the device is a *RejectedError, with the Result.
func (s *Session) Command(ctx context.Context, command string, d Device, keep int) (remote.Result, error) {
	if strings.ContainsAny(command, "\r\n\x00") {
		return remote.Result{}, errors.New("a command is one line")
	}
	s.settle(ctx)
	prompt, restore, err := s.screenAtPrompt(ctx)
	if err != nil {
		return remote.Result{}, err
	}
	defer restore()
	w, err := s.forCommand(ctx, d, prompt)
	if err != nil {
		return remote.Result{}, err
	}
	began, said := time.Now(), &output{Output: remote.Output{Keep: keep}}
	defer s.in.olderTo(said)()
	if err = s.sendUnheard(ctx, command+"\r"); err == nil {
		err = s.pages(ctx, w, d.Page, said)
	}
	res := remote.Result{Stdout: []byte(afterEcho(string(said.Bytes()), command)), Duration: time.Since(began)}
	if err != nil {
		res.Code = -1
		return res, err
	}
	if line := d.rejection(string(res.Stdout)); line != "" {
		res.Code = 1
		return res, remote.Quoting(line, &RejectedError{line, &remote.ExitError{Cmd: command, Result: res}})
	}
	return res, nil
}

// output counts its lines.
type output struct {
	remote.Output
	lines int
}

func (o *output) Write(p []byte) (int, error) {
	o.lines += strings.Count(string(p), "\n")
	return o.Output.Write(p)
}

// forCommand returns the patterns for which Command waits: the prompt first, then the
// pager's question, and the one that it had in the last command. The last blank of a
// prompt may still have been on its way.
func (s *Session) forCommand(ctx context.Context, d Device, prompt string) (Wait, error) {
	w := Wait{Timeout: patienceOf(ctx), Silence: d.Silence}
	prompt = strings.TrimRight(prompt, " ")
	switch {
	case d.Prompt != nil:
		w.Patterns = []Pattern{*d.Prompt}
	case prompt == "":
		return w, errors.New("the device shows no prompt to wait for again: wait for it first, or name it by the option prompt")
	default:
		w.Patterns = []Pattern{Compiled(regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(prompt) + ` *\z`))}
	}
	w.Patterns[0].Quiet = cmp.Or(w.Patterns[0].Quiet, promptQuiet)
	if d.Pager != nil {
		pager := *d.Pager
		pager.Quiet = cmp.Or(pager.Quiet, pagerQuiet)
		w.Patterns = append(w.Patterns, pager)
		if like := s.paged.Load(); like != nil {
			w.Patterns = append(w.Patterns, *like)
		}
	}
	return w, nil
}

// pages writes the output to said until the prompt comes. A prompt on the line where the
// command was typed is the old one.
func (s *Session) pages(ctx context.Context, w Wait, page string, said *output) error {
	for {
		m, err := s.Expect(ctx, w)
		io.WriteString(said, m.Before)
		switch {
		case err != nil:
			return err
		case m.Pattern > 0:
			like := likePage(m, min(pageQuiet, w.Patterns[1].Quiet))
			w.Patterns = append(w.Patterns[:2:2], like)
			s.paged.Store(&like)
			err = s.sendUnheard(ctx, pageKey(m.Text, page))
		case said.lines > 0:
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// likePage is a question like one that a pager has asked, but for numbers, and on a line
// of its own if that was.
func likePage(asked Match, quiet time.Duration) Pattern {
	like := digits().ReplaceAllLiteralString(regexp.QuoteMeta(asked.Text), `\d+`) + `\z`
	if asked.Before == "" || strings.HasSuffix(asked.Before, "\n") {
		like = "(?m)^" + like
	}
	p := Compiled(regexp.MustCompile(like))
	p.Quiet = quiet
	return p
}

// pageKey is the key that a pager's question wants: page, or Enter if it names only that.
func pageKey(question, page string) string {
	if page == usualPage && enterOnly().MatchString(question) {
		return "\r"
	}
	return page
}

const usualPage = " "

var enterOnly = lazyregexp.New(`(?i)press <?enter>? to continue`)

var digits = lazyregexp.New(`\d+`)

// sendUnheard is Send for text whose echo stays in the output.
func (s *Session) sendUnheard(ctx context.Context, text string) error {
	return s.write(ctx, "", func() error {
		_, err := io.WriteString(s.stream, text)
		return err
	})
}

// settle waits until the prompt has stood for promptQuiet, unless it is known to have.
// Before that it may be a line of output, and the program behind it may have yet to take
// over the echo from the terminal, as sftp does, which then has it twice. A device that is
// never silent has a second.
func (s *Session) settle(ctx context.Context) {
	if !s.stands.Load() {
		s.Expect(ctx, Wait{Silence: promptQuiet, Timeout: time.Second})
	}
}

// screenAtPrompt forgets all output but for the line where the cursor is, which it
// returns, and has output be as a person sees it until restore.
func (s *Session) screenAtPrompt(ctx context.Context) (prompt string, restore func(), err error) {
	err = s.drain(ctx, func() { prompt, restore = s.in.drawFrom() })
	return prompt, restore, err
}

// drain forgets all output, and then calls do before there can be more.
func (s *Session) drain(ctx context.Context, do func()) error {
	select {
	case s.waiting <- struct{}{}:
		defer func() { <-s.waiting }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if isClosed(s.closed) {
		return ErrClosed
	}
	s.in.take()
	defer s.in.leave()
	s.in.release()
	s.found.find(everything)
	do()
	return nil
}

// rejection returns the line by which the device has rejected a command; "" if it has
// not.
func (d Device) rejection(text string) string {
	if d.Errors == nil || !d.AllLines && strings.Count(text, "\n") > mostRejection {
		return ""
	}
	at := d.Errors.FindStringIndex(text)
	if at == nil {
		return ""
	}
	line, _, _ := strings.Cut(text[strings.LastIndexByte(text[:at[0]], '\n')+1:], "\n")
	return strings.TrimSpace(line)
}

// afterEcho returns text without its first line, where the command was typed, or more
// lines where the device has wrapped it. A device that has no echo ends that line as
// well; one that has printed something else there has none.
func afterEcho(text, command string) string {
	line, rest, ended := strings.Cut(text, "\n")
	if strings.TrimSpace(line) == "" || isEcho(line, command) {
		return rest
	}
	for seen := squeeze(line); ended && strings.HasPrefix(squeeze(command), seen); {
		if seen == squeeze(command) {
			return rest
		}
		line, rest, ended = strings.Cut(rest, "\n")
		seen += squeeze(line)
	}
	return text
}

// isEcho tells whether a line shows the typed text in the end, be it only its end, since
// many devices move a long line to the left, and mark that by "$" or "<".
func isEcho(line, typed string) bool {
	line, typed = blanks(line), blanks(render.Text([]byte(typed)))
	if typed == "" {
		return line == ""
	}
	if strings.HasSuffix(line, typed) {
		return true
	}
	const sure = 8
	at := strings.LastIndexAny(line, "$<")
	for ; at >= 0; at = strings.LastIndexAny(line[:at], "$<") {
		if tail := line[at+1:]; len(tail) >= sure && strings.HasSuffix(typed, tail) {
			return true
		}
	}
	return false
}

// blanks returns text with one blank for each tab and for several, since terminals make
// blanks of tabs.
func blanks(text string) string { return strings.Join(strings.Fields(text), " ") }

// squeeze returns text without blanks, which stand for ends of lines where text is
// wrapped.
func squeeze(text string) string { return strings.Join(strings.Fields(text), "") }
