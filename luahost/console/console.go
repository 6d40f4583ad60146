// Package console is what the operator reads: lines of hosts with the host's
// name before each, results on standard output and all else on standard error,
// coloured and made printable on a terminal, plain elsewhere. Secrets are
// blotted out on the way. Whoever wants to hear what is said besides can Listen.
//
// It owns the screen: at its lower end a few lines can stand (Live), and whoever
// needs all of it, for a question or a session, has it for himself (Hold).
package console

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"farmrun/luahost/remote"
)

// Console writes to the operator. The zero value discards everything. Its
// methods may be called from many goroutines; no two lines mix.
type Console struct {
	Out, Err io.Writer // results, and everything else; nil discards
	// OutTerminal and ErrTerminal say that a person reads Out or Err there:
	// host names are coloured and control characters made visible.
	OutTerminal, ErrTerminal bool
	// Plain leaves colours off on terminals too.
	Plain bool
	// Raw leaves Out to the hosts' standard output, byte for byte: without their
	// names, and with secrets.
	Raw bool
	// Size returns the size of the terminal that Err is; nil is one on which
	// the cursor cannot be moved, so that nothing is shown by Live.
	Size func() (rows, columns int)
	// CutsLines says that the terminal, where it is made narrower, cuts lines off
	// that are wider, as xterm does. Others wrap them.
	CutsLines bool
	// Background tells whether the terminal is another job's, such as a shell's, on
	// whose lines nothing is drawn: then Live shows none. nil is never.
	Background func() bool
	// Silent keeps lines off Out: whoever listens writes there instead, by Emit.
	Silent bool
	// Mask redacts secrets in a text of a host's or a script's, but for names; nil
	// leaves all as it is. It is not used for farmrun's own text.
	Mask func(text []byte, names ...string) []byte
	// MaskOwn does so in a text of farmrun's that may have some of said in it, which
	// is a host's; nil leaves all as it is.
	MaskOwn func(text []byte, said string, names ...string) []byte

	mu        sync.Mutex
	queues    [2]*queue // by Stream, of Start; nil is written at once
	abandoned bool      // by Abandon
	closed    bool      // by Close
	held      *held     // what waits for the screen; nil while nobody has it
	live      *Live     // what stands below the lines; nil is nothing

	listeners atomic.Pointer[[]func(context.Context, Saying)] // nil as long as there are none
}

// Stream says where a line belongs.
type Stream int

// The streams.
const (
	Stdout Stream = iota // results: what hosts and scripts say
	Stderr               // what hosts complain about, and what farmrun says
)

// Speaker says who said a line.
type Speaker int

// The speakers, and where their lines appear.
const (
	HostOutput    Speaker = iota // a host, on Stdout
	HostComplaint                // a host, on Stderr
	Script                       // a script's print, on Stdout
	Farmrun                      // what farmrun has to say of it, on Stderr
)

func (s Speaker) stream() Stream {
	if s == HostOutput || s == Script {
		return Stdout
	}
	return Stderr
}

// Saying is lines that were said, secrets redacted.
type Saying struct {
	Host string // that it is about, or ""
	By   Speaker
	// Text is the lines without their last end; of a script that prints about
	// no host whatever it has printed.
	Text []byte
}

// Listen has f told, too, of what is said from now on, before it is shown. f may
// be called by several goroutines at once and may use the console. It must not
// keep the Text. It may wait until the context is done, and not at all if that is
// nil.
func (c *Console) Listen(f func(context.Context, Saying)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	listeners := []func(context.Context, Saying){f}
	if before := c.listeners.Load(); before != nil {
		listeners = append(slices.Clone(*before), f)
	}
	c.listeners.Store(&listeners)
}

// tell tells the listeners what is said.
func (c *Console) tell(ctx context.Context, host string, by Speaker, text []byte) {
	listeners := c.listeners.Load()
	if listeners == nil {
		return
	}
	for _, f := range *listeners {
		f(ctx, Saying{host, by, text})
	}
}

// longest is how much of a line is held back until its end comes; what is
// longer is broken into lines.
const longest = 64 << 10

// overlap is how much more there must be before a line is broken: more than
// any secret is long.
const overlap = 1 << 10

// Host returns a writer for what a host says; each line appears, with the
// host's name before it, when it is complete, and Close shows a last line that
// has no end. A Writer belongs to one goroutine at a time. Its writes may wait
// for whoever reads the console, see Start; until when is said by Until.
func (c *Console) Host(name string, s Stream) *Writer {
	by := HostOutput
	if s == Stderr {
		by = HostComplaint
	}
	return &Writer{console: c, host: name, by: by, ctx: context.Background()}
}

// Note tells the operator something about a host, or, with host "", about the
// run, on standard error. It does not wait for whoever reads that.
// Secrets are redacted in those of args that are errors: they may have a host's
// words in them. Of several lines about the run, those but the first get a bar.
func (c *Console) Note(host, format string, args ...any) {
	args = slices.Clone(args)
	for i, a := range args {
		if err, is := a.(error); is {
			args[i] = c.RedactError(err, host)
		}
	}
	c.lines(AtOnce, host, Farmrun, []byte(fmt.Sprintf(format, args...)))
}

// Print shows what a script prints, on standard output, with the host's name
// before each line if there is one. Text without a line end gets one only
// where a host's name stands before it. It waits for whoever reads it, see
// Start; PrintUntil waits until ctx is done.
func (c *Console) Print(host, text string) { c.PrintUntil(context.Background(), host, text) }

// PrintUntil is Print that waits until ctx is done and not longer.
func (c *Console) PrintUntil(ctx context.Context, host, text string) {
	if host == "" {
		masked := c.masked([]byte(text))
		c.tell(ctx, host, Script, masked)
		c.show(ctx, Stdout, c.printable(masked, Script))
		return
	}
	c.lines(ctx, host, Script, bytes.TrimSuffix([]byte(text), []byte("\n")))
}

