# shellcheck shell=sh disable=SC2034,SC2046,SC2086,SC2154
#
# Does $1 with the fence $_d; stamp.sh stands before, and the functions of package
# sweep behind. $2 is the run's token, $3 the epoch, $4 the line that says who it
# is, $5 "shared" if the folder of the fences is one for many logins. The rest are
# receipts. The owner is the file own.TOKEN.EPOCH: to raise the epoch is to rename
# it, which only one of several can do, and which needs no space on the disk.
#
# It prints lines: "fence NAME" of list, boot, login, name and machine of the host; "own FILE LINE" and
# "receipt NAME LINE" as they are in the end; "left PID USER COMMAND" for a
# process that may not be ended; and "done".
do=$1 token=$2 epoch=$3 line=$4 shared=$5
base=${_d%/*} receipts='r1 r2 r3 r4 r5 r6 r7 r8'
[ $# -lt 5 ] || shift 5

place() {
	id=
	{ read -r id </etc/machine-id || read -r id </var/lib/dbus/machine-id; } 2>/dev/null
	echo "boot $_b"
	echo "login $(id -un 2>/dev/null || id -u)"
	echo "name $(uname -n)"
	echo "machine $id"
}
show() {
	for f in "$_d"/own.*; do
		if [ -e "$f" ]; then read -r l <"$f" && echo "own ${f##*/} $l"; fi
	done
	for f in "$_d"/r*; do
		if [ -e "$f" ]; then read -r l <"$f" && echo "receipt ${f##*/} $l"; fi
	done
	echo "done"
	exit 0
}
fail() {
	echo "$1" >&2
	exit 1
}

# permit gives a fence the permissions of the folder of the fences.
permit() {
	umask 077
	[ -n "$shared" ] || return 0
	listed=$(ls -ld "$base/.")
	case $listed in
	????????w*) umask 000 ;;
	?????w*) umask 007 ;;
	esac
	set -- $listed
	group=$4
}
fill() {
	printf '%-511s\n' "$line" >"$1/own.$token.$epoch" || return
	for r in $receipts; do
		printf '%-1023s\n' - >"$1/$r" || return
	done
	[ -z "$shared" ] || chgrp -R "$group" "$1" 2>/dev/null || :
}

# make makes a fence that is complete when it gets its name.
make() {
	new=.new.$token.$$
	permit
	[ -n "$shared" ] || mkdir -p "$base"
	mkdir "$base/$new" || return
	fill "$base/$new" || { rm -rf "${base:?}/$new"; fail "the fence in $base cannot be written"; }
	[ -e "$_d" ] || mv "$base/$new" "$_d"
	rm -rf "${base:?}/$new" "${_d:?}/$new"
}

# mine tells whether the fence is ours, and tries to make it so. Of another, and of
# a later epoch, show tells.
mine() {
	[ -d "$_d" ] || make
	for f in "$_d"/own.*; do :; done
	case ${f##*/} in
	"own.$token.$epoch") return 0 ;;
	"own.$token."*)
		[ "${f##*.}" -lt "$epoch" ] || show
		mv "$f" "$_d/own.$token.$epoch" && printf '%-511s\n' "$line" 1<>"$_d/own.$token.$epoch"
		;;
	'own.*') ;;
	*) show ;;
	esac
	return 1
}
take() {
	for try in 1 2 3 4 5 6; do
		! mine || return 0
	done
	fail "the fence $_d cannot be taken (try $try)"
}

