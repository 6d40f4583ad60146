package main

import (
	"bytes"
	"context"
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
	for _, path := range paths {
		host := out.Host(name(path), console.Stdout) // whose name stands before each line
		r.player.To = &unescaped{to: host}
		err := r.play(ctx, []string{path}, out.Err, "\n")
		host.Close()
		if err != nil {
			return err
		}
	}
	return nil
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
// by the space bar.
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
	r.player.To, r.player.Paused = &unescaped{to: screen, keep: true}, paused
	err = r.play(ctx, paths, screen, "\r\n")
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

// play replays one recording after the other, and says on titles which is which.
func (r replay) play(ctx context.Context, paths []string, titles io.Writer, newline string) error {
	for _, path := range paths {
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		err = r.one(ctx, file, titles, newline)
		file.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func (r replay) one(ctx context.Context, file *os.File, titles io.Writer, newline string) error {
	recording, err := asciicast.NewReader(file)
	if err != nil {
		return fmt.Errorf("%s: %w", file.Name(), err)
	}
	h := recording.Header
	title := name(file.Name())
	if h.Title != "" {
		title += ", " + h.Title
	}
	fmt.Fprintf(titles, "farmrun: %s, %s%s", title, h.Began.Format(time.DateTime), newline)
	err = r.player.Play(ctx, recording)
	fmt.Fprint(r.player.To, newline)
	if errors.Is(err, asciicast.ErrFormat) {
		return fmt.Errorf("%s: %w", file.Name(), err)
	}
	return err
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
