package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"farmrun/luahost"
	"farmrun/luahost/asciicast"
	"farmrun/luahost/console"
	"farmrun/luahost/lazyregexp"
	"farmrun/luahost/recorder"
	"farmrun/luahost/terminal"
	"farmrun/modules/cli"
)

const showUsage = "farmrun show [--speed N] [--idle TIME] [RUN [HOST]]"

// replay is the recordings of a host in a run that are to be shown again.
type replay struct {
	id, host string // id is of the run, or its beginning
	idle     string // --idle
	player   asciicast.Player
}

// set is the options of farmrun show.
func (r *replay) set() *pflag.FlagSet {
	set := pflag.NewFlagSet("show", pflag.ContinueOnError)
	set.Usage = func() {}
	set.Float64Var(&r.player.Speed, "speed", 1, "so many times as fast")
	set.StringVar(&r.idle, "idle", "2s", "the longest pause")
	return set
}

// showJob reads the command line of farmrun show.
func showJob(_ flags, args []string) (job, error) {
	var r replay
	set := r.set()
	if err := set.Parse(args); err != nil {
		return nil, usageError("%v", cli.FlagError(set, flags{}.own(), err))
	}
	longest, err := luahost.ParseDuration(r.idle)
	switch {
	case err != nil:
		return nil, usageError("--idle: %v", err)
	case r.player.Speed <= 0:
		return nil, usageError("--speed: it takes a number above 0")
	case set.NArg() < 2:
		return jobFunc(func(_ context.Context, out *console.Console) error { return showRun(out, set.Arg(0)) }), nil
	case set.NArg() > 2:
		return nil, usageError("it is called so: %s", showUsage)
	}
	r.id, r.host, r.player.Idle = set.Arg(0), set.Arg(1), longest
	return r, nil
}

// run replays: on a terminal at the pace at which things happened, elsewhere at
// once.
func (r replay) run(ctx context.Context, out *console.Console) error {
	paths, err := r.find()
	if err != nil {
		return err
	}
	if out.OutTerminal {
		if err := r.toScreen(ctx, paths); !errors.Is(err, terminal.ErrNone) {
			return err
		}
	}
	r.player.Untimed = true
	return each(paths, func(file *os.File) error {
		host := out.Host(name(file.Name()), console.Stdout) // whose name stands before each line
		defer host.Close()
		return r.one(ctx, file, &unescaped{to: host}, "\n", func(title string) { fmt.Fprintln(out.Err, title) })
	})
}

// find returns the files of the recordings.
func (r replay) find() ([]string, error) {
	store, err := runStore()
	if err != nil {
		return nil, err
	}
	id, err := findRun(store, r.id)
	if err != nil {
		return nil, err
	}
	kept, err := recorder.List(store.Path(id))
	if err != nil {
		return nil, err
	}
	if paths := kept.Of(r.host); len(paths) > 0 {
		return paths, nil
	}
	none := &luahost.Error{Kind: luahost.Usage, Message: fmt.Sprintf("%s: no session on %s was recorded", id, r.host)}
	if there := kept.All(); len(there) > 0 {
		none.Hint = "there are recordings of " + strings.Join(names(there), ", ")
	}
	return nil, none
}

// name is what the recording in a file is called.
func name(path string) string {
	base := filepath.Base(path)
	return strings.TrimSuffix(base, filepath.Ext(base))
}

func names(paths []string) []string {
	all := make([]string, len(paths))
	for i, p := range paths {
		all[i] = name(p)
	}
	return all
}

// toScreen replays to the operator, who can stop it by ^C or q, and have it wait
// by the space bar. Each line is marked as the host's, except where a program draws
// on the whole screen: that is announced, with a word for its end that the host
// cannot know.
func (r replay) toScreen(ctx context.Context, paths []string) error {
	screen, err := (&terminal.Terminal{}).Take(ctx)
	if err != nil {
		return err
	}
	defer screen.Close()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	paused, read := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(read)
		keys(ctx, screen, paused)
		stop()
	}()
	r.player.Paused = paused
	err = each(paths, func(file *os.File) error { return r.oneToScreen(ctx, file, screen) })
	stop()
	screen.SetReadDeadline(time.Unix(1, 0))
	<-read
	if errors.Is(err, context.Canceled) {
		return nil // the operator has seen enough
	}
	return err
}

// keys returns when the operator stops the replay.
func keys(ctx context.Context, screen io.Reader, paused chan<- struct{}) {
	key := make([]byte, 1)
	for {
		if _, err := screen.Read(key); err != nil {
			return
		}
		switch key[0] {
		case 'q', 0x03, 0x1c: // ^C, ^\
			return
		case ' ':
			select {
			case paused <- struct{}{}:
			case <-ctx.Done():
			}
		}
	}
}

