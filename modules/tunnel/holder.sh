# shellcheck shell=sh
# look who listens on the port $1, and what processes there are
port=$1
echo "self: $$ $(id -u)"
if [ ! -r /proc/net/tcp ]; then
	{ sockstat -l -P tcp || lsof -nP -iTCP -sTCP:LISTEN || netstat -an; } 2>/dev/null |
		grep "[.:]${port}[^0-9]" | sed 's/^/said: /'
	exit 0
fi
cat /proc/[0-9]*/status 2>/dev/null | awk '
	/^Name:/ { name = $2 }
	/^Pid:/ { pid = $2 }
	/^PPid:/ { parent = $2 }
	/^Uid:/ { print "process: " pid, parent, $2, name }'
# The sockets of those processes whose files we may see.
# shellcheck disable=SC2012 # one ls is faster than a find for each process
ls -l /proc/[0-9]*/fd 2>/dev/null | awk '
	/^\/proc\// { split($0, part, "/"); pid = part[3] }
	sub(/.*socket:\[/, "") { print "open: " $0 + 0, pid }'
hex=$(printf ':%04X' "$port")
cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
	awk -v port="$hex" '$4 == "0A" && substr($2, length($2) - 4) == port { print $2, $8, $10 }' |
	while read -r addr user inode; do
		line=$( (getent passwd "$user" || grep "^[^:]*:[^:]*:$user:" /etc/passwd) 2>/dev/null)
		echo "user: $user ${line%%:*}"
		echo "socket: $addr $user $inode"
	done
