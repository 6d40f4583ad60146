# shellcheck shell=sh
# Writes the record of a release and gives it its name. It comes after
# record.sh.
new=$(basename "$2") notes=$3 filled=$4
cd "$(dirname "$1")" || exit 102
name=$(basename "$1")
cd "$new" || exit 102
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

cd .. || exit
[ ! -e "$name" ] && [ ! -L "$name" ] || exit 101
mv "$new" "$name" || exit
if [ -d "$name/$new" ]; then # somebody took the name just now, and mv moved into it
	mv "$name/$new" .
	exit 101
fi
