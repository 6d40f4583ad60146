# shellcheck shell=sh disable=SC2154
# Makes the hidden directory of a new release. It comes after record.sh.
name=$1 new=$(basename "$2") from=$3
shift 3
cd "$(dirname "$name")" || exit 102
for dead; do
	discard "./$(basename "$dead")" || exit
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
top=$PWD

# empty: begins with nothing instead, since what is there is of no use.
empty() {
	cd "$top" && discard "./$new" && mkdir "$new" && echo empty
	exit
}

mkdir "$new" && : >"$new/.farmrun-began" || exit
if untouched; then touched=no; else touched=yes; fi
# Where there are no hard links a copy does. Where files cannot be read, or there
# is no room, it may do to fetch them.
share "$new" 2>/dev/null ||
	{ discard "./$new" && mkdir "$new" && : >"$new/.farmrun-began" && cp -Rp "$from/." "$new" 2>/dev/null; } ||
	empty

# What is not as it came from the source is left out, to be fetched anew.
cd "$new" || exit
[ -w . ] || chmod u+w . || exit # it has the mode of the one that it began with
record=$(admin .)
mv .farmrun-began "$record/farmrun-began" && mv "$record/farmrun-source" "$record/farmrun-was" || exit
grep -q ^d "$record/farmrun-was" || empty
# The list has "?" for what is odd about a name: where there is none, and nothing
# was touched since, there is nothing odd.
if { [ "$touched" = yes ] || grep -q '?' "$record/farmrun-files"; } && [ -n "$(odd -print)" ]; then
	odd -exec rm -rf {} +
	touched=yes
fi
if [ "$touched" = no ]; then
	cat "$record/farmrun-files"
else
	list
fi >"$record/farmrun-is" || exit
rm -rf "./$record/farmrun-release" "./$record/farmrun-files" "./$record/farmrun-seen" "./$record/farmrun-patches"

# was_only, is_only: the lines of the one list that the other does not have.
differ() { comm -3 "$record/farmrun-was" "$record/farmrun-is" >"$record/farmrun-differ"; }
was_only() { grep -v '^	' "$record/farmrun-differ"; }
is_only() { sed -n 's/^	//p' "$record/farmrun-differ"; }
differ || exit
of_cvs='(^|/)CVS/(Root|Repository|Tag)$'

# A directory is one of cvs only with all that cvs has written there. A link may be
# in its place, through which nothing is removed.
was_only | names | grep -E "$of_cvs" | sed 's:/*CVS/[A-Z][a-z]*$::' | sort -u >"$record/farmrun-fetch"
if [ -s "$record/farmrun-fetch" ]; then
	[ -n "$(sort "$record/farmrun-fetch" | sed -n 1p)" ] || empty
	while IFS= read -r dir; do rm -rf "./$dir" || exit; done <"$record/farmrun-fetch" || exit
	list >"$record/farmrun-is" && differ || exit
fi
is_only | grep -v ^d | names | grep -Ev "$of_cvs" |
	while IFS= read -r file; do rm -f "./$file" || exit; done || exit
# "u=rwx,g=rx,o=rx dir" for a directory that was one before, or else " dir".
is_only | awk -v was="$record/farmrun-was" "$named"'
	BEGIN { while ((getline line <was) > 0) if (line ~ /^d/) mode[named(line)] = substr(line, 2, 9) }
	/^d/ {
		name = named($0)
		m = mode[name]
		if (m != "") m = "u=" bits(m, 1) ",g=" bits(m, 4) ",o=" bits(m, 7)
		print m " " name
	}
	function bits(mode, from,   b) {
		b = substr(mode, from, 3)
		gsub(/-/, "", b)
		sub(/s/, "xs", b)
		sub(/t/, "xt", b)
		return tolower(b)
	}' |
	while IFS= read -r line; do
		dir=./${line#* }
		if [ -n "${line%% *}" ]; then chmod "${line%% *}" "$dir"; else rm -rf "$dir"; fi || exit
	done || exit
comm -12 "$record/farmrun-was" "$record/farmrun-is" >"$record/farmrun-source" || exit
rm "$record/farmrun-was" "$record/farmrun-is" "$record/farmrun-differ" "$record/farmrun-fetch"
