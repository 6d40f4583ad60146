# shellcheck shell=sh
#
# Becomes the sudo that the words from $3 on are. $1 begins every mark; $2, if
# it is not empty, is the mark that says that sudo has begun its command.
printf '%sshell %d>' "$1" $$ >&2

# arguments prints those of a process, and group its real group.
arguments() {
	if [ -d /proc/self ]; then tr '\0' ' ' <"/proc/$1/cmdline"; else ps -o args= -p "$1"; fi
} 2>/dev/null
group() {
	if [ -d /proc/self ]; then
		while read -r name value _; do
			[ "$name" != Gid: ] || echo "$value"
		done <"/proc/$1/status"
	else
		ps -o rgid= -p "$1" | tr -d ' '
	fi
} 2>/dev/null
children() {
	cat "/proc/$1/task/$1/children" || pgrep -P "$1" || ps -A -o pid= -o ppid= | awk -v p="$1" '$2 == p { print $1 }'
} 2>/dev/null

# is_command tells whether a process below sudo is the command, and no helper of
# PAM's, which may take any time and comes before and between sudo's questions. A
# helper keeps the group of the user. The command of a user whose group stays
# has its own words, at the end of those of an interpreter, or the last of them
# if it has become another program.
is_command() {
	of=$(group "$1")
	[ "$me" != 0 ] && [ "${of:-$own}" = "$own" ] || return 0
	case " $2" in *[\ /]"$words") return 0 ;; esac
	case " $words" in *" $2") return 0 ;; esac
	return 1
}

# begun tells whether sudo, or the process $2 below it, has begun the command. A
# process that has the mark $1 among its arguments is sudo still.
begun() {
	args=$(arguments "$2")
	args=${args% }
	case $args in
	'') return 1 ;;
	*"$1"*) ;;
	*)
		[ "$2" = $$ ] || is_command "$2" "$args"
		return
		;;
	esac
	for child in $(children "$2"); do
		! (begun "$1" "$child") || return 0
	done
	return 1
}
watch() {
	looks=0 nap=0.01
	while [ -d /proc/$$ ] || ps -p $$ >/dev/null 2>&1; do
		if begun "$1" $$; then
			printf %s "$2" >&2
			return
		fi
		sleep $nap 2>/dev/null || sleep 1 || return
		looks=$((looks + 1)) nap=0.05
		[ $looks -lt 100 ] || nap=0.2
	done
}
if [ -n "$2" ]; then
	me=$(id -ru 2>/dev/null) own=$(id -rg 2>/dev/null) words=$*
	words=${words#*" -- "}
	(watch "$1" "$2" </dev/null >/dev/null &)
fi
shift 2
exec "$@"
