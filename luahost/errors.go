package luahost

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost/frame"
	"farmrun/luahost/lazyregexp"
	"farmrun/luahost/lualib/arg"
	"farmrun/luahost/remote"
)

// Kind says what sort of failure an Error is, so that a script can decide.
type Kind string

// The kinds of failure.
const (
	Timeout     Kind = "timeout"     // a deadline passed
	Exit        Kind = "exit"        // a command ran and failed
	Login       Kind = "login"       // the host would not let us in, or sudo did not take the password
	Unreachable Kind = "unreachable" // the host, or a service, did not answer
	HostKey     Kind = "hostkey"     // the host's key is unknown or changed
	Expect      Kind = "expect"      // a dialogue went another way
	Cancelled   Kind = "cancelled"   // the operator stopped the run
	Refused     Kind = "refused"     // farmrun or the host would not do it: nothing was changed
	Script      Kind = "script"      // the script is wrong: an error with a position in Lua
	Usage       Kind = "usage"       // the arguments of the script are wrong
	Failed      Kind = "failed"      // something else failed, or the script said so by error(text, 0)
	Hosts       Kind = "hosts"       // it failed on some hosts of several
	Halted      Kind = "halted"      // a rollout stopped before its end
	Fault       Kind = "fault"       // farmrun itself is wrong
)

// Error is a failure as Lua and the operator see it. In Lua it is a value with
// the fields kind, host, step, message, hint, code, output and where.
type Error struct {
	Kind    Kind
	Host    string   // "" if no host is concerned
	Step    string   // the step of the host's turn, or ""
	Message string   // what went wrong, in one line
	Hint    string   // what to do next, or ""
	Code    int      // the exit status, for kind exit
	Output  string   // the last lines the host said, or ""
	Where   []string // "file:line" of the Lua calls, innermost first
	Err     error    // the cause in Go, or nil
}

