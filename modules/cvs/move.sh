# shellcheck shell=sh disable=SC2154
# The steps of taking a working copy to another tag that are not cvs's own. It
# comes after names.sh.

# look NAMES TAG STICKY: what cvs knows, what is there, and with NAMES what has
# one of these strings in it. With TAG, what cvs knows of each file and directory
# is brought to that, and STICKY is how it says so of a directory. What it knows of
# the files of a directory is in one place, and in a log of what came later.
look() {
	if [ -n "$1" ]; then
		find . -name CVS -type d -prune -print -o -type f -print -exec \
			sh -c "{ $with_names; } | sed 's/^/name /'" sh "$1" {} + -o ! -type d -print
	else
		find . -name CVS -type d -prune -print -o ! -type d -print
	fi | awk -v tag="$2" -v sticky="$3" '
		/\/CVS$/ {
			dir = substr($0, 1, length($0) - 3)
			print "dir " dir "."
			if (tag != "") {
				retag($0 "/Entries")
				retag($0 "/Entries.Log")
			}
			files = entries($0 "/Entries") + entries($0 "/Entries.Log")
			# Without files cvs does not know that a tag is no branch.
			if (tag != "") write($0 "/Tag", (files ? sticky : "T" tag) "\n")
			next
		}
		!/^name / { printf "file " }
		{ print }
		function entries(file,   part, n) {
			while ((getline line <file) > 0) {
				if (line !~ /^(A )?\//) continue
				split(line, part, "/")
				print "entry " part[3] "/" part[4] "/" part[5] "/" dir part[2]
				n++
			}
			close(file)
			return n
		}
		function retag(file,   text, n, part) {
			while ((getline line <file) > 0) {
				if (line ~ /^(A )?\//) {
					n = split(line, part, "/")
					line = substr(line, 1, length(line) - length(part[n])) "T" tag
				}
				text = text line "\n"
			}
			close(file)
			if (text != "") write(file, text)
		}
		function write(file, text) {
			printf "%s", text >file
			if (close(file) != 0) exit 1
		}'
}

case $1 in
look)
	if [ -f "$kept_names" ]; then
		sed 's/^/name /' "$kept_names"
		look
	else
		look "$names"
	fi
	;;
remove)
	# "+" stands before those that cvs is to forget.
	awk '
		{
			file = substr($0, 3)
			print "./" file
		}
		/^\+/ {
			forgotten[file]
			match(file, /[^\/]*$/)
			dirs[substr(file, 1, RSTART - 1)]
		}
		END {
			for (dir in dirs) {
				forget(dir, dir "CVS/Entries")
				forget(dir, dir "CVS/Entries.Log")
			}
		}
		function forget(dir, file,   line, part, text, some) {
			while ((getline line <file) > 0) {
				split(line, part, "/")
				if (line ~ /^(A )?\// && (dir part[2]) in forgotten) some = 1
				else text = text line "\n"
			}
			close(file)
			if (some) printf "%s", text >file
			close(file)
		}' | tr '\n' '\0' | xargs -0 rm -f
	;;
retag)
	IFS= read -r sticky <"$3/CVS/Tag" || exit
	# Those that had it were all fetched anew.
	sed -n 's:^.:./&:p' | tr '\n' '\0' |
		xargs -0 sh -c "$with_names" sh "$names" /dev/null >"$kept_names" || exit
	look "" "$2" "$sticky"
	;;
esac
