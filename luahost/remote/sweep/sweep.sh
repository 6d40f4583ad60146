# shellcheck shell=sh disable=SC2046,SC2086,SC2154 # lists of numbers
#
# Ends the process $P and whatever belongs to it: the processes in its session or
# its process group, and its descendants. If $P has ended by itself, nothing is
# ended: a daemon that a finished command has left running is no part of it. It
# prints a line "PID USER COMMAND" for each process that is left, and "done".
#
# procs lists all processes, as Linux has them or as "pid ppid pgid sid"; ours
# picks those that belong to $P, and that were seen to before, parents before their
# children, or a shell would go on to its next command; look keeps them
# in $left, or makes do with the process group where they cannot be listed; put
# sends them a signal, by sudo to those of other users, and keeps in $foreign those
# that it may not send it to. Then come SIGTERM, a wait, SIGKILL, and a list of
# who is left. P and left are set before. With $gentle, nothing is touched where
# something of it belongs to another user and may not be ended: it is left to end;
# and the caller knows that $P has not finished, though it may be gone. With $swept
# it may be gone since it has been ended.
procs() {
	if [ -r /proc/self/stat ]; then
		cat /proc/[0-9]*/stat 2>/dev/null
	else
		ps -A -o pid= -o ppid= -o pgid= -o sid= 2>/dev/null || ps -A -o pid= -o ppid= -o pgid=
	fi
}
ours() {
	procs | awk -v P="$P" -v SEEN="$left" -v FIRST="$first" '
		{ p = $1 }
		sub(/^[0-9]+ [(].*[)] /, "") { if ($1 == "Z" || $1 == "X") next; $0 = p " " $2 " " $3 " " $4 }
		{ parent[$1] = $2; group[$1] = $3; session[$1] = $4 }
		END {
			if (NR == 0) exit
			printf "seen"
			if (FIRST && !(P in parent)) exit
			if (group[P] == P || session[P] == P) in_[P] = 1
			for (n = split(SEEN, seen, " "); n > 0; n--) if (seen[n] in parent) in_[seen[n]] = 1
			do {
				more = 0
				for (p in parent) if (!(p in in_) && (group[p] == P || session[p] == P || parent[p] in in_)) {
					in_[p] = 1; more = 1
				}
			} while (more)
			for (p in in_) {
				for (q = parent[p]; q in in_ && depth[p] < 99; q = parent[q]) depth[p]++
				if (depth[p] > deepest) deepest = depth[p]
			}
			for (d = 0; d <= deepest; d++) for (p in in_) if (depth[p] + 0 == d) printf " %s", p
		}' 2>/dev/null
}
nap() { sleep "$1" 2>/dev/null || sleep 1; }
finish() { echo "done"; exit 0; }
look() {
	seen=$(ours)
	case $seen in
	seen) finish ;;
	seen*) left=${seen#seen} ;;
	*)
		[ -z "$first" ] || case $(LC_ALL=C kill -0 "$P" 2>&1) in *"o such process"*) finish ;; esac
		kill -TERM "-$P"; nap 0.1; kill -KILL "-$P"; finish ;;
	esac
}
put() {
	foreign=
	kill "-$1" $left 2>/dev/null && return
	for p in $left; do [ ! -d "/proc/$p" ] || [ -O "/proc/$p" ] || foreign="$foreign $p"; done
	[ -n "$foreign" ] && [ -z "$refused" ] || return
	if out=$(sudo -n kill "-$1" $foreign 2>&1); then
		foreign=
	else
		case $out in sudo:* | Sorry*) refused=yes ;; esac # and asking again would only fill its log
	fi
}
settle() {
	for i in "$@"; do nap "$i"; look; done
}
# dying tells whether one of those that are left has been sent SIGKILL: on a busy
# host that takes a while.
dying() {
	for p in $left; do
		case " $foreign " in *" $p "*) ;; *) return 0 ;; esac
	done
	return 1
}
list() {
	for p; do
		ps -o pid= -o user= -o args= -p "$p" 2>/dev/null || echo "$p ? ?"
	done
	finish
}
strangers() {
	for p in $left; do kill -0 "$p" 2>/dev/null || echo "$p"; done
}
spare() {
	[ -n "$(strangers)" ] || return 0
	look # some of them may just have ended
	foreign=$(strangers)
	[ -z "$foreign" ] || sudo -n kill -0 $foreign 2>/dev/null || list $foreign
}
refused='' first=$([ -n "$gentle$swept" ] || echo 1)
look
first=
[ -z "$gentle" ] || spare
put TERM
settle 0.01 0.04 0.06
for i in 0.01 0.02 0.04; do
	put KILL
	settle "$i" # a shell may have begun its next command meanwhile
done
for i in 0.1 0.2 0.4 0.8 1.6; do
	dying || break
	put KILL
	settle "$i"
done
list $left
