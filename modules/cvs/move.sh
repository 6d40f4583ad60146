# shellcheck shell=sh
# The steps of taking a working copy to another tag that are not cvs's own.
case $1 in
look)
	# What cvs knows, what is there, and what has the tag's name in it: these
	# are strings, which grep finds in half the time of a pattern.
	# shellcheck disable=SC2016
	names='$Name:
$Name$'
	find . \( -path '*/CVS/Entries' -o -path '*/CVS/Entries.Log' \) -exec awk -F/ '
		FNR == 1 {
			dir = FILENAME
			sub(/\/CVS\/Entries[.Log]*$/, "", dir)
			print "dir " dir
		}
		/^(A )?\// { print "entry " $3 " " dir "/" $2 }' {} +
	find . -name CVS -type d -prune -o ! -type d -print | sed 's/^/file /'
	[ "$2" = no ] || find . -name CVS -type d -prune -o -type f -exec grep -lF "$names" {} + | sed 's/^/name /'
	;;
remove)
	while IFS= read -r file; do
		[ -z "$file" ] || echo "./$file"
	done | tr '\n' '\0' | xargs -0 rm -f
	;;
retag)
	# What cvs knows of the files of a directory is in one place, and in a log
	# of what came later; what files get that are new there is in another.
	find . \( -path '*/CVS/Entries' -o -path '*/CVS/Entries.Log' \) -exec awk -F/ -v OFS=/ -v tag="T$2" '
		FNR == 1 {
			save()
			file = FILENAME
			text = ""
		}
		/^(A )?\// { $6 = tag }
		{ text = text $0 "\n" }
		function save() {
			if (file != "") {
				printf "%s", text >file
				close(file)
			}
		}
		END { save() }' {} + || exit
	IFS= read -r sample && IFS= read -r tag <"$sample/CVS/Tag" || exit
	find . -name CVS -type d | while IFS= read -r folder; do
		echo "$tag" >"$folder/Tag" || exit
	done
	;;
esac
