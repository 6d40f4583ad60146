package main

import (
	"context"
	"slices"
	"strings"

	"farmrun/cmd/internal/manual"
	"farmrun/luahost"
	"farmrun/luahost/console"
	bindings "farmrun/modules"
	"farmrun/modules/cli"
)

// usageText says how farmrun is called.
func usageText(f flags) string { return usage + cli.FlagHelp(f.set()) + statuses }

// say is the job of printing a text.
func say(text string) job {
	return jobFunc(func(_ context.Context, out *console.Console) error {
		out.Print("", text)
		return nil
	})
}

// readManual reads the manual that is in the binary.
func readManual() (*manual.Manual, error) { return manual.Read(bindings.Sources, nil) }

// helpJob shows what there is to say of a command, what the manual says of a
// name, or the help of a script.
func helpJob(f flags, args []string) (job, error) {
	switch {
	case len(args) == 0:
		return say(usageText(f)), nil
	case len(args) > 1:
		return nil, usageError("farmrun help takes one name")
	case args[0] == "json":
		return say(jsonHelp), nil
	case args[0] == "passwords":
		return say(passwordsHelp), nil
	}
	if c, ok := commands()[args[0]]; ok {
		return say(c.text(f)), nil
	}
	m, err := readManual()
	if err != nil {
		return nil, err
	}
	if text, ok := m.Help(args[0]); ok {
		return say(text), nil
	}
	if s, err := newScript(f, args[0], []string{"--help"}); err == nil {
		return s.help(), nil
	}
	if text, ok := m.HelpAny(args[0]); ok {
		return say(text), nil
	}
	return nil, noHelpError(m, args[0])
}

func noHelpError(m *manual.Manual, name string) error {
	names := slices.Concat(m.Names(), m.Chapters(), scriptNames(), commandNames())
	return &luahost.Error{
		Kind:    luahost.Usage,
		Message: "there is nothing about \"" + name + "\"" + luahost.DidYouMean(name, names),
		Hint:    "there are " + strings.Join(m.Chapters(), ", ") + ", the commands and scripts, and each function as in farm.each or host:run",
	}
}

// help is the job of showing what a script does. A script that does not read
// its arguments would take --help for an order: of such a one it is the
// comment at its head. The help of a script needs no site.
func (s script) help() job {
	if !strings.Contains(s.source, "cli.parse") {
		return say(headComment(s.source))
	}
	s.flags.dryRun = true
	s.find.example = true
	return s
}

// headComment returns the comment that a script begins with.
func headComment(source string) string {
	var b strings.Builder
	for line := range strings.Lines(source) {
		text, isComment := strings.CutPrefix(line, "--")
		if !isComment && !strings.HasPrefix(line, "#!") {
			break
		}
		if isComment {
			b.WriteString(strings.TrimPrefix(text, " "))
		}
	}
	return b.String()
}
