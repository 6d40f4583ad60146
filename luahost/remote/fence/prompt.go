package fence

import (
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
	// prompts end the output of most shells that wait for a line.
	prompts = lazyregexp.New(`[$#%>❯➜»λ] ?$`)
	// questions may be no shell's.
	questions = lazyregexp.New(`(?i)^\s*$|[?:]\s*$|[(\[]y(?:es)?/[^)\]]*[)\]]\s*$`)
	wantEnter = lazyregexp.New(`(?i)(?:press|hit|strike) [^\r\n]*(?:return|enter|any key)[^\r\n]*$|--more--[^\r\n]{0,20}$`)
)

// quiet is how long nothing may follow the end of a line that is like a prompt. A prompt
// with a space behind it is believed at once.
const quiet = 50 * time.Millisecond

// awaitPrompt reads until the shell waits for a line: a startup file that asks something
// would take the noter for the answer. It presses Enter where that is all that is asked for.
// A shell of which the prompt is not known is told by the silence behind it.
func (s *noting) awaitPrompt(ctx context.Context) error {
	answered := 0
	for silences := 0; silences < obeysTimes && len(s.rest) <= mostBefore; {
		line := s.lastLine()
		isPrompt, enter := prompts().MatchString(line), wantEnter().MatchString(line) && len(s.rest) > answered
		if isPrompt && strings.HasSuffix(line, " ") {
			return nil
		}
		wait := obeysWithin
		if isPrompt || enter {
			wait = quiet
		}
		more, err := s.more(ctx, time.Now().Add(wait))
		switch {
		case more:
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		case enter:
			answered = len(s.rest)
			if _, err := s.Write([]byte("\r")); err != nil {
				return err
			}
		case isPrompt || !questions().MatchString(line) && !wantEnter().MatchString(line):
			return nil
		default:
			silences++
		}
	}
	if line := strings.TrimSpace(s.lastLine()); line != "" {
		return remote.Quoting(line, fmt.Errorf("%w: it shows no prompt, but %q", ErrNoShell, line))
	}
	return fmt.Errorf("%w: it shows no prompt", ErrNoShell)
}

// lastLine is the text that the cursor stands behind.
func (s *noting) lastLine() string {
	text := render.Text(s.rest)
	return text[strings.LastIndexByte(text, '\n')+1:]
}
