# shellcheck shell=sh disable=SC2016
#
# Connects to $2, port $3, if $1 is tcp, or to the socket $2 if it is unix, says
# "connected" on standard error, and then relays between that and its standard
# input and output until the other side closes. $4 is relay.pl.
if command -v perl >/dev/null; then
	perl -e "$4" "$1" "$2" "$3"
	status=$?
	[ $status = 99 ] || exit $status # which says that this perl lacks something
fi
if [ "$1" = tcp ] && bash -c '' 2>/dev/null; then
	exec bash -c '
		exec 3<>"/dev/tcp/$1/$2" 4<&0 || exit 1
		echo connected >&2
		cat <&3 & reader=$!
		cat <&4 >&3 & writer=$!
		wait $reader
		kill $writer' bash "$2" "$3"
fi
if [ "$1" = tcp ] && command -v nc >/dev/null; then
	said=$(nc -zv "$2" "$3" 2>&1) || {
		echo "$said" >&2
		exit 1
	}
	echo connected >&2
	exec nc "$2" "$3"
fi
echo "nothing on the host could connect: perl, bash or nc would" >&2
exit 1
