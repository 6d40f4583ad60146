# shellcheck shell=sh disable=SC2086,SC2094
# What the scripts about releases share.

only=

# admin DIR: the folder of a release in which its record is kept, where the
# tool that filled it does not look for files.
admin() {
	for folder in "$1/CVS" "$1/.git"; do
		if [ -d "$folder" ] && [ ! -L "$folder" ]; then
			echo "$folder"
			return
		fi
	done
	echo "$1/.farmrun"
}

# list: a line for each of the files in the current directory: permissions,
# owner, checksum ("-" for what is no plain file or cannot be read, "!" for a
# link that leads nowhere) and name; for a link also what it reads. Of what cvs
# writes for itself it has only what says whence the files are. $only is a
# condition for find.
list() {
	{
		find . -type l ! -exec test -e {} \; -print | sed 's/^/! /'
		find . -type d \( -name .git -o -name .farmrun \) -prune -o \
			-path '*/CVS/*' ! -name Root ! -name Repository ! -name Tag -prune -o \
			! -type d $only -exec ls -dln {} + -type f -exec cksum {} + 2>/dev/null
	} |
		awk '
			/^[0-9]/ {
				sum = $1
				sub(/^[0-9]+ [0-9]+ /, "")
				sums[$0] = sum
				next
			}
			/^! / {
				sums[substr($0, 3)] = "!"
				next
			}
			{
				mode[++n] = substr($1, 1, 10) " " $3 ":" $4
				for (i = 0; i < 8; i++) sub(/^[^ ]+ +/, "")
				name[n] = $0
			}
			END {
				for (i = 1; i <= n; i++) {
					path = name[i]
					if (mode[i] ~ /^l/) sub(/ -> .*/, "", path)
					print mode[i], (path in sums) ? sums[path] : "-", substr(name[i], 3)
				}
			}' | sort
}

# names: of the lines of a list, the names alone. What a link reads is cut off,
# and so a name of which " -> " is a part is cut short; it then names nothing.
names() {
	awk '
		{
			link = /^l/
			sub(/^[^ ]+ [^ ]+ [^ ]+ /, "")
			if (link) sub(/ -> .*/, "")
			print
		}'
}

# chosen YES LIST NAMES: those lines of LIST whose names are among NAMES, or for
# YES = 0 those whose names are not.
chosen() {
	awk -v yes="$1" -v file="$3" '
		BEGIN { while ((getline name <file) > 0) is[name] = 1 }
		{
			name = $0
			sub(/^[^ ]+ [^ ]+ [^ ]+ /, "", name)
			if (/^l/) sub(/ -> .*/, "", name)
			if ((name in is) == yes) print
		}' "$2"
}

# relist OLD: the list of the current directory, whose files begin as OLD has
# them, shared with another release, and are replaced but not written into.
relist() {
	find . ! -type d ! -links 1 -print | sed 's:^\./::' >"$1.shared"
	{
		chosen 1 "$1" "$1.shared"
		only='-links 1'
		list
	} | sort
	rm "$1.shared"
}
