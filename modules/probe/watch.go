package probe

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"farmrun/luahost/remote"
)

// Runner runs a command on a host.
type Runner interface {
	Run(ctx context.Context, cmd remote.Cmd) (remote.Result, error)
}

// Log is a place in a log on a host: Mark finds its end before something is
// done, and Watch reads what it has gained since. It is for one goroutine at a
// time.
type Log struct {
	r     Runner
	path  string
	inode string // "0" while there is no such file
	at    int64  // how much of it has been read

	text remote.Output // what it has gained
	part []byte        // the beginning of a line whose end is not there yet
	rest []byte        // what came behind the line that ended the last Watch
}

// ErrNotSeen is wrapped by the error of a Watch that waited in vain for a good
// line.
var ErrNotSeen = errors.New("the line that was waited for did not come")

// LineError is a line that should not have come.
type LineError struct {
	Path string
	Line string
	said string
}

func (e *LineError) Error() string { return fmt.Sprintf("%s: %s", e.Path, e.Line) }

// Kind is "failed".
func (e *LineError) Kind() string { return "failed" }

// Output returns the last lines that the log gained, the bad one included.
func (e *LineError) Output() string { return e.said }

// WatchOptions of Watch.
type WatchOptions struct {
	// Within is how long the log is watched; 0 looks once at what has come.
	Within time.Duration
	// Bad ends the watch with a *LineError when it matches a line; nil is none.
	Bad *regexp.Regexp
	// Good ends the watch well when it matches a line, and must do so in time;
	// nil is none, and then a time without bad lines is good.
	Good *regexp.Regexp
	// Interval lies between two looks; 0 is DefaultInterval.
	Interval time.Duration
}

// Mark finds the end of a log. Call it before a restart, so that nothing that
// the restart writes is missed. A log that is not there yet is empty.
func Mark(ctx context.Context, r Runner, name string) (*Log, error) {
	if err := remote.CheckPath(name); err != nil {
		return nil, fmt.Errorf("watch: %w", err)
	}
	l := &Log{r: r, path: remote.Here(name), inode: "0"}
	out, err := l.run(ctx, markScript, nil)
	if err != nil {
		return nil, err
	}
	if _, err := fmt.Sscan(out, &l.inode, &l.at); err != nil {
		return nil, fmt.Errorf("watch %s: the host says %q", l.name(), out)
	}
	return l, nil
}

// Text returns what the log has gained since Mark, as far as Watch has read it;
// of very much the middle is cut.
func (l *Log) Text() string { return string(l.text.Bytes()) }

// Watch reads what the log gains, from where the last one stopped. It returns
// nil at the first good line, or at the end of the time if none is waited for,
// and fails at the first bad one. A log that is rotated meanwhile is read to
// its end under its new name, and the new one from its beginning.
func (l *Log) Watch(ctx context.Context, o WatchOptions) error {
	began := time.Now()
	pause := cmp.Or(o.Interval, DefaultInterval)
	s := &scan{log: l, o: o}
	s.resume()
	for {
		again, err := l.look(ctx, s)
		left := o.Within - time.Since(began)
		switch {
		case err != nil && s.err == nil:
			return err
		case s.err != nil || s.good:
			return s.err
		case again:
		case left <= 0:
			return l.end(s)
		default:
			sleep(ctx, min(pause, left))
		}
		if ctx.Err() != nil {
			return fmt.Errorf("watch %s: %w", l.name(), context.Cause(ctx))
		}
	}
}

// resume judges what an earlier Watch has read and not judged.
func (s *scan) resume() {
	rest := s.log.rest
	s.log.rest = nil
	s.lines(rest)
}

// end judges what is left when the time is over: a line without an end, too.
func (l *Log) end(s *scan) error {
	s.line(string(l.part))
	if s.err == nil && !s.good && s.o.Good != nil {
		return fmt.Errorf("watch %s: %w within %v: %v", l.name(), ErrNotSeen, s.o.Within, s.o.Good)
	}
	return s.err
}

