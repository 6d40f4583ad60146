# shellcheck shell=sh disable=SC2154
#
# Runs the script $1 as a command of the fence's owner, whose file there is $_o, and
# notes it in the receipt $_r. The receipt is written before the fence is checked: the
# next owner changes the fence first and reads the receipts then, so one of the two
# sees the other. $_k is the first words of the receipt; stamp.sh
# stands before.
#
# The receipt is held open, and stays that of this command though the fence is
# removed meanwhile and made anew by others.
refused() {
	echo "farmrun: not run: $1 ($_o)" >&2
	exit 125
}
[ -e "$_d/$_o" ] || refused 'the fence is not ours'
[ -w "$_d/$_r" ] || { true >>"$_d/$_r"; } 2>/dev/null || refused 'its receipt cannot be written'
exec 8<>"$_d/$_r" 9<>"$_d/$_r"
stamp $$
_k="$_k $_b $$ ${_s:-?} $(date -u +%Y%m%dT%H%M%SZ)"
printf '%-1023s\n' "$_k -" >&8 || refused 'its receipt cannot be written'
if [ ! -e "$_d/$_o" ]; then
	printf '%-1023s\n' "$_k - refused ." >&9
	refused 'the fence is not ours any more'
fi
/bin/sh -c "$1" 8>&- 9>&-
_s=$?
printf '%-1023s\n' "$_k $(date -u +%Y%m%dT%H%M%SZ) $_s ." >&9
exit $_s
