# shellcheck shell=sh disable=SC2034,SC2154
#
# Notes the process $_p in the receipt $_r as a command of the fence's owner, whose file
# there is $_o; $_u stands for its start where the system does not tell that. The
# receipt is written before the fence is checked: the next owner changes the fence first
# and reads the receipts then, so one of the two sees the other. $_k is the first words
# of the receipt; stamp.sh stands before.
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
stamp "$_p"
_k="$_k $_b $_p ${_s:-$_u} $(date -u +%Y%m%dT%H%M%SZ)"
printf '%-1023s\n' "$_k -" >&8 || refused 'its receipt cannot be written'
if [ ! -e "$_d/$_o" ]; then
	printf '%-1023s\n' "$_k - refused ." >&9
	refused 'the fence is not ours any more'
fi
