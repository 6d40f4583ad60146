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

# share DIR: DIR gets the files that $from has, by hard links. What cvs writes
# for itself is copied, since cvs writes some of it in place.
share() {
	cp -al "$from" "$1" && (cd "$from" && find . -path '*/CVS/*' -type f | tar -cf - -T -) |
		(cd "$1" && tar -xf -)
}

from=$(basename "$from")
[ -d "$from" ] || exit 102
[ -f "$(admin "$from")/farmrun-source" ] || exit 104
trap '[ $? -eq 0 ] || rm -rf "./$new"' EXIT
trap 'exit 129' HUP INT TERM PIPE
share "$new" 2>/dev/null || { rm -rf "./$new" && cp -Rp "$from" "$new"; } || exit

# What is not as it came from the source is left out, to be fetched anew.
record=$(admin "$new")
rm -rf "./$record/farmrun-release" "./$record/farmrun-files" "./$record/farmrun-patches"
cd "$new" || exit
record=$(admin .)
mv "$record/farmrun-source" "$record/farmrun-was" || exit
list >"$record/farmrun-is" || exit
comm -13 "$record/farmrun-was" "$record/farmrun-is" | names | grep -v '^\(.*/\)*CVS/[A-Z][a-z]*$' |
	while IFS= read -r file; do rm -f "./$file" || exit; done || exit
comm -12 "$record/farmrun-was" "$record/farmrun-is" >"$record/farmrun-source" || exit
rm "$record/farmrun-was" "$record/farmrun-is"