// The scripts say on standard error which file it was that they read, and how.
const (
	markScript = `# find the end of a log
if [ -f "$1" ]; then
	echo $(ls -diL "$1" | awk '{ print $1 }') $(wc -c <"$1") >&2
else
	echo 0 0 >&2
fi
`
	lookScript = `# read what a log has gained
path=$1 inode=$2 at=$3
now=0
[ ! -f "$path" ] || now=$(ls -diL "$path" | awk '{ print $1 }')
if [ "$now" != "$inode" ] && [ "$inode" != 0 ]; then
	old=$(find "${path%/*}/." -maxdepth 1 -inum "$inode" -type f 2>/dev/null | head -n 1)
	echo rotated "$now" >&2
	[ -z "$old" ] || tail -c "+$((at + 1))" "$old"
elif [ "$now" = 0 ]; then
	echo same 0 >&2
elif [ "$(wc -c <"$path")" -lt "$at" ]; then
	echo cut "$now" >&2
	cat "$path"
else
	echo same "$now" >&2
	tail -c "+$((at + 1))" "$path"
fi
`
)

// look reads what has come since the last look into s. again tells that there
// is another file to look at, at once.
func (l *Log) look(ctx context.Context, s *scan) (again bool, err error) {
	out, err := l.run(ctx, lookScript, s)
	if err != nil {
		return false, err
	}
	var what string
	if _, err := fmt.Sscan(out, &what, &l.inode); err != nil {
		return false, fmt.Errorf("watch %s: the host says %q", l.name(), out)
	}
	n := s.taken()
	switch what {
	case "rotated":
		l.at = 0
		s.lines([]byte("\n")) // what the old one ends with is no beginning of the new one
		return l.inode != "0", nil
	case "cut":
		l.at = 0
	}
	l.at += n
	return false, nil
}

// run runs a script and returns what it says on standard error.
func (l *Log) run(ctx context.Context, script string, stdout *scan) (string, error) {
	cmd := remote.Cmd{
		Title: "watch " + l.name(),
		Args:  []string{"sh", "-c", script, "sh", l.path, l.inode, fmt.Sprint(l.at)},
		Query: true, Quiet: true,
		Keep: 4096,
	}
	if stdout != nil {
		cmd.Stdout = stdout
	}
	res, err := l.r.Run(ctx, cmd)
	if err != nil {
		return "", err
	}
	if err := res.Err(cmd); err != nil {
		return "", fmt.Errorf("%w: %s", err, remote.LastLines(res.Stderr, 3))
	}
	return string(res.Stderr), nil
}

func (l *Log) name() string { return strings.TrimPrefix(l.path, "./") }

// scan takes what is read, a line after the other, until one decides.
type scan struct {
	log  *Log
	o    WatchOptions
	good bool
	err  error
	n    int64 // bytes that came since taken was called
	mu   sync.Mutex
}

// The bounds of what is kept of a line whose end does not come, and of what
// came behind the line that decided.
const (
	longestLine = 64 << 10
	longestRest = 1 << 20
)

// Write is called by the runner, perhaps from a goroutine of its own.
func (s *scan) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n += int64(len(p))
	s.log.text.Write(p)
	s.lines(p)
	return len(p), nil
}

// taken returns how many bytes came since the last call.
func (s *scan) taken() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.n
	s.n = 0
	return n
}

// lines judges the lines in p, of which the last may be continued by the next.
func (s *scan) lines(p []byte) {
	l := s.log
	for len(p) > 0 && s.err == nil && !s.good {
		line, after, found := bytes.Cut(p, []byte{'\n'})
		if room := longestLine - len(l.part); room > 0 {
			l.part = append(l.part, line[:min(room, len(line))]...)
		}
		if found {
			s.line(string(l.part))
			l.part = l.part[:0]
		}
		p = after
	}
	if room := longestRest - len(l.rest); room > 0 {
		l.rest = append(l.rest, p[:min(room, len(p))]...)
	}
}

// line judges one line.
func (s *scan) line(line string) {
	line = strings.ToValidUTF8(strings.TrimSuffix(line, "\r"), "�")
	switch {
	case s.o.Bad != nil && s.o.Bad.MatchString(line):
		s.err = &LineError{Path: s.log.name(), Line: line, said: remote.LastLines(s.log.text.Bytes(), 10)}
	case s.o.Good != nil && s.o.Good.MatchString(line):
		s.good = true
	}
}
