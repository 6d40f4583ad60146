# shellcheck shell=sh disable=SC2046,SC2086 # lists of numbers
#
# Ends the descendants of the process $P and its session and group: all that a
# sudo has begun. root's shell reads this, when the time is over. If $P, the sudo,
# has ended, so has its command, and processes that this left running stay.
having() { ps -A -o pid= -o "$1=" | awk -v is="$2" '$2 == is { print $1 }'; }
below() {
	for p in $(cat "/proc/$1"/task/*/children || pgrep -P "$1" || having ppid "$1"); do
		echo "$p"
		below "$p"
	done
}
all() {
	{ below "$P"; pgrep -s "$P"; pgrep -g "$P" || having pgid "$P"; } 2>/dev/null
}
alive() {
	for p in $ours; do
		kill -0 "$p" 2>/dev/null && return
	done
	false
}
case $(LC_ALL=C kill -0 "$P" 2>&1) in *"o such process"*) echo over; exit 0 ;; esac
ours=$(all | awk -v P="$P" '$1 != P && !seen[$1]++') # parents first
kill $ours 2>/dev/null
for nap in 0.02 0.04 0.06; do
	alive || exit 0
	sleep $nap 2>/dev/null || sleep 1
done
kill -KILL $ours $(all) 2>/dev/null
exit 0
