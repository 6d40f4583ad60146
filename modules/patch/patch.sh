# shellcheck shell=sh
# Applies a patch, takes it out, or looks how it stands: DO -pN FILE…
# The patch is standard input, and the files are those that it is of.
do=$1 strip=$2
shift 2
temp=$(mktemp) || exit
trap 'rm -f "$temp" "$temp.said"' EXIT
trap 'exit 129' HUP INT TERM PIPE
cat >"$temp" || exit

# try OPTION…: looks whether the patch could be applied like that. Lines may
# have moved, but must be the ones that the patch was made for: with fuzz, as
# patch has it by default, a line may be added where it means something else.
# With --force patch neither asks nor turns a patch around that looks reversed.
try() { patch --force --dry-run -F0 -r - "$strip" "$@" <"$temp"; }

if try >"$temp.said" 2>&1; then
	state=fits
elif try -R >/dev/null 2>&1; then
	state=applied
else
	cat "$temp.said"
	grep -q 'Only garbage was found' "$temp.said" && exit 102
	exit 101
fi
case $do-$state in
apply-fits)
	patch --force -F0 -N -b -r - "$strip" <"$temp" >&2 || exit
	;;
revert-applied)
	patch --force -F0 -R -r - "$strip" <"$temp" >&2 || exit
	for file; do
		rm -f "./$file.orig" || exit
		[ -e "./$file" ] || rmdir "$(dirname "./$file")" 2>/dev/null # it was made for it
	done
	;;
esac
echo "$state"
