# shellcheck shell=sh
# Makes the hidden directory of a new release. It comes after record.sh.
name=$1 new=$(basename "$2") from=$3
shift 3
cd "$(dirname "$name")" || exit 102
for dead; do
	dead=$(basename "$dead")
	chmod -R u+w "./$dead" && rm -rf "./$dead" || exit
done
if [ -z "$from" ]; then
	mkdir "$new"
	exit
fi

# share DIR: DIR, which is there, gets the files that $from has, by hard links.
# What cvs writes for itself is copied, since cvs writes some of it in place.
share() {
	cp -al "$from/." "$1" && (cd "$from" && find . -path '*/CVS/*' -type f | tar -cf - -T -) |
		(cd "$1" && tar -xf -)
}

# untouched: whether all files of $from are as its list has them.
untouched() {
	seen=$(admin "$from")/farmrun-seen
	[ -s "$seen" ] && (cd "$from" && seen) | cmp -s - "$seen"
}

from=$(basename "$from")
[ -d "$from" ] || exit 102
[ -f "$(admin "$from")/farmrun-source" ] || exit 104
trap '[ $? -eq 0 ] || rm -rf "./$new"' EXIT
trap 'exit 129' HUP INT TERM PIPE
mkdir "$new" && : >"$new/.farmrun-began" || exit
if untouched; then touched=no; else touched=yes; fi
share "$new" 2>/dev/null ||
	{ rm -rf "./$new" && mkdir "$new" && : >"$new/.farmrun-began" && cp -Rp "$from/." "$new"; } || exit

# What is not as it came from the source is left out, to be fetched anew.
cd "$new" || exit
record=$(admin .)
mv .farmrun-began "$record/farmrun-began" && mv "$record/farmrun-source" "$record/farmrun-was" || exit
if [ "$touched" = no ]; then
	cat "$record/farmrun-files"
else
	list
fi >"$record/farmrun-is" || exit
rm -rf "./$record/farmrun-release" "./$record/farmrun-files" "./$record/farmrun-seen" "./$record/farmrun-patches"
comm -13 "$record/farmrun-was" "$record/farmrun-is" | names | grep -v '^\(.*/\)*CVS/[A-Z][a-z]*$' |
	while IFS= read -r file; do rm -f "./$file" || exit; done || exit
comm -12 "$record/farmrun-was" "$record/farmrun-is" >"$record/farmrun-source" || exit
rm "$record/farmrun-was" "$record/farmrun-is"