# runs tells whether the command of a receipt runs: "yes", "no", "gone" where its own
# process has ended, which may have left others, or "maybe", of a session's shell. It
# sets pid and words. Where the system does not tell when a process began, its arguments
# tell whose it is; those of a shell do not. So they do where it tells by a clock that was
# set, or else was started anew: then only those are ended that they prove to be ours.
runs() {
	is=no pid='' clock=''
	read -r words <"$_d/$1" || return
	set -- $words
	case $words in
	*' .' | -) return ;;
	esac
	[ $# -ge 8 ] || return
	case $4 in
	"$_b" | "${_b%%/*}/") ;;
	/*:*) clock=yes ;;
	*) [ "$_b" = "${4%%/*}/" ] || return ;;
	esac
	pid=$5 is=yes
	stamp "$5"
	case $_s/$6/$clock in
	*/yes | /* | */'?'/ | */'??'/) ;;
	*) [ "$_s" = "$6" ] || is=no; return ;;
	esac
	case $(ps -o args= -p "$5" 2>/dev/null) in
	*"$token"*) ;;
	'' | *defunct*) is=gone ;;
	*) is=no; [ "$6" != '??' ] || is=maybe ;;
	esac
	[ -z "$clock" ] || [ $is = yes ] || is=no
}

# ended notes the end of a receipt's command, if it has none.
ended() {
	read -r words <"$_d/$1"
	case $words in
	*' .') ;;
	*' -') printf '%-1023s\n' "${words% -} $(date -u +%Y%m%dT%H%M%SZ) $2 ." 1<>"$_d/$1" ;;
	esac
}

# end ends the commands of receipts that have no end, and notes one.
end() {
	for r in "$@"; do
		runs "$r"
		[ -n "$pid" ] || continue
		out=
		case $is in
		yes | gone) out=$(P=$pid left='' gentle=yes swept='' && { [ "$is" = gone ] || left=$pid; } && sweep </dev/null 2>/dev/null) ;;
		maybe) out=$(ps -o pid= -o user= -o args= -p "$pid") ;;
		esac
		case $out in
		*[0-9]*)
			echo "$out" | sed -n 's/^ *\([0-9]\)/left \1/p'
			continue
			;;
		esac
		ended "$r" ended
	done
}

# leave notes the end of sessions that are about to be closed. One whose shell has a
# command in the foreground has not ended.
leave() {
	for r in "$@"; do
		runs "$r"
		case $words in "$epoch "*) ;; *) continue ;; esac
		[ -n "$pid" ] || continue
		case $is in yes | maybe) waits "$pid" || continue ;; esac
		ended "$r" closed
	done
}

# waits tells whether a shell is known to wait for a line: it is then in the foreground of
# its terminal itself.
waits() {
	if { read -r stat <"/proc/$1/stat"; } 2>/dev/null; then
		set -- ${stat##*) }
		[ "$3" = "$6" ]
		return
	fi
	set -- $(ps -o pgid= -o tpgid= -p "$1" 2>/dev/null)
	[ $# = 2 ] && [ "$1" = "$2" ]
}

# clear removes the fence of the token, unless a command of it still runs.
clear() {
	for f in "$_d/own.$token".*; do :; done
	if [ -e "$f" ] && [ "${f##*.}" -le "$epoch" ]; then
		for r in "$_d"/r*; do
			runs "${r##*/}"
			case $is in yes | maybe) show ;; esac
		done
		mv "$_d" "$base/.old.$token.$$"
	fi
	rm -rf "$base/.old.$token".* "$base/.new.$token".*
	[ -n "$shared" ] || rmdir "$base" "${base%/*}" 2>/dev/null
}

# list lists all fences of the folder.
list() {
	for f in "$base"/*; do
		[ ! -d "$f" ] || echo "fence ${f##*/}"
	done
}

# tidy removes fences that were never finished or half removed, and the folder if it is
# empty.
tidy() {
	rm -rf "$base"/.new.* "$base"/.old.*
	[ -n "$shared" ] || rmdir "$base" "${base%/*}" 2>/dev/null
}

[ -z "$shared" ] || [ -w "$base/." ] || fail "there is no directory $base that $(id -un) may write in"
place
case $do in
list) list ;;
tidy) tidy ;;
take) take ;;
end) end "$@" ;;
leave) leave "$@" ;;
clear) clear ;;
esac
show
