# shellcheck shell=sh
# Writes the record of a release and gives it its name, which another release may
# lose for it, but for the links' targets. It comes after record.sh.
release=$1 new=$(basename "$2") notes=$3 filled=$4 replace=$5
shift 5
name=$(basename "$release") top=$PWD
cd "$(dirname "$release")/$new" || exit 102
note_seen || exit
[ "$filled" = true ] || note_source || exit
record=$(admin .)
if [ "$filled" = true ]; then
	list "$record/farmrun-source"
else
	cat "$record/farmrun-source" # which has just been looked at
fi >"$record/farmrun-files" || exit
files=$(grep -Evc '^d|^[^ ]+ [^ ]+ [^ ]+ (.*/)?CVS/[A-Z][a-z]*$' "$record/farmrun-files")
if [ "$files" -eq 0 ]; then
	echo "there is no file in it" >&2
	exit 103
fi
printf '%s%s: %s\n%s: %s\n' "$notes" time "$(date -u +%Y-%m-%dT%H:%M:%SZ)" files "$files" \
	>"$record/farmrun-release.new" &&
	rm -f "$record/farmrun-began" &&
	mv -f "$record/farmrun-release.new" "$record/farmrun-release" &&
	cat "$record/farmrun-release" && content . || exit

gone=
trap '' HUP INT TERM PIPE # for a moment nothing may have the name
cd "$top" || exit
if [ "$replace" = true ] && [ -d "$release" ] && [ ! -L "$release" ]; then
	retire "$release" "$@" || exit
fi
cd "$(dirname "$release")" || exit
gone=${gone##*/}
[ ! -e "$name" ] && [ ! -L "$name" ] || exit 101
mv "$new" "$name" || {
	status=$?
	[ -z "$gone" ] || mv "$gone" "$name"
	exit "$status"
}
if [ -d "$name/$new" ]; then # somebody took the name just now, and mv moved into it
	mv "$name/$new" .
	exit 101
fi
[ -z "$gone" ] || discard "./$gone" || : # or the next sweep removes the rest