// each replays one recording after the other.
func each(paths []string, replay func(*os.File) error) error {
	for _, path := range paths {
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		err = replay(file)
		file.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// oneToScreen replays a recording to a terminal whose lines end with "\r\n".
func (r replay) oneToScreen(ctx context.Context, file *os.File, screen io.Writer) error {
	draws, err := drawsOnScreen(file)
	if err != nil {
		return err
	}
	if !draws {
		to := &marked{to: screen, name: name(file.Name())}
		return r.one(ctx, file, &unescaped{to: to}, "\n", func(title string) { fmt.Fprintf(screen, "%s\r\n", title) })
	}
	end := "farmrun: end of the recording, " + rand.Text()[:8]
	defer fmt.Fprintf(screen, "%s%s\r\n", belowAll, end)
	return r.one(ctx, file, &unescaped{to: screen, keep: true}, "\r\n", func(title string) {
		fmt.Fprintf(screen, "%s\r\nfarmrun: it draws on the screen, so no line of it is marked; all is the host's until\r\n%s\r\n", title, end)
	})
}

// one announces a recording by its title, replays it, and writes last.
func (r replay) one(ctx context.Context, file *os.File, to io.Writer, last string, announce func(title string)) error {
	recording, err := asciicast.NewReader(file)
	if err != nil {
		return fmt.Errorf("%s: %w", file.Name(), err)
	}
	h := recording.Header
	title := name(file.Name())
	if h.Title != "" {
		title += ", " + h.Title
	}
	announce(fmt.Sprintf("farmrun: %s, %s", title, h.Began.Format(time.DateTime)))
	r.player.To = to
	err = r.player.Play(ctx, recording)
	fmt.Fprint(to, last)
	if errors.Is(err, asciicast.ErrFormat) {
		return fmt.Errorf("%s: %w", file.Name(), err)
	}
	return err
}

// drawing is a sequence by which a program moves the cursor to another line, or
// takes another screen.
var drawing = lazyregexp.New(`\x1b(?:\[[0-?]*[ -/]*[ABEFHLMSTdfru]|\[\?(?:47|1047|1049)h|[78DEMc])`)

// belowAll has a terminal leave what a program may have set, and go below all that
// stands on it (ECMA-48 SGR and CUP; DECSTBM).
const belowAll = "\x1b[0m\x1b(B\x0f\x1b[?1049l\x1b[r\x1b[999;1H\r\n"

// drawsOnScreen tells whether a recording is of a program that draws on the screen
// instead of writing lines. It leaves file at its beginning.
func drawsOnScreen(file *os.File) (bool, error) {
	var all drawn
	if err := (replay{player: asciicast.Player{Untimed: true}}).one(context.Background(), file, &all, "", func(string) {}); err != nil {
		return false, err
	}
	_, err := file.Seek(0, io.SeekStart)
	return all.found, err
}

// drawn finds drawing in what is written to it.
type drawn struct {
	found bool
	part  []byte // of a sequence
}

func (d *drawn) Write(p []byte) (int, error) {
	text := append(d.part, p...)
	d.found = d.found || drawing().Match(text)
	d.part = bytes.Clone(text[max(0, len(text)-32):])
	return len(p), nil
}

// marked writes text without escape sequences to a terminal whose lines end with
// "\r\n", and a name before each line.
type marked struct {
	to     io.Writer
	name   string
	inLine bool
	held   []byte // "\r" of which it is not known whether an end of a line follows
}

// lineEnd is also a return by which a line would be overwritten, and its mark.
var lineEnd = lazyregexp.New(`\r*\n|\r+`)

func (m *marked) Write(p []byte) (int, error) {
	var b bytes.Buffer
	text := append(m.held, p...)
	ended := bytes.TrimRight(text, "\r")
	m.held = bytes.Clone(text[len(ended):])
	for line := range bytes.Lines(lineEnd().ReplaceAll(ended, []byte("\n"))) {
		if !m.inLine {
			b.WriteString(m.name + ": ")
		}
		body, whole := bytes.CutSuffix(line, []byte("\n"))
		b.Write(console.Printable(body))
		if m.inLine = !whole; whole {
			b.WriteString("\r\n")
		}
	}
	_, err := m.to.Write(b.Bytes())
	return len(p), err
}

// unescaped writes the text of a terminal without escape sequences. With keep, it
// leaves out only those that set something other than the screen, such as the title
// or the clipboard.
type unescaped struct {
	to   io.Writer
	keep bool
	part []byte // of a sequence
}

var (
	anyEscape  = lazyregexp.New(`\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-OQ-WYZ\x60-~\\])|[\x00-\x08\x0e-\x1a\x7f]`)
	stringSent = lazyregexp.New(`\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?`)
	unended    = lazyregexp.New(`\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b]*\x1b?|[ -/]*)$`)
)

// longestPart is where a sequence that does not end is taken for text.
const longestPart = 4 << 10

func (u *unescaped) Write(p []byte) (int, error) {
	text, strip := append(u.part, p...), anyEscape()
	if u.keep {
		strip = stringSent()
	}
	u.part = nil
	if at := unended().FindIndex(text); at != nil && len(text)-at[0] < longestPart {
		u.part = bytes.Clone(text[at[0]:])
		text = text[:at[0]]
	}
	_, err := u.to.Write(strip.ReplaceAll(text, nil))
	return len(p), err
}
