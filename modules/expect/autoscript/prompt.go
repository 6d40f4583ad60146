package autoscript

import (
	"strings"

	"farmrun/luahost/lazyregexp"
)

// secrets are in the questions for which programs switch echo off.
var secrets = lazyregexp.New(`(?i)pass ?(word|phrase|code|wd)|\bPIN\b|secret|token|kennwort|passwort|mot de passe|contraseña`)

// asksSecret reports whether a prompt asks for something that is not to be seen.
func asksSecret(prompt string) bool { return secrets().MatchString(prompt) }

// isQuestion reports whether a prompt asks for something that may not be seen.
func isQuestion(prompt string) bool { return asksSecret(prompt) || questions().MatchString(prompt) }

var questions = lazyregexp.New(`[:?] *$`)

var (
	// shellPrompt is the prompt of a shell, and of no device. Others are a shell's where it
	// was given them: see Transcript.shells.
	shellPrompt = lazyregexp.New(`[$%] $|(?:^|[~/:@].*)# $`)
	// cshPrompt may be that of a shell that session:run cannot use.
	cshPrompt = lazyregexp.New(`% $`)
	// devicePrompt is that of a command line that may change with its modes.
	devicePrompt = lazyregexp.New(`^[\w.@()/:<>\[\]~*+-]{2,} ?[#>] ?$|^[<\[]\S+[>\]]$`)
	// moreOfLine is the prompt of a shell in which a command goes on.
	moreOfLine = lazyregexp.New(`^(?:(?:heredoc|[db]?quote|for|while|if|then|else|pipe|cmdand|cmdor|cursh|subsh|function)\b[ \w]*)?[>?] $|^(?:foreach|while|if)\? $`)
)

var (
	// another is the last command of a line that leads to another shell, or leaves this one.
	another = lazyregexp.New(`^\s*(?:` +
		`(?:exit|logout)(?:\s+\d+)?|` +
		`(?:exec|newgrp|telnet|rlogin|chroot|screen|tmux|fg|docker|podman|kubectl|lxc|nsenter|machinectl)\b.*|` +
		`(?:sudo\s+(?:-\S+\s+)*)?(?:su(?:\s+(?:-[l-]*|--login|[\w.]\S*))*|(?:\S*/)?(?:ba|da|a|k|mk|pdk|z|c|tc|fi|r|rba)?sh(?:\s+(?:-[abd-zA-Z]*|--\S+))*)|` +
		`sudo(?:\s+-[ughp]\s+\S+|\s+-\S+)+|` +
		`(?:ssh|slogin)(?:\s+-[BbcDEeFIiJLlmOopQRSWw]\s*\S+|\s+-\S+)*\s+\S+` +
		`)\s*$`)
	// newPrompt is a command by which a shell gets another prompt.
	newPrompt = lazyregexp.New(`\b(?:PS1|PROMPT|prompt)=|\bset\s+prompt\b`)
	becomes   = lazyregexp.New(`\bsu(?:do)?\b`)
	// event is a line in which a shell puts a part of its history.
	event  = lazyregexp.New(`^\^[^\^]+\^|(?:^|[^\\$\[(])!(?:[!$*^:?\w-]|#$)`)
	quoted = lazyregexp.New(`'[^']*'`)
	digits = lazyregexp.New(`\d+`)
)

// leads reports whether another shell, or none, has the prompt that comes after a line.
func leads(line string) bool {
	return another().MatchString(line[strings.LastIndexAny(line, ";&|")+1:])
}

// isEvent reports whether a shell puts a part of its history in a line.
func isEvent(line string) bool {
	return event().MatchString(quoted().ReplaceAllLiteralString(line, "''"))
}

// alike returns a prompt without its numbers.
func alike(prompt string) string {
	return digits().ReplaceAllLiteralString(strings.TrimSpace(prompt), "0")
}

// owner returns the part of a shell's prompt before the directory, without numbers that
// stand alone: it says whose shell that is, and where.
func owner(prompt string) string {
	prompt = alone().ReplaceAllLiteralString(prompt, "0")
	if at := strings.IndexAny(prompt, "~/ "); at >= 0 {
		return prompt[:at]
	}
	return prompt
}

var alone = lazyregexp.New(`\b\d+(?::\d+)*\b`)

// logLine is a line by which a console or a system tells of an event, at any time.
var logLine = lazyregexp.New(`%[A-Z0-9_]+-\d-[A-Z0-9_]+|^\W*[A-Z][a-z]{2} +\d+ \d+:\d\d:\d\d|^\[ *\d+\.\d+\] |^<\d+>`)

// shells returns the prompts that are those of shells, as alike has them, besides
// shellPrompt: a line at a shell's prompt gave it them, or led to root's. It is true for
// those of shells that are no csh. Those of shellPrompt are in it as well, since a pager
// that erases its question takes away the blank in the end.
func (t *Transcript) shells() map[string]bool {
	known := map[string]bool{}
	for i := range len(t.turns) - 1 {
		before, after := t.turns[i].prompt(), t.turns[i+1].prompt()
		if shellPrompt().MatchString(before) {
			known[alike(before)] = !cshPrompt().MatchString(before)
		}
		if t.turns[i].kind != line || after == "" || !isShell(before, known) {
			continue
		}
		typed, _ := edited(t.turns[i].keys[:len(t.turns[i].keys)-1])
		switch {
		case newPrompt().MatchString(typed):
			known[alike(after)] = !cshPrompt().MatchString(before)
		case leads(typed) && becomes().MatchString(typed) && strings.HasSuffix(after, "# "):
			known[alike(after)] = false
		}
	}
	return known
}

func isShell(prompt string, known map[string]bool) bool {
	_, named := known[alike(prompt)]
	return shellPrompt().MatchString(prompt) || prompt != "" && named
}

// isPOSIX tells of a shell's prompt whether session:run can be used there.
func isPOSIX(prompt string, known map[string]bool) bool {
	return known[alike(prompt)] || shellPrompt().MatchString(prompt) && !cshPrompt().MatchString(prompt)
}
