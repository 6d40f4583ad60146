# shellcheck shell=sh disable=SC2154
# The cvs of the scripts. Where $pass is "yes" the scrambled password is on
# standard input, and so in no argument, in no environment and on no disk: cvs
# reads its password file from there. $root is the CVSROOT, or empty in a
# working copy.
cvs() {
	if [ "$pass" = yes ]; then
		{ printf '/1 %s ' "$(entry)"; cat; } | env CVS_PASSFILE="$(input)" cvs -f "$@"
	else
		command cvs -f "$@" </dev/null
	fi
}

# A name for standard input.
input() {
	for name in /dev/fd/0 /dev/stdin /proc/self/fd/0; do
		[ ! -e "$name" ] || break
	done
	echo "$name"
}

# The CVSROOT as cvs looks for it in a password file, with user and port.
entry() {
	[ -n "$root" ] || read -r root <CVS/Root
	rest=${root#:pserver:}
	host=${rest%%/*}
	case $host in
	*@*) ;;
	*) host=$(id -un)@$host ;;
	esac
	case ${host##*@} in
	*:?*) ;;
	*) host=${host%:}:${CVS_CLIENT_PORT:-2401} ;;
	esac
	printf '%s' ":pserver:$host/${rest#*/}"
}
