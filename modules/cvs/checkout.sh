# shellcheck shell=sh disable=SC2034,SC2154
# The body of the script that pulls a release into a directory that gets its
# name when it is complete. It comes after a line that names it and after
# password.sh, whose cvs it calls, and names.sh.
pass=$1 root=$2 act=$3 dir=$4 base=$5 module=$6 tag=$7 date=$8 record=$9
shift 9
nonce=$1

# Whether another pull, whose shell had the process id $1, is at work.
alive() {
	if [ ! -r /proc/self/cmdline ]; then
		kill -0 "$1" 2>/dev/null
	elif [ -r "/proc/$1/cmdline" ]; then
		tr '\0' '\n' <"/proc/$1/cmdline" | grep -q '^# pull a release'
	else
		false
	fi
}

# Ends with the status of the pull; a failed one says how much room there is
# before it makes some.
finish() {
	status=$?
	trap - EXIT
	if [ -d "$temp" ]; then
		[ "$status" -eq 0 ] || df -Pk . | awk 'NR == 2 { print "farmrun: " $4 " kB free" }' >&2
		rm -rf "$temp"
	fi
	exit "$status"
}

# Whether $base is a name that is taken; an empty directory gives its name up.
taken() {
	[ -L "$base" ] || [ -e "$base" ] && { [ ! -d "$base" ] || [ -n "$(ls -A "$base")" ]; }
}

cd "$dir" || exit 102
if taken; then
	[ ! -f "$base/$record" ] || cat "$base/$record"
	exit 101
fi
for old in .farmrun-pull."$base".*; do
	[ -d "$old" ] || continue
	pid=${old#".farmrun-pull.$base."}
	pid=${pid%.*}
	case $pid in '' | *[!0-9]*) continue ;; esac # it belongs to another name
	if alive "$pid"; then
		echo "process $pid is at it" >&2
		exit 105
	fi
	[ "$act" = look ] || rm -rf "$old" || exit
	echo "removed: $old"
done
[ "$act" = look ] && exit 0

temp=.farmrun-pull.$base.$$.$nonce
trap finish EXIT
trap 'exit 129' HUP INT TERM PIPE
set -- -q -d "$root" checkout -P
[ -z "$tag" ] || set -- "$@" -r "$tag"
[ -z "$date" ] || set -- "$@" -D "$date"
cvs "$@" -d "$temp" "$module" >/dev/null || exit

# cvs makes no directory at all for a date before the first file.
[ -d "$temp" ] || exit 104
# A file whose own name is like that of half a one is in the Entries.
bad=$(find "$temp" \( -name '.new.*' -o -name '.#*' \) -type f -exec sh -c '
	for file; do grep -qF "/${file##*/}/" "${file%/*}/CVS/Entries" || echo "$file"; done' sh {} +) || exit
if [ -n "$bad" ]; then
	echo "there is $bad" >&2
	exit 103
fi
files=$(find "$temp" -type f | grep -vc /CVS/)
[ "$files" -gt 0 ] || exit 104
printf '%s: %s\n' module "$module" tag "$tag" date "$date" root "$root" \
	time "$(date -u +%Y-%m-%dT%H:%M:%SZ)" files "$files" >"$temp/$record" || exit
cat "$temp/$record"
(cd "$temp" && find . -name CVS -type d -prune -o -type f -exec sh -c "$with_names" sh "$names" {} + >"$kept_names") || exit

taken && exit 101
[ ! -d "$base" ] || rmdir "$base" || exit
mv "$temp" "$base" || exit
if [ -d "$base/$temp" ]; then # somebody took the name just now, and mv moved into it
	rm -rf "${base:?}/$temp"
	exit 101
fi
