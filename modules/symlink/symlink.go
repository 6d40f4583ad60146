// Package symlink reads and switches symbolic links on a host. A release goes
// on the air by one of them, so a switch is a single rename: whoever looks sees
// the former target or the new one and never nothing, and a switch that fails
// leaves the former one in place.
//
// It needs of a host only a POSIX shell with readlink, and a mv that knows -T
// (GNU, busybox) or -h (BSD), or else perl.
package symlink

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path"
	"strings"

	"farmrun/luahost/remote"
)

// Runner runs a command on a host.
type Runner interface {
	Run(ctx context.Context, cmd remote.Cmd) (remote.Result, error)
}

// The reasons for which a link is left alone. The errors that wrap them name
// the link and, where it matters, the target.
const (
	// ErrNotLink means that something stands at the link's name that is no link.
	ErrNotLink = remote.Refusal("is not a symbolic link")
	// ErrNoLink means that nothing stands there.
	ErrNoLink = remote.Refusal("there is no such link")
	// ErrNoTarget means that the target does not exist.
	ErrNoTarget = remote.Refusal("there is no such target")
	// ErrNotDirectory means that the target is something else than a directory.
	ErrNotDirectory = remote.Refusal("the target is not a directory")
)

// ErrNotSwitched means that the link does not read as it should after a rename
// that reported success.
var ErrNotSwitched = errors.New("the link reads otherwise after the switch")

// Need is what a target must be for a link to be switched to it.
type Need string

// What a target may have to be.
const (
	NeedDirectory Need = ""       // a directory, or a link that leads to one
	NeedExisting  Need = "exists" // anything that exists
	NeedNothing   Need = "any"    // a link may dangle
)

// Options of Switch. The zero value is what a release wants.
type Options struct {
	Target Need // what the target must be
}

// The exit statuses by which the script tells its reasons; the others are
// those of the commands in it.
var verdicts = map[int]error{
	101: ErrNotLink,
	102: ErrNoLink,
	103: ErrNoTarget,
	104: ErrNotDirectory,
	105: ErrNotSwitched,
}

// script does what its first argument says with the link named base in the
// directory dir: read it, look whether it could be switched to target, or
// switch it. It prints what the link read before, if it was there.
//
// The new link is made under a temporary name that nobody can have made
// before: where a left-over link to a directory stands, ln would succeed inside
// of that directory. Which mv can replace a link, instead of moving into the
// directory it leads to, is found out on the temporary link itself.
const script = `# switch a link in one rename
do=$1 dir=$2 base=$3 target=$4 need=$5 temp=$6
cd "$dir" || exit
if [ -L "$base" ]; then
	former=$(readlink "$base") || exit
	printf '%s\n' "$former"
elif [ -e "$base" ]; then
	exit 101
elif [ "$do" = read ]; then
	exit 102
fi
[ "$do" = read ] && exit 0

if [ "$need" != any ]; then
	[ -e "$target" ] || exit 103
	[ -n "$need" ] || [ -d "$target" ] || exit 104
fi
[ "$do" = look ] && exit 0
[ -L "$base" ] && [ "$former" = "$target" ] && exit 0

trap 'rm -f "$temp" "$temp.2"' EXIT
trap 'exit 129' HUP INT TERM PIPE
ln -s -- "$target" "$temp" || exit
if mv -fT "$temp" "$temp.2" 2>/dev/null; then
	mv -fT "$temp.2" "./$base" || exit
elif mv -fh "$temp" "$temp.2" 2>/dev/null; then
	mv -fh "$temp.2" "./$base" || exit
else
	perl -e 'rename $ARGV[0], $ARGV[1] or die "rename: $!\n"' "$temp" "$base" || exit
fi
[ "$(readlink "$base")" = "$target" ] || exit 105
`

// Read returns what link reads, which may be relative to the link's directory.
// It fails with ErrNoLink and ErrNotLink.
func Read(ctx context.Context, r Runner, link string) (target string, err error) {
	return run(ctx, r, "read", link, "", Options{})
}

// Switch makes link read target, in one rename, and returns what it read
// before: "" if there was no link. A relative target is relative to the
// directory of the link, as for ln -s. If the link reads target already,
// nothing is done. Anything but a link at the link's name is left alone
// (ErrNotLink), and the target must be there (ErrNoTarget, ErrNotDirectory). A
// dry run looks whether the switch could be made.
func Switch(ctx context.Context, r Runner, link, target string, o Options) (former string, err error) {
	if target == "" {
		return "", fmt.Errorf("switch %s: the target is empty", link)
	}
	return run(ctx, r, "switch", link, target, o)
}

func run(ctx context.Context, r Runner, do, link, target string, o Options) (string, error) {
	cmd, err := command(do, link, target, o)
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", do, link, err)
	}
	res, err := r.Run(ctx, cmd)
	if err != nil {
		return "", err
	}
	if res.Dry {
		return run(ctx, r, "look", link, target, o)
	}
	former := strings.TrimSuffix(string(res.Stdout), "\n")
	if err := res.Err(cmd); err != nil {
		return former, failure(do, link, target, err, res)
	}
	return former, nil
}

func command(do, link, target string, o Options) (remote.Cmd, error) {
	link = trimSlashes(link)
	if err := remote.CheckPath(link); err != nil {
		return remote.Cmd{}, err
	}
	if do != "read" {
		if err := remote.CheckPath(target); err != nil {
			return remote.Cmd{}, err
		}
	}
	dir, base := path.Split(link)
	if base == "" || base == "." || base == ".." {
		return remote.Cmd{}, ErrNotLink
	}
	if !path.IsAbs(dir) {
		dir = "./" + dir // so that neither CDPATH nor a leading "-" means anything to cd
	}
	if strings.HasPrefix(base, "-") {
		base = "./" + base
	}
	title := "read the link " + link
	if do != "read" {
		title = fmt.Sprintf("switch the link %s to %s", link, target)
	}
	temp := "./.farmrun-link-" + rand.Text()
	return remote.Cmd{
		Title: title,
		Args:  []string{"sh", "-c", script, "sh", do, dir, base, target, string(o.Target), temp},
		Query: do != "switch",
		Quiet: true,
	}, nil
}

// trimSlashes takes off the slashes at the end, which would make of the name
// of a link the name of what it leads to.
func trimSlashes(link string) string {
	if s := strings.TrimRight(link, "/"); s != "" {
		return s
	}
	return link
}

// failure makes of an exit status the error that it stands for.
func failure(do, link, target string, err error, res remote.Result) error {
	reason := verdicts[res.Code]
	switch reason {
	case nil:
		if said := remote.LastLines(res.Stderr, 3); said != "" {
			return fmt.Errorf("%w: %s", err, said)
		}
		return err
	case ErrNotLink, ErrNoLink:
		return fmt.Errorf("%s %s: %w", do, link, reason)
	}
	return fmt.Errorf("switch %s to %s: %w", link, target, reason)
}
