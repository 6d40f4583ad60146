package release

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"farmrun/luahost/lazyregexp"
	"farmrun/luahost/remote"
)

// Build is a release that is being filled, and has no name yet. It belongs to
// one goroutine.
type Build struct {
	Dir  string // where to fill it: beside where it will lie, so that relative links hold
	From string // whose files are in Dir to begin with, or ""
	Dry  bool   // this is a dry run: Dir is not there
	// Removed are the left-overs of builds that died, which were cleared away.
	Removed []string

	runner Runner
	opts   BuildOptions
	name   string // where it will lie
	filled bool   // it is noted what the source has
	done   bool
}

// BuildOptions of Begin. The zero value begins with an empty directory.
type BuildOptions struct {
	// From is a release to begin with. The new one has its files, those apart
	// that are not as they came from its source: what was patched or changed
	// there is missing, and what was added is. The two share files by hard
	// links, and neither notices when the other replaces one. Who writes into a
	// file of one writes into both: patch, cvs, git and rsync replace files.
	From string
	// Replace lets Seal take the name from a release that has it, which is removed
	// then. One to which, or into which, any of these links leads stays (ErrInUse),
	// and so does one that could not be removed as a whole (ErrForeign). nil is for a
	// name that must be free.
	Replace []string
}

//go:embed begin.sh
var beginScript string

// Begin makes a hidden directory beside dir, which Seal gives its name. It
// fails with ErrExists if the name is taken. What an earlier build of this name
// left that died is cleared away: one of this machine whose process is gone,
// and any that nobody has touched for a day. A dry run looks whether the name is
// free.
func Begin(ctx context.Context, r Runner, dir string, o BuildOptions) (*Build, error) {
	dir = strings.TrimRight(dir, "/")
	if base := path.Base(dir); base == "." || base == ".." || base == "/" || strings.HasPrefix(base, ".") {
		return nil, fmt.Errorf("%q cannot be the name of a release", dir)
	}
	parent, base := path.Split(dir)
	b := &Build{runner: r, opts: o, name: dir, From: o.From}
	b.Dir = parent + LeftOver + base + "." + owner() + "." + rand.Text()
	dead, err := b.leftOvers(ctx)
	if err != nil {
		return nil, err
	}
	cmd := remote.Cmd{Title: "begin the release " + dir}
	res, err := run(ctx, r, cmd, beginScript, append([]string{dir, b.Dir, o.From}, dead...)...)
	if err != nil {
		return nil, err
	}
	if strings.Contains(string(res.Stdout), "empty") {
		b.From = ""
	}
	b.Dry, b.Removed = res.Dry, dead
	return b, nil
}

// owner names this process, as the names of left-overs have it.
func owner() string {
	host, _ := os.Hostname()
	return notWord().ReplaceAllString(host, "-") + "-" + strconv.Itoa(os.Getpid())
}

var notWord = lazyregexp.New(`[^A-Za-z0-9]+`)

// leftOvers returns what there is of builds of this name that died. It fails if
// the name is taken by a release that does not lose it.
func (b *Build) leftOvers(ctx context.Context) ([]string, error) {
	parent, base := path.Split(b.name)
	out, err := look(ctx, b.runner, "look for "+b.name, b.name,
		`if [ "$3" = true ] && [ -d "$1" ]; then [ ! -L "$1" ]; else [ ! -e "$1" ] && [ ! -L "$1" ]; fi || exit 101
		ages "$2"*`, parent+LeftOver+base+".", strconv.FormatBool(b.opts.Replace != nil))
	return dead(out), err
}

