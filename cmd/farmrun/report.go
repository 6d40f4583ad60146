package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"farmrun/luahost"
	"farmrun/luahost/console"
	"farmrun/luahost/gate"
	"farmrun/luahost/remote"
	"farmrun/modules/farm"
	"farmrun/modules/farm/nodeset"
)

// The exit statuses.
const (
	allWell     = 0
	hostFailed  = 1
	wrong       = 2
	halted      = 3
	interrupted = 130
)

// status turns what came of a job into an exit status.
func status(err error) int {
	var exit *luahost.ExitRequest
	var several *farm.EachError
	var e *luahost.Error
	switch {
	case err == nil:
		return allWell
	case errors.As(err, &exit):
		return exit.Code
	case isInterrupt(err):
		return interrupted
	case errors.As(err, &e) && e.Kind == luahost.Halted: // though it may be because of several hosts
		return halted
	case errors.As(err, &several):
		return worst(several)
	case !errors.As(err, &e):
		return hostFailed
	}
	switch e.Kind {
	case luahost.Script, luahost.Usage, luahost.Fault:
		return wrong
	}
	return hostFailed
}

// worst is wrong if every host failed because the script is.
func worst(e *farm.EachError) int {
	if len(e.Failed) == 0 {
		return hostFailed
	}
	for _, f := range e.Failed {
		if status(f.Err) != wrong {
			return hostFailed
		}
	}
	return wrong
}

func isInterrupt(err error) bool {
	return errors.Is(err, errInterrupt) || errors.Is(err, gate.ErrStopped) || errors.Is(err, farm.ErrStopped)
}

// report tells the operator what went wrong, failures of the same kind
// together.
func report(out *console.Console, err error) {
	var exit *luahost.ExitRequest
	if err == nil || errors.As(err, &exit) {
		return
	}
	var several *farm.EachError
	if errors.As(err, &several) && several.Total > 1 { // that of one host says all
		reportGroups(out, several)
	}
	e := redacted(out, shown(err))
	out.Note("", "farmrun: error: %s", e.Error())
	reportDetail(out, e)
	if e.Hint != "" {
		out.Note("", "farmrun: hint: %s", e.Hint)
	}
}

// shown returns a copy of err for the operator, without positions in Lua that
// is not the operator's.
func shown(err error) *luahost.Error {
	var e *luahost.Error
	if !errors.As(err, &e) {
		return &luahost.Error{Message: err.Error(), Err: err}
	}
	copied := *e
	copied.Where = slices.DeleteFunc(slices.Clone(e.Where), func(at string) bool { return strings.HasPrefix(at, commandPath+":") })
	return &copied
}

// redacted returns e without the secrets that a host's words in it have.
func redacted(out *console.Console, e *luahost.Error) *luahost.Error {
	e.Message, e.Hint, _ = strings.Cut(out.Redact(e.Message+"\x00"+e.Hint, remote.SaidBy(e), e.Host, e.Step), "\x00") // the one that quotes the host tells what to redact
	if out.Mask != nil {
		e.Output = string(out.Mask([]byte(e.Output)))
	}
	return e
}

// reportGroups shows what each group of hosts failed with.
func reportGroups(out *console.Console, several *farm.EachError) {
	for _, g := range several.Groups() {
		name := nodeset.Fold(g.Hosts)
		e := redacted(out, shown(g.Err))
		who := g.Hosts[0]
		if e.Host == who {
			e.Host = "" // it stands before the line
		} else if e.Host != "" { // another, such as the balancer, has let them down
			who = e.Host
		}
		if len(g.Hosts) > 1 {
			e.Message = strings.ReplaceAll(e.Message, g.Hosts[0], name) // what is said of the first holds for all
		}
		out.Note(name, "%s", e.Error())
		e.Host = who
		reportDetail(out, e)
		if e.Hint != "" {
			out.Note(name, "hint: %s", e.Hint)
		}
	}
}

// reportDetail shows where in the script it was and the last that the host said.
func reportDetail(out *console.Console, e *luahost.Error) {
	for i, at := range e.Where {
		if i > 0 {
			out.Note("", "    called from %s", at)
		}
	}
	if strings.TrimSpace(e.Output) == "" {
		return
	}
	who := e.Host
	if who == "" {
		who = "the host"
	}
	out.Note("", "    the last that %s said:", who)
	for line := range strings.SplitSeq(e.Output, "\n") {
		out.Note("", "    | %s", line)
	}
}

// note tells the operator something about the run.
func note(out *console.Console, format string, args ...any) {
	out.Note("", "farmrun: %s", fmt.Sprintf(format, args...))
}

// plural is "1 file" or "2 files".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
