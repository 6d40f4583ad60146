package probe

import (
	"context"
	"fmt"
	"net"
	"regexp"
	"time"

	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost"
)

// Module is the Lua half of this package:
//
//	local probe = require "probe"
//
// It asks a service whether it is well, as seen from a host, through its login,
// so that no firewall is in the way and nothing need be installed there; where
// no host is given, from this machine. A probe that gets no good answer raises
// an error with the last one. All take these options: within, how long bad
// answers are borne with (by default the first one is final); times, how many
// good answers in a row are wanted (1); interval, between two questions ("1s");
// timeout, for each answer ("5s").
func Module() luahost.Module {
	return luahost.Module{
		Name:  "probe",
		Funcs: map[string]luahost.Func{"http": askHTTP, "tcp": askTCP},
		Types: []luahost.Methods{logType},
	}
}

// Methods are the methods of hosts that this package adds.
func Methods() map[string]luahost.Func { return map[string]luahost.Func{"watch": watch} }

// Host is one from whose side questions are asked.
type Host interface {
	DialContext(ctx context.Context, network, addr string) (net.Conn, error)
}

// seenFrom returns how to connect from the host that is the call's first
// argument, and where the others begin; without one it is from this machine.
func seenFrom(c *luahost.Call) (dial Dial, next int) {
	if _, isName := c.Value(1).(lua.LString); isName {
		return nil, 1
	}
	return luahost.Arg[Host](c, 1, "a host").DialContext, 2
}

// patience makes one of the options that all probes take.
func patience(times int, within, interval, timeout time.Duration) Patience {
	return Patience{Times: times, Within: within, Interval: interval, Timeout: timeout}
}

// probe.http([host,] url [, options])
//
// Asks a web server for a page, until the answer is good. Options: status, what
// a good answer has (200 to 399 by default; a redirect is not followed);
// contains, text that stands in its body; method ("GET"); host, the name to ask
// for where a server goes by several; header, a table of header lines; and
// within, times, interval and timeout. In a turn of a rollout a request that may
// change something, such as a POST, fails if the run does not own the turn's host
// any more.
func askHTTP(c *luahost.Call) {
	dial, n := seenFrom(c)
	url := c.String(n)
	opts := luahost.Options[struct {
		Status, Times             int
		Contains, Method, Host    string
		Header                    map[string]string
		Within, Interval, Timeout time.Duration
	}](c, n+1)
	c.Wait("probe.http "+url, 0, func(ctx context.Context) error {
		return HTTP(ctx, dial, HTTPOptions{
			URL: url, Method: opts.Method, Host: opts.Host, Header: opts.Header,
			Status: opts.Status, Contains: opts.Contains,
			Patience: patience(opts.Times, opts.Within, opts.Interval, opts.Timeout),
		})
	})
}

// probe.tcp([host,] address [, options])
//
// Connects to an address such as "localhost:80", until that succeeds. Options:
// within, times, interval and timeout.
func askTCP(c *luahost.Call) {
	dial, n := seenFrom(c)
	addr := c.String(n)
	opts := luahost.Options[struct {
		Times                     int
		Within, Interval, Timeout time.Duration
	}](c, n+1)
	c.Wait("probe.tcp "+addr, 0, func(ctx context.Context) error {
		return TCP(ctx, dial, addr, patience(opts.Times, opts.Within, opts.Interval, opts.Timeout))
	})
}

// logType is how a log that is watched looks in Lua.
var logType = &luahost.Type[*Log]{
	Name:    "log",
	Methods: map[string]luahost.Func{"check": check},
	Fields:  []string{"text"},
	Field: func(l *Log, name string) (any, bool) {
		return l.Text(), name == "text"
	},
	String: func(l *Log) string { return l.name() },
}

// markTimeout is for finding the end of a log.
const markTimeout = time.Minute

// host:watch(path) -> log
//
// Notes where a log of the host ends, before a restart; log:check then reads
// what it has gained. A log that is not there yet is empty.
func watch(c *luahost.Call) {
	host, path := luahost.Arg[Runner](c, 1, "a host"), c.String(2)
	var l *Log
	c.Wait("host:watch "+path, markTimeout, func(ctx context.Context) (err error) {
		l, err = Mark(ctx, host, path)
		return err
	})
	c.Push(logType.Value(l))
}

// log:check([options])
//
// Reads what the log gains, from where it was marked or last checked, and
// raises an error with the line at the first bad one. Options:
//
//   - bad: a regular expression, as Go and RE2 have them, such as
//     "(?i)fatal|cannot bind"
//   - good: one for the line that ends the check well, which then must come
//   - within ("0s"): how long to watch; "0s" looks once at what has come
//   - interval ("1s"): the time between two looks
//
// A log has a field:
//
//   - log.text (string): what it has gained so far
func check(c *luahost.Call) {
	l := luahost.Arg[*Log](c, 1, "a log")
	opts := luahost.Options[struct {
		Bad, Good        string
		Within, Interval time.Duration
	}](c, 2)
	o := WatchOptions{Within: opts.Within, Interval: opts.Interval}
	for _, r := range []struct {
		name, text string
		into       **regexp.Regexp
	}{{"bad", opts.Bad, &o.Bad}, {"good", opts.Good, &o.Good}} {
		if r.text == "" {
			continue
		}
		re, err := regexp.Compile(r.text)
		if err != nil {
			c.Fail("option %q: %v", r.name, err)
		}
		*r.into = re
	}
	// Each look has a minute of its own; the host may be slow.
	c.Wait(fmt.Sprintf("log:check of %s", l.name()), opts.Within+markTimeout, func(ctx context.Context) error {
		return l.Watch(ctx, o)
	})
}
