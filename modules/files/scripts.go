package files

// The exit statuses by which the scripts tell their reasons.
var verdicts = map[int]error{
	101: ErrNotFile,
	102: ErrNoFile,
	103: ErrIncomplete,
}

// putScript writes its standard input to temp and, if that is size bytes long,
// gives it its name. Where the size is not known beforehand ("-"), the caller
// counts what it sent and has nameScript do the rest. With the mode "-" the
// file has that of the one it replaces, if there is one; with any other it
// cannot be read by strangers until it has it.
const putScript = `# write a file
path=$1 temp=$2 size=$3 mode=$4
[ -L "$path" ] && exit 101
[ -e "$path" ] && [ ! -f "$path" ] && exit 101
trap 'rm -f "$temp"' EXIT
trap 'exit 129' HUP INT TERM PIPE
[ "$mode" = - ] || umask 077
set -C
: >"$temp" || exit
set +C
if [ "$mode" = - ] && [ -f "$path" ]; then
	cp -p "$path" "$temp" && chmod u+w "$temp" || exit
fi
cat >"$temp" || exit
if [ "$size" = - ]; then
	trap - EXIT
	exit 0
fi
` + nameLines

// nameScript gives the file temp its name if it is size bytes long.
const nameScript = `# name a file that is complete
path=$1 temp=$2 size=$3 mode=$4
trap 'rm -f "$temp"' EXIT
trap 'exit 129' HUP INT TERM PIPE
` + nameLines

const nameLines = `[ "$(wc -c <"$temp")" -eq "$size" ] || exit 103
if [ "$mode" != - ]; then
	chmod "$mode" "$temp" || exit
elif [ -f "$path" ] && [ -n "$(find "$path" -prune ! -perm -u+w)" ]; then
	chmod u-w "$temp" || exit
fi
[ -d "$path" ] && exit 101
mv -f "$temp" "$path"
`

// dropScript removes what was written when its source failed.
const dropScript = `# remove an incomplete copy
rm -f "$1"
`

// getScript says how long the file is and then what is in it.
const getScript = `# read a file
[ -f "$1" ] || {
	[ -e "$1" ] && exit 101
	exit 102
}
wc -c <"$1" >&2 && cat "$1"
`
