# shellcheck shell=sh
# Applies a patch, takes it out, or looks how it stands: DO -pN FILE…
# The patch is standard input, and the files are those that it is of.
do=$1 strip=$2
shift 2
command -v patch >/dev/null || exit 103
copies=
temp=$(mktemp) || exit
trap 'rm -rf "$temp" "$temp.said" "$copies"' EXIT
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
	grep -Eq '^patch: .*(invalid|illegal|unrecognized|unknown) option' "$temp.said" && exit 103
	exit 101
fi
# work OPTION FILE…: has patch work on copies of the files. It stops midway where
# the disk fills up, and then the files are as they were.
work() {
	option=$1
	shift
	copies=$(mktemp -d ./.farmrun-patch.XXXXXX) || return
	for file; do
		mkdir -p "$copies/$(dirname "./$file")" || return
		[ ! -e "./$file" ] || cp -p "./$file" "$copies/$file" || return
	done
	(cd "$copies" && patch --force -F0 "$option" -b -r - "$strip" <"$temp" >&2)
}

# place FILE: the copy takes the place of the file, or both go.
place() {
	if [ -e "$copies/$1" ]; then
		mkdir -p "$(dirname "./$1")" && mv -f "$copies/$1" "./$1"
	elif [ -e "./$1" ]; then
		rm -f "./$1" || return
		rmdir "$(dirname "./$1")" 2>/dev/null || : # it was made for it
	fi
}

case $do-$state in
apply-fits)
	work -N "$@" || exit
	for file; do
		place "$file.orig" && place "$file" || exit
	done
	;;
revert-applied)
	work -R "$@" || exit
	for file; do
		rm -f "./$file.orig" && place "$file" || exit
	done
	;;
esac
echo "$state"
