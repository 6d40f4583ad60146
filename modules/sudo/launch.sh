# shellcheck shell=sh
#
# Becomes the sudo that the words from $3 on are. $1 begins every mark; $2, if
# it is not empty, is the mark that says that sudo has begun its command.
printf '%sshell %d>' "$1" $$ >&2

# begun tells whether sudo has begun: it is no more what it was, or has had the
# same child for longer than those live that help it to find out who asks.
begun() {
	before=$child
	{
		args=$(tr '\0' ' ' </proc/$$/cmdline)
		if [ -r /proc/$$/task/$$/children ]; then
			child= && read -r child _ </proc/$$/task/$$/children
		else
			child=$(pgrep -P $$)
		fi
	} 2>/dev/null
	case $args in
	'' | *"$1"*) ;;
	*) return 0 ;;
	esac
	[ -n "$child" ] && [ "$child" = "$before" ] || times=0
	times=$((times + 1))
	[ $times -gt 3 ]
}
watch() {
	child='' times=0 looks=0 nap=0.01
	while [ -d /proc/$$ ] || ps -p $$ >/dev/null 2>&1; do
		if begun "$1"; then
			printf %s "$2" >&2
			return
		fi
		sleep $nap 2>/dev/null || sleep 1 || return
		looks=$((looks + 1)) nap=0.05
		[ $looks -lt 100 ] || [ -n "$child" ] || nap=0.2
	done
}
if [ -n "$2" ]; then
	(watch "$1" "$2" </dev/null >/dev/null &)
fi
shift 2
exec "$@"
