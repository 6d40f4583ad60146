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
	// ErrElsewhere means that a link above the name leads out of Options.Replace.
	ErrElsewhere = remote.Refusal("a link above it leads elsewhere")
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
	// FromHome tells that a relative target is a path from the login's home
	// directory, as the link's own is, and not from the directory of the link:
	// the host finds out how the link has to read it.
	FromHome bool
	// Former is the name of a link beside this one, which is made to read what
	// this one read before: the way back. "" is none. If the switch fails it stays
	// as it was.
	Former string
	// Replace is a directory in which the link may take the place of a file or
	// directory, which is removed, and the directories above it are made: for a link
	// that nobody reads yet. "" is none.
	Replace string
	Look    bool // only finds out whether the switch could be made
}

// The exit statuses by which the script tells its reasons; the others are
// those of the commands in it.
var verdicts = map[int]error{
	101: ErrNotLink,
	102: ErrNoLink,
	103: ErrNoTarget,
	104: ErrNotDirectory,
	105: ErrNotSwitched,
	106: errFormer,
	107: ErrElsewhere,
}

// errFormer is ErrNotLink of the link that Options.Former names.
var errFormer = errors.New("the link that remembers is none")

// script does what its first argument says with the link named base in the
// directory dir: read it, look whether it could be switched to target, or
// switch it. It prints which entry of the directory within the link leads to, or
// an empty line, and what the link read before, if it was there.
//
// A new link is made under a temporary name that nobody can have made
// before: where a left-over link to a directory stands, ln would succeed inside
// of that directory. Which mv can replace a link, instead of moving into the
// directory it leads to, is found out on the temporary link itself. All links
// that the switch takes are made before the first has its name, since a full disk
// does not keep a link from being renamed.
const script = `# switch a link in one rename
do=$1 dir=$2 base=$3 target=$4 need=$5 temp=$6 within=$7 outside=$8 kept=$9
shift 9
replace=$1
newline='
'
if [ -n "$replace" ]; then
	replace=$(cd "$replace" && pwd -P) || exit
	above=$dir
	until [ -d "$above" ]; do above=$(dirname "$above"); done
	case $(cd "$above" && pwd -P)/ in "$replace"/*) ;; *) exit 107 ;; esac
	[ "$do" = look ] || mkdir -p "$dir" || exit
fi
[ -z "$within" ] || within=$(cd "$within" 2>/dev/null && pwd -P)
if [ -n "$outside" ]; then
	at=$(cd "$dir" && pwd -P) && to=$(cd "$(dirname "$target")" 2>/dev/null && pwd -P) || exit 103
	to=${to%/}/$(basename "$target") up=
	while [ "${to#"$at"/}" = "$to" ]; do at=${at%/*} up=../$up; done
	target=$to
	[ -z "$at" ] || target=$up${to#"$at"/}
fi
cd "$dir" || exit

# real PATH: where it leads, be there something or not.
real() {
	case $1 in /*) ;; *) set -- "./$1" ;; esac
	(cd "$1" 2>/dev/null && pwd -P) && return
	(cd "$(dirname "$1")" 2>/dev/null && echo "$(pwd -P)/$(basename "$1")")
}

if [ -L "$base" ]; then
	former=$(readlink "$base") || exit
	entry=$(real "$former")
	case $entry in
	*"$newline"*) entry= ;;
	"${within:-/}"/*) entry=${entry#"$within"/} entry=${entry%%/*} ;;
	*) entry= ;;
	esac
	printf '%s\n%s\n' "$entry" "$former"
elif [ -e "$base" ]; then
	[ -n "$replace" ] || exit 101
elif [ "$do" = read ]; then
	exit 102
fi
[ "$do" = read ] && exit 0

if [ "$need" != any ]; then
	[ -e "$target" ] || exit 103
	[ -n "$need" ] || [ -d "$target" ] || exit 104
fi
[ -z "$kept" ] || [ -L "$kept" ] || [ ! -e "$kept" ] || exit 106
[ "$do" = look ] && exit 0
[ -L "$base" ] && [ "$former" = "$target" ] && exit 0
[ -L "$base" ] || {
	kept=
	[ ! -e "$base" ] || rm -rf "./$base" || exit
}

# put TEMP NAME: gives the link TEMP that name.
put() {
	if mv -fT "$1" "$1.2" 2>/dev/null; then
		mv -fT "$1.2" "./$2"
	elif mv -fh "$1" "$1.2" 2>/dev/null; then
		mv -fh "$1.2" "./$2"
	else
		perl -e 'rename $ARGV[0], $ARGV[1] or die "rename: $!\n"' "$1" "$2"
	fi
}

# finish: takes back what is kept of a switch that failed.
finish() {
	status=$?
	if [ -n "$noted" ]; then
		if [ -L "$temp.was" ]; then put "$temp.was" "$kept"; else rm -f "./$kept"; fi
	fi
	rm -f "$temp" "$temp.2" "$temp.kept" "$temp.kept.2" "$temp.was" "$temp.was.2"
	exit "$status"
}
noted=
trap finish EXIT
trap 'exit 129' HUP INT TERM PIPE
ln -s -- "$target" "$temp" || exit
if [ -n "$kept" ]; then
	ln -s -- "$former" "$temp.kept" || exit
	[ ! -L "$kept" ] || ln -s -- "$(readlink "$kept")" "$temp.was" || exit
	noted=yes
	put "$temp.kept" "$kept" || exit
fi
put "$temp" "$base" || exit
[ "$(readlink "$base")" = "$target" ] || exit 105
noted=
`