// lines writes text, which lacks its last line end, line by line.
func (c *Console) lines(ctx context.Context, host string, by Speaker, text []byte) {
	s := by.stream()
	var out, said []byte
	heard := c.listeners.Load() != nil
	for line := range bytes.SplitSeq(text, []byte("\n")) {
		masked := bytes.TrimSuffix(line, []byte("\r"))
		if by != Farmrun {
			masked = c.masked(masked)
		}
		if heard {
			said = append(append(said, masked...), '\n')
		}
		if host == "" && by == Farmrun && len(out) > 0 { // such as an error's with a host's words in it
			out = append(out, bar...)
		}
		out = append(out, c.prefix(host, s)...)
		out = append(out, c.printable(masked, by)...)
		out = append(out, '\n')
	}
	if heard {
		c.tell(ctx, host, by, said[:len(said)-1])
	}
	c.show(ctx, s, out)
}

// Emit writes text to Out as it is, secrets included. It waits until ctx is done
// and not longer, AtOnce not at all.
func (c *Console) Emit(ctx context.Context, text []byte) { c.write(ctx, Stdout, text) }

// show is write for lines that Silent keeps off Out.
func (c *Console) show(ctx context.Context, s Stream, text []byte) {
	if s == Stderr || !c.Silent {
		c.write(ctx, s, text)
	}
}

// AtOnce is for lines that do not wait for the console's reader: see Start.
var AtOnce = context.WithValue(context.Background(), atOnce{}, nil)

type atOnce struct{}

// write shows text. It waits until ctx is done and not longer, AtOnce not at all.
func (c *Console) write(ctx context.Context, s Stream, text []byte) {
	if c.writer(s) == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	screen := c.terminal(s)
	if screen && c.held != nil {
		c.held.add(s, text)
		return
	}
	if q := c.queues[s]; q != nil && !q.await(ctx, len(text)) {
		return
	}
	switch { // once more: the mutex was given away
	case c.closed:
	case screen && c.held != nil:
		c.held.add(s, text)
	case screen && c.live != nil:
		c.live.write(s, text)
	default:
		c.send(s, text)
	}
}

func (c *Console) writer(s Stream) io.Writer {
	if s == Stderr {
		return c.Err
	}
	return c.Out
}

func (c *Console) terminal(s Stream) bool {
	if s == Stderr {
		return c.ErrTerminal
	}
	return c.OutTerminal
}

func (c *Console) prefix(host string, s Stream) string {
	switch {
	case host == "":
		return ""
	case !c.terminal(s), c.Plain:
		return host + ": "
	}
	return colour(host) + host + ":\x1b[0m "
}

// colour chooses a colour by the name, so that a host keeps it.
func colour(host string) string {
	colours := []int{36, 33, 32, 35, 34, 96, 93, 92, 95, 94}
	sum := 0
	for _, b := range []byte(host) {
		sum = sum*31 + int(b)
	}
	return fmt.Sprintf("\x1b[%dm", colours[uint(sum)%uint(len(colours))])
}

// printable makes bytes visible that could move a terminal's cursor, now or when a
// file is shown on one later. A script's own text is left as it is elsewhere.
func (c *Console) printable(line []byte, by Speaker) []byte {
	switch {
	case c.terminal(by.stream()):
		return Printable(line)
	case by == Script:
		return line
	}
	return harmless(line)
}

// Redact returns text, which is farmrun's with some words of said in it, a host's
// output, without secrets but for those that are a part of names.
func (c *Console) Redact(text, said string, names ...string) string {
	if c.MaskOwn == nil {
		return text
	}
	return string(c.MaskOwn([]byte(text), said, names...))
}

// RedactError is Redact for an error, which tells a host's words as remote.SaidBy
// has it.
func (c *Console) RedactError(err error, names ...string) string {
	return c.Redact(err.Error(), remote.SaidBy(err), names...)
}

func (c *Console) masked(line []byte) []byte {
	if c.Mask == nil {
		return line
	}
	return c.Mask(line)
}

// Writer shows what one host says. See Console.Host. It may be closed while somebody
// writes.
type Writer struct {
	console *Console
	host    string
	by      Speaker
	ctx     context.Context

	mu      sync.Mutex
	partial []byte
	closed  bool
}

// Until has w wait for whoever reads the console until ctx is done, and returns w.
func (w *Writer) Until(ctx context.Context) *Writer {
	w.ctx = ctx
	return w
}

// Write takes what the host says, and after Close drops it. It never fails.
func (w *Writer) Write(p []byte) (int, error) {
	n := len(p)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return n, nil
	}
	if w.console.Raw && w.by == HostOutput {
		w.console.write(w.ctx, Stdout, p)
		return n, nil
	}
	w.partial = append(w.partial, p...)
	if end := bytes.LastIndexByte(w.partial, '\n'); end >= 0 {
		w.console.lines(w.ctx, w.host, w.by, w.partial[:end])
		w.partial = append(w.partial[:0], w.partial[end+1:]...)
	}
	for len(w.partial) > longest+overlap {
		w.partial = w.console.masked(w.partial) // before a secret is cut in two
		end := min(longest, len(w.partial))
		w.console.lines(w.ctx, w.host, w.by, w.partial[:end])
		w.partial = append(w.partial[:0], w.partial[end:]...)
	}
	return n, nil
}

// Close shows what came after the last line end.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	if len(w.partial) > 0 {
		w.console.lines(w.ctx, w.host, w.by, w.partial)
		w.partial = nil
	}
	return nil
}