// Error returns one line: host, step, message and position.
func (e *Error) Error() string {
	var b strings.Builder
	for _, part := range []string{e.Host, e.Step} {
		if part != "" {
			b.WriteString(part + ": ")
		}
	}
	b.WriteString(e.Message)
	if len(e.Where) > 0 {
		b.WriteString(" (" + e.Where[0] + ")")
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Said returns a host's words that e may have in its message and hint. A text that a
// script has raised may be all a host's.
func (e *Error) Said() string {
	said := e.Output
	if _, raised := e.Err.(*lua.ApiError); raised {
		said += "\n" + e.Message
	}
	return said
}

// TimeoutError says which wait came to its end.
type TimeoutError struct {
	What  string // the wait: `host:run "sleep 1000"`, "the turn of web3"
	After time.Duration
}

func (e *TimeoutError) Error() string {
	return fmt.Sprintf("%s did not end within %v", e.What, e.After)
}

// ExitRequest is how a script that called os.exit ends.
type ExitRequest struct{ Code int }

func (e *ExitRequest) Error() string { return fmt.Sprintf("the script ends with status %d", e.Code) }

// The errors of packages that do not know luahost tell more about themselves
// by these methods. Kind returns the word of a Kind, and Host the name of the
// host where it happened. Output returns the last lines of that host's output.
// Names returns the names that may have been meant by an unknown one.
type (
	kinder interface {
		error
		Kind() string
	}
	hoster interface {
		error
		Host() string
	}
	hinter interface {
		error
		Hint() string
	}
	outputer interface {
		error
		Output() string
	}
	namer interface {
		error
		Names() []string
	}
)

// HintOf returns what err, or an error that it wraps, advises by a method Hint;
// "" if none does.
func HintOf(err error) string {
	if h, ok := errors.AsType[hinter](err); ok {
		return h.Hint()
	}
	return ""
}

// OutputOf returns the last lines of a host that err, or an error that it
// wraps, has by a method Output; "" if none has.
func OutputOf(err error) string {
	if o, ok := errors.AsType[outputer](err); ok {
		return o.Output()
	}
	return ""
}

// outputLines is how many of a host's last lines an error shows.
const outputLines = 10

// toError makes of err what Lua and the operator get: an *Error or an
// *ExitRequest. Errors that are one already keep what they say; t adds the
// host and the step.
func (rt *Runtime) toError(t *thread, err error) error {
	if e, ok := err.(*Error); ok {
		return fill(e, t)
	}
	var e *Error
	if errors.As(err, &e) {
		return fill(around(err, e), t)
	}
	var exit *ExitRequest
	if errors.As(err, &exit) {
		return exit
	}
	var api *lua.ApiError
	if errors.As(err, &api) {
		return rt.fromLua(t, api)
	}
	return fill(fromGo(err), t)
}

// fill returns a copy of e with the host and step of t where it says none. The
// first to see an error knows best, so what it says stays.
func fill(e *Error, t *thread) *Error {
	filled := *e
	if filled.Host == "" && filled.Kind != Hosts && filled.Kind != Halted {
		filled.Host = t.host
	}
	if filled.Step == "" && filled.Host == t.host {
		filled.Step = t.step()
	}
	return &filled
}

// around makes an Error of err, which has more to say about inner.
func around(err error, inner *Error) *Error {
	e := fromGo(err)
	if e.Kind == Failed {
		e.Kind, e.Code = inner.Kind, inner.Code
	}
	e.Message = strings.Replace(e.Message, inner.Error(), inner.Message, 1)
	if e.Hint == HintOf(inner) { // from within inner, which has the more to say
		e.Hint = ""
	}
	e.Hint, e.Output = cmp.Or(e.Hint, inner.Hint, HintOf(inner)), cmp.Or(e.Output, inner.Output)
	e.Host, e.Step, e.Where = cmp.Or(inner.Host, e.Host), inner.Step, inner.Where
	return e
}

// fromGo makes an Error of what a Go package returned.
func fromGo(err error) *Error {
	e := &Error{Kind: Failed, Message: err.Error(), Err: err}
	if kind, ok := errors.AsType[kinder](err); ok {
		e.Kind = Kind(kind.Kind())
	}
	if on, ok := errors.AsType[hoster](err); ok {
		e.Host = on.Host()
	}
	e.Hint, e.Output = HintOf(err), OutputOf(err)
	if exit, ok := errors.AsType[*remote.ExitError](err); ok {
		e.Code = exit.Code
		e.Output = exit.LastSaid(outputLines)
		if e.Kind == Failed {
			e.Kind = Exit
		}
	}
	if _, ok := errors.AsType[*TimeoutError](err); ok || errors.Is(err, context.DeadlineExceeded) {
		e.Kind = Timeout
	} else if errors.Is(err, context.Canceled) {
		e.Kind = Cancelled
	}
	return e
}

// fromLua makes an error of what ended a Lua function.
func (rt *Runtime) fromLua(t *thread, api *lua.ApiError) error {
	if ud, ok := api.Object.(*lua.LUserData); ok {
		switch v := ud.Value.(type) {
		case *ExitRequest:
			return v
		case *Error:
			if v.Kind == Fault || context.Cause(t.ctx) == nil || v.Kind == Timeout || v.Kind == Cancelled {
				return v
			}
		}
	}
	if cause := context.Cause(t.ctx); cause != nil {
		e := rt.toError(t, cause)
		if e, ok := e.(*Error); ok && len(e.Where) == 0 {
			e.Where = positions(api)
		}
		return e
	}
	if ud, ok := api.Object.(*lua.LUserData); ok {
		if e, ok := ud.Value.(error); ok {
			return rt.toError(t, e)
		}
	}
	return fill(scriptError(api), t)
}

// position matches what Lua puts before the text of an error.
var position = lazyregexp.New(`^([^\s:][^:\n]*:\d+): ?`)

// scriptError is an error that Lua itself or the script's error() raised. Where
// its text begins with a position the script is wrong; a script that has found
// something wrong with the world says so by error(text, 0).
func scriptError(api *lua.ApiError) *Error {
	e := &Error{Kind: Failed, Err: api}
	switch v := api.Object.(type) {
	case nil:
		e.Kind, e.Message = Script, api.Error()
	case *lua.LTable:
		e.Kind, e.Message = Script, "the script raised a table"
		if m, ok := v.RawGetString("message").(lua.LString); ok {
			e.Message = string(m)
		}
	case lua.LNumber:
		e.Message = arg.FormatNumber(float64(v))
	default:
		e.Message = v.String()
	}
	e.Where = positions(api)
	for m := position().FindStringSubmatch(e.Message); m != nil; m = position().FindStringSubmatch(e.Message) {
		e.Kind, e.Message = Script, strings.TrimPrefix(e.Message, m[0])
		if len(e.Where) == 0 || e.Where[0] != m[1] { // coroutine.wrap puts that of its caller in front
			e.Where = append([]string{m[1]}, e.Where...)
		}
	}
	return e
}

// mostFrames is how many Lua calls an error names.
const mostFrames = 6

// where returns the positions of the Lua functions that are being called,
// innermost first, those outside of a pcall or a coroutine too.
func (rt *Runtime) where(L *lua.LState) []string {
	var list []string
	for ; L != nil; L = rt.lua.Outer(L) {
		for _, c := range frame.Stack(L, 0) {
			if c.Line > 0 {
				list = append(list, fmt.Sprintf("%s:%d", c.Path, c.Line))
			}
			if len(list) == mostFrames {
				return list
			}
		}
	}
	return list
}

// positions returns those of the Lua functions that an error has ended.
func positions(api *lua.ApiError) []string {
	var list []string
	for line := range strings.Lines(api.StackTrace) {
		if at := strings.TrimSuffix(line, "\n"); at != "" && len(list) < mostFrames {
			list = append(list, at)
		}
	}
	return list
}

// errorType is how errors look in Lua.
var errorType = &Type[error]{
	Name:   "error",
	Fields: []string{"kind", "host", "step", "message", "hint", "code", "output", "where", "failures"},
	Field:  errorField,
	String: errorString,
}

func (rt *Runtime) errorValue(err error) lua.LValue {
	return errorType.Value(err).luaValue(rt)
}

func errorField(err error, name string) (any, bool) {
	e, ok := err.(*Error)
	if !ok {
		return nil, false
	}
	switch name {
	case "kind":
		return string(e.Kind), true
	case "host":
		return OrNil(e.Host), true
	case "step":
		return OrNil(e.Step), true
	case "message":
		return e.Message, true
	case "hint":
		return OrNil(e.Hint), true
	case "code":
		if e.Kind != Exit {
			return nil, true
		}
		return e.Code, true
	case "output":
		return OrNil(e.Output), true
	case "where":
		return e.Where, true
	case "failures":
		return failures(e), true
	}
	return nil, false
}

// failures returns the errors of the hosts that failed, by name, if err is
// about several.
func failures(e *Error) any {
	var several interface{ Failures() map[string]error }
	if !errors.As(e.Err, &several) {
		return nil
	}
	return several.Failures()
}

// OrNil returns v as a script gets it where nothing is said: nil for a zero
// value.
func OrNil[T comparable](v T) any {
	var zero T
	if v == zero {
		return nil
	}
	return v
}

func errorString(err error) string {
	e, ok := err.(*Error)
	if !ok || e.Output == "" {
		return err.Error()
	}
	return e.Error() + "\n" + e.Output
}
