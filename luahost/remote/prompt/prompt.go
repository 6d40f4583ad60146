// Package prompt waits at a terminal until a shell waits for a line there.
//
//	text, err := prompt.Await(ctx, terminal, nil)
//	// a line that is typed now is the shell's
//
// Output that looks like a prompt and is followed by silence is none yet: banners and
// startup files pause too, and a line that is typed then is the answer to their next
// question. So Enter is pressed, which answers no question but those that IsQuestion knows,
// behind which it is not, and only the same line once more is a prompt.
package prompt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"farmrun/luahost/lazyregexp"
	"farmrun/luahost/remote"
	"farmrun/luahost/render"
)

var (
	// likely ends the output of most shells that wait for a line.
	likely = lazyregexp.New(`[$#%>❯➜»λ] ?$`)
	// questions may have an answer that Enter chooses, those of menus among them. The prompts
	// of shells that have such words have them in a path or behind a user's name.
	questions = lazyregexp.New(`(?i)^\s*$|[?:]\s*$|[(\[](?:y(?:es)?/[^)\]]*|y|n|yes|no)[)\]]\s*[>#%$]?\s*$|` +
		`^[^@~/]*(?:\b(?:choose|choice|select|selection|option)\b|[(\[]default\b)[^@~/]*$`)
	wantEnter = lazyregexp.New(`(?i)(?:press|hit|strike) [^\r\n]*(?:return|enter|any key)[^\r\n]*$|--more--[^\r\n]{0,20}$`)
	// counted are the digits of a clock or a counter in a prompt, but not those of a progress
	// in percent.
	counted = lazyregexp.New(`\d+([^\d%])`)
)

const (
	// quiet is how long nothing may follow the end of a line that is likely to be a prompt,
	// before Enter is pressed.
	quiet = 50 * time.Millisecond
	// obeysWithin is how long anything else may be silent before that, and the shell's answer
	// to it. One whose prompt was not that may throw away the keys typed before.
	obeysWithin = 3 * time.Second
	obeysTimes  = 3
	// mostBefore bounds the text before the prompt, a message of the day for the most part.
	mostBefore = 64 << 10
)

// ErrNone is that the host shows no prompt.
var ErrNone = errors.New("it shows no prompt")

// Await waits for a prompt at t, where begun was read since the last line was typed. It
// presses Enter, but not behind a question. It returns all that was printed: up to the
// prompt, to which the terminal adds a new one for the next line, or with ErrNone, the cause
// of ctx or the error of t.
func Await(ctx context.Context, t remote.Terminal, begun []byte) (text []byte, err error) {
	w := &waiting{Terminal: t, text: begun}
	end := func(at time.Time) {
		t.SetReadDeadline(at)
		t.SetWriteDeadline(at)
	}
	defer end(time.Time{})
	defer context.AfterFunc(ctx, func() { end(time.Unix(1, 0)) })()
	for tries, answered := 0, -1; tries < obeysTimes && len(w.text) <= mostBefore; {
		line := LastLine(w.text)
		if more, err := w.more(ctx, patience(line)); more || err != nil {
			if err != nil {
				return w.text, err
			}
			continue
		}
		tries++
		if IsQuestion(line) || wantEnter().MatchString(line) && answered == len(w.text) {
			continue
		}
		answered = len(w.text)
		switch again, err := w.enter(ctx, line); {
		case err != nil:
			return w.text, err
		case again:
			return w.text[:answered-len(lastLine(w.text[:answered]))], nil
		}
	}
	if line := strings.TrimSpace(LastLine(w.text)); line != "" {
		return w.text, remote.Quoting(line, fmt.Errorf("%w, but %q", ErrNone, line))
	}
	return w.text, ErrNone
}

// patience is how long nothing may follow a line before Enter is pressed behind it.
func patience(line string) time.Duration {
	switch isLikely := likely().MatchString(line); {
	case isLikely && strings.HasSuffix(line, " "):
		return 0
	case isLikely || wantEnter().MatchString(line):
		return quiet
	}
	return obeysWithin
}

// waiting reads from a terminal.
type waiting struct {
	remote.Terminal
	text []byte
}

// more reads, and tells whether there was more in time.
func (w *waiting) more(ctx context.Context, within time.Duration) (bool, error) {
	if within == 0 {
		return false, nil
	}
	w.SetReadDeadline(time.Now().Add(within))
	if ctx.Err() != nil { // later it ends the read by a deadline of its own
		return false, context.Cause(ctx)
	}
	buf := make([]byte, 4<<10)
	n, err := w.Read(buf)
	w.text = append(w.text, buf[:n]...)
	switch {
	case n > 0 || err == nil:
		return true, nil
	case ctx.Err() != nil:
		return false, context.Cause(ctx)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return false, nil
	}
	return false, err
}

// enter presses Enter, and tells whether the same line came again.
func (w *waiting) enter(ctx context.Context, line string) (again bool, err error) {
	entered := len(w.text)
	if _, err := w.Write([]byte("\r")); err != nil {
		return false, cmp.Or(context.Cause(ctx), err)
	}
	for len(w.text) <= mostBefore {
		if more, err := w.more(ctx, obeysWithin); !more {
			return false, err
		}
		if Repeats(line, w.text[entered:]) {
			return true, nil
		}
	}
	return false, nil
}

// Repeats tells whether output, printed after Enter was pressed behind line, ends with the
// same line, as a shell's does. A clock or a counter in it may have gone on.
func Repeats(line string, output []byte) bool {
	alike := func(line string) string { return counted().ReplaceAllString(strings.TrimSpace(line), "0$1") }
	last := alike(LastLine(output))
	return last != "" && last == alike(line)
}

// IsQuestion tells whether Enter may choose an answer to a line, although it ends as a prompt
// does: it must not be pressed there.
func IsQuestion(line string) bool { return questions().MatchString(line) }

// LastLine returns the line that the cursor stands behind.
func LastLine(output []byte) string { return string(lastLine([]byte(render.Text(output)))) }

func lastLine(text []byte) []byte { return text[strings.LastIndexByte(string(text), '\n')+1:] }