// Sweep removes what is left in dir, where releases lie, of builds that died, of
// whatever name, and of releases that were not removed to the end, and returns
// where that was. What may be at work stays: see Begin. What could not be removed
// is no reason to leave the rest: it is in stuck, with the host's reason. A dry run
// only looks.
func Sweep(ctx context.Context, r Runner, dir string) (removed, stuck []string, err error) {
	do := "clear away what is left in " + dir
	out, err := look(ctx, r, do, dir, `cd "$1" || exit 102; ages `+unnamed)
	left := dead(out)
	if err != nil || len(left) == 0 {
		return nil, nil, err
	}
	res, err := run(ctx, r, remote.Cmd{Title: do}, `cd "$1" || exit 102
		shift
		for left; do why=$(discard "./$left" 2>&1) || echo "$left: $(printf %s "$why" | sed -n '$p')"; done`,
		append([]string{dir}, left...)...)
	for line := range strings.Lines(string(res.Stdout)) {
		name, why, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		stuck = append(stuck, path.Join(dir, name)+": "+why)
		left = slices.DeleteFunc(left, func(l string) bool { return l == name })
	}
	for _, name := range left {
		removed = append(removed, path.Join(dir, name))
	}
	return removed, stuck, err
}

// dead returns those of the directories, as ages in record.sh says them, that
// nobody is at work on.
func dead(ages string) (dirs []string) {
	for line := range strings.Lines(ages) {
		age, dir, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		name := path.Base(dir)
		if age == "old" || strings.HasPrefix(name, halfRemoved) || strings.HasPrefix(name, LeftOver) && gone(name) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// gone tells whether the build of that name, which ends with an owner and a
// nonce, was this machine's and its process is no more.
func gone(name string) bool {
	parts := strings.Split(name, ".")
	if len(parts) < 2 {
		return false
	}
	whose := parts[len(parts)-2]
	machine, _ := splitOwner(owner())
	theirs, pid := splitOwner(whose)
	if theirs != machine || pid <= 0 {
		return false
	}
	return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}

func splitOwner(s string) (machine string, pid int) {
	i := strings.LastIndexByte(s, '-')
	if i < 0 {
		return s, 0
	}
	pid, _ = strconv.Atoi(s[i+1:])
	return s[:i], pid
}

// Filled notes that Dir has what its source has, so that a later build can
// begin with that. It comes after Dir was filled and before it is changed; who
// does not change it leaves that to Seal.
func (b *Build) Filled(ctx context.Context) error {
	if b.Dry {
		return nil
	}
	cmd := remote.Cmd{Title: "list the files of the release " + b.name}
	_, err := run(ctx, b.runner, cmd, `cd "$1" || exit 102; note_source`, b.Dir)
	b.filled = err == nil
	return err
}

//go:embed seal.sh
var sealScript string

// Seal writes the record of what was filled, with these notes, and gives the
// release its name: see BuildOptions.Replace. It fails if there is no file in it, and
// with ErrExists if the name was taken meanwhile. After that the Build is done with, but for Close.
func (b *Build) Seal(ctx context.Context, notes map[string]string) (Release, error) {
	if b.Dry {
		return Release{Dir: b.name, Name: path.Base(b.name), Notes: notes}, nil
	}
	var lines strings.Builder
	for _, name := range slices.Sorted(maps.Keys(notes)) {
		if strings.ContainsAny(name+notes[name], "\n\r\x00") || strings.Contains(name, ": ") {
			return Release{}, fmt.Errorf("the note %q of %s is more than a line", name, b.name)
		}
		fmt.Fprintf(&lines, "%s: %s\n", name, notes[name])
	}
	links, err := here(b.opts.Replace)
	if err != nil {
		return Release{}, err
	}
	cmd := remote.Cmd{Title: "name the release " + b.name}
	res, err := run(ctx, b.runner, cmd, sealScript, append([]string{b.name, b.Dir, lines.String(),
		strconv.FormatBool(b.filled), strconv.FormatBool(b.opts.Replace != nil)}, links...)...)
	if err != nil {
		return Release{}, err
	}
	b.done = true
	return parse(b.name, string(res.Stdout)), nil
}

// discardWithin is how long the removal of a build may take.
const discardWithin = time.Minute

// Close removes what was filled, unless it was sealed. It may be called again.
func (b *Build) Close() error {
	if b.done || b.Dry {
		return nil
	}
	b.done = true
	ctx, cancel := context.WithTimeout(context.Background(), discardWithin)
	defer cancel()
	_, err := run(ctx, b.runner, remote.Cmd{Title: "give up the release " + b.name}, `[ ! -d "$1" ] || discard "$1"`, b.Dir)
	return err
}