// Read returns what link reads, which may be relative to the link's directory.
// It fails with ErrNoLink and ErrNotLink.
func Read(ctx context.Context, r Runner, link string) (target string, err error) {
	target, _, err = ReadWithin(ctx, r, link, "")
	return target, err
}

// ReadWithin is Read, and returns besides the name of the entry of the directory
// within to which the link leads, or below which it does, by whatever way: links
// are followed, on the host. It is "" if the link leads elsewhere. What it leads to
// need not be there.
func ReadWithin(ctx context.Context, r Runner, link, within string) (target, entry string, err error) {
	return task{do: "read", link: link, within: within}.run(ctx, r)
}

// Switch makes link read target, in one rename, and returns what it read
// before: "" if there was no link. A relative target is relative to the
// directory of the link, as for ln -s, unless the options say otherwise. If the
// link reads target already, nothing is done. Anything but a link at the link's
// name is left alone (ErrNotLink) unless Replace is set, and the target must be there (ErrNoTarget,
// ErrNotDirectory). A dry run looks whether the switch could be made.
func Switch(ctx context.Context, r Runner, link, target string, o Options) (former string, err error) {
	if target == "" {
		return "", fmt.Errorf("switch %s: the target is empty", link)
	}
	t := task{do: "switch", link: link, target: target, Options: o}
	if o.Look {
		t.do = "look"
	}
	former, _, err = t.run(ctx, r)
	return former, err
}

// task is what the script is to do.
type task struct {
	do, link, target, within string
	Options
}

func (t task) run(ctx context.Context, r Runner) (former, entry string, err error) {
	cmd, err := t.command()
	if err != nil {
		return "", "", fmt.Errorf("%s %s: %w", t.do, t.link, err)
	}
	res, err := r.Run(ctx, cmd)
	if err != nil {
		return "", "", err
	}
	if res.Dry {
		t.do = "look"
		return t.run(ctx, r)
	}
	entry, former, _ = strings.Cut(strings.TrimSuffix(string(res.Stdout), "\n"), "\n")
	if err := res.Err(cmd); err != nil {
		return former, entry, t.failure(err, res)
	}
	return former, entry, nil
}

// check returns an error for paths that cannot be meant.
func (t task) check() error {
	err := remote.CheckPath(t.link)
	if t.do != "read" {
		err = errors.Join(err, remote.CheckPath(t.target))
	}
	for _, dir := range []string{t.within, t.Replace} {
		if dir != "" {
			err = errors.Join(err, remote.CheckPath(dir))
		}
	}
	if strings.Contains(t.Former, "/") {
		err = errors.Join(err, fmt.Errorf("%q does not lie beside the link", t.Former))
	}
	return err
}

func (t task) command() (remote.Cmd, error) {
	t.link = trimSlashes(t.link)
	if err := t.check(); err != nil {
		return remote.Cmd{}, err
	}
	dir, base := path.Split(t.link)
	if base == "" || base == "." || base == ".." {
		return remote.Cmd{}, ErrNotLink
	}
	outside := ""
	if t.FromHome && !path.IsAbs(t.target) && dir != "" {
		if below, is := strings.CutPrefix(t.target, dir); is {
			t.target = below
		} else {
			outside, t.target = "yes", remote.Here(t.target)
		}
	}
	if strings.HasPrefix(base, "-") {
		base = "./" + base
	}
	for _, dir := range []*string{&t.within, &t.Replace} {
		if *dir != "" {
			*dir = remote.Here(*dir)
		}
	}
	title := "read the link " + t.link
	if t.do != "read" {
		title = fmt.Sprintf("switch the link %s to %s", t.link, t.target)
	}
	return remote.Cmd{
		Title: title,
		Args: []string{"sh", "-c", script, "sh", t.do, remote.Here(dir), base, t.target, string(t.Target),
			"./.farmrun-link-" + rand.Text(), t.within, outside, t.Former, t.Replace},
		Query: t.do != "switch",
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
func (t task) failure(err error, res remote.Result) error {
	reason := verdicts[res.Code]
	switch reason {
	case nil:
		if said := remote.LastLines(res.Stderr, 3); said != "" {
			return fmt.Errorf("%w: %s", err, said)
		}
		return err
	case errFormer:
		return fmt.Errorf("switch %s: %s %w", t.link, t.Former, ErrNotLink)
	case ErrNotLink, ErrNoLink:
		do := t.do
		if do == "look" {
			do = "switch"
		}
		return fmt.Errorf("%s %s: %w", do, t.link, reason)
	}
	return fmt.Errorf("switch %s to %s: %w", t.link, t.target, reason)
}
