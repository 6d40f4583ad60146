# shellcheck shell=sh disable=SC2016,SC2086
# What the scripts about releases share.

newline='
'

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

# open_record: makes the folder of the record of the current directory, $record, which
# may be one that its source has made read-only.
open_record() {
	record=$(admin .)
	[ -d "$record" ] || mkdir "$record" 2>/dev/null || { chmod u+w . && mkdir "$record" && chmod u-w .; }
}

# discard DIR: removes it, for which only directories have to be writable: files
# may be those of another release, too.
discard() {
	find "$1" -type d ! -perm -u=rwx -exec chmod u+rwx {} \; && rm -rf "$1"
}

# mounted DIR: names a directory within DIR that is mounted there, and is of elsewhere.
# Linux writes blanks and the like as octal numbers.
mounted() {
	[ -r /proc/self/mountinfo ] && while read -r _ _ _ _ mount _; do
		case $mount in *\\*) mount=$(printf '%b' "$(printf %s "$mount." | sed 's/\\\([0-7]\)/\\0\1/g')") mount=${mount%.} ;; esac
		case $mount in "$1"/*) echo "$mount" && return ;; esac
	done </proc/self/mountinfo
	return 1
}

# retire DIR [LINK…]: takes the name from the release DIR, which then is $gone, unless
# one of the links leads to it or into it, or somebody else has filled a directory
# there, or mounted one.
retire() {
	dir=$1 at=$(cd "$1" && pwd -P) || return
	shift
	for link; do
		[ -e "$link" ] || continue
		which=$link
		until [ -d "$link" ]; do # it may lead to a file
			case $(readlink "$link") in
			'') link=$(dirname "$link") ;;
			/*) link=$(readlink "$link") ;;
			*) link=$(dirname "$link")/$(readlink "$link") ;;
			esac
		done
		case $(cd "$link" 2>/dev/null && pwd -P)/ in
		"$at"/*) echo "$which leads to it" >&2 && return 106 ;;
		esac
	done
	foreign=$(find "$dir" -type d ! -user "$(id -u)" -exec sh -c '
		for dir; do [ -w "$dir" ] || [ -z "$(ls -A "$dir")" ] || echo "$dir"; done' sh {} + | sed -n 1p)
	[ -z "$foreign" ] || { echo "${foreign#"$dir"/}" >&2 && return 107; }
	! mounted "$at" >&2 || return 107
	gone=$(dirname "$dir")/.farmrun-gone.$$
	mv "$dir" "$gone"
}

# ages FILE…: says "new" of each directory that was touched within a day, and "old"
# of the others. A name of several lines is none that farmrun gives.
ages() {
	for left; do
		if [ ! -d "$left" ] || [ -L "$left" ]; then continue; fi
		case $left in *"$newline"*) continue ;; esac
		[ -n "$(find "$left" -prune -mtime -1)" ] && echo "new $left" || echo "old $left"
	done
}

# of_release EXPRESSION: find, for what is in the current directory and belongs to
# the release. That is neither our record nor what cvs writes for itself, but for
# what says whence the files are.
of_release() {
	mine=$(admin .)
	[ "$mine" != ./CVS ] || mine='./CVS/farmrun-*'
	find . -path "$mine" -prune -o \
		-path '*/CVS/*' \( -name Entries -o -name 'Entries.[BELS]*' -o -name 'Base*' -o -name 'Notify*' \
		-o -name Template \) -prune -o "$@"
}

# named, for awk: the name in a line of a list. What a link reads is cut off.
named='
	function named(line,   link) {
		link = line ~ /^l/
		sub(/^[^ ]+ [^ ]+ [^ ]+ /, "", line)
		if (link) sub(/ -> .*/, "", line)
		return line
	}
'

# Names that would not fit into lines are written with "?" there.
odd() { of_release \( -path "*$newline*" -o -type l -path '* -> *' \) "$@"; }

# What sh does with single files: it writes lines of a list, after "= ".
one_by_one='for f; do
	name=${f#./} sum=- reads=
	set -f -- $(ls -dln "$f")
	if [ -L "$f" ]; then
		name=$(printf "%s\n" "$name" | sed "s/ -> / ?> /g") reads=" -> $(readlink "$f")"
		[ -e "$f" ] || sum=!
	elif [ -f "$f" ]; then
		sum=$(cksum <"$f") && sum=${sum%% *} || sum=-
	fi
	name=$(printf "%s." "$name$reads" | tr "\n" "?")
	printf "= %.10s %s:%s %s %s\n" "$1" "$3" "$4" "$sum" "${name%.}"
done'

# dead_links is what sh does with links: it names those that lead nowhere.
dead_links='for l; do [ -e "$l" ] || echo "! $l"; done'

# look_at [OLD]: what list makes its lines of: what ls -dln and cksum say of each
# file, or with OLD the name alone of one that another release has, too. GNU's
# find says itself what ls does, in half the time. Others are asked again and
# again, since busybox's forgets what "+" within parentheses was to do.
look_at() {
	if find . -prune -printf '' 2>/dev/null; then
		shared=
		[ -z "$1" ] || shared='! -type d ! -links 1 -print -o'
		odd -exec sh -c "$one_by_one" sh {} + -o \( $shared \
			\( -type l -printf '%M 0 %U %G %p -> %l\n' -o -printf '%M 0 %U %G %p\n' \) \
			\( -type f -exec cksum {} + -o -type l -exec sh -c "$dead_links" sh {} + \) \)
		return
	fi
	own=
	[ -z "$1" ] || own='( -type d -o -links 1 )'
	odd -exec sh -c "$one_by_one" sh {} +
	[ -z "$1" ] || odd -o ! -type d ! -links 1 -print
	odd -o $own -print | tr '\n' '\0' | xargs -0 ls -dln
	odd -o $own -type f -print | tr '\n' '\0' | xargs -0 cksum
	odd -o $own -type l -print | tr '\n' '\0' | xargs -0 sh -c "$dead_links" sh
}

# list [OLD]: a line for each of the files in the current directory, and for each
# directory: permissions, owner, checksum ("-" for what is no plain file or cannot
# be read, "!" for a link that leads nowhere) and name; for a link also what it
# reads.
#
# OLD is a list of the directory as it began, with files that another release
# has too. Who changes such a file puts another in its place, so those that are
# still shared are as OLD has them, and are not read.
list() {
	look_at "$1" 2>/dev/null |
		one_by_one=$one_by_one awk -v old="$1" "$named"'
			BEGIN { while (old != "" && (getline line <old) > 0) was[named(line)] = line }
			/^= / {
				print substr($0, 3)
				next
			}
			/^\.\// {
				name = substr($0, 3)
				if (name in was) print was[name]
				else other[++others] = $0
				next
			}
			/^! / {
				sums[substr($0, 3)] = "!"
				next
			}
			/^[0-9]/ {
				sums[substr($0, index($0, " ./") + 1)] = $1
				next
			}
			{
				mode[++n] = substr($1, 1, 10) " " $3 ":" $4
				at = index($0, " ./")
				path[n] = at ? substr($0, at + 1) : "./."
			}
			END {
				for (i = 1; i <= n; i++) {
					name = path[i]
					if (mode[i] ~ /^l/) sub(/ -> .*/, "", name)
					print mode[i], (name in sums) ? sums[name] : "-", substr(path[i], 3)
				}
				# What shares a file, but not under its name.
				fflush()
				for (i = 1; i <= others; i++)
					print other[i] | "tr \"\\n\" \"\\0\" | xargs -0 sh -c \"$one_by_one\" sh | sed \"s/^= //\""
			}' | sort
}

# seen EXPRESSION: for each file to which that applies its number and the time at
# which anything about it was last changed, which nobody can set: a file of which
# both are as they were need not be read again. Of directories it is what a list
# has. There is nothing where find is not GNU's.
seen() {
	of_release \( -type d -printf '%M %U:%G %p\n' -o "$@" -printf '%i %C@ %p\n' \) 2>/dev/null | sort
}

# note_seen: notes what is seen of the files that a list is about to be made of.
# A file that another release has too is only noted if nobody has written into
# it since this one began: it stands in the list as it was then.
note_seen() {
	open_record || return
	set -- -links 1
	[ ! -f "$record/farmrun-began" ] ||
		set -- \( "$@" -o ! -newer "$record/farmrun-began" ! -cnewer "$record/farmrun-source" \)
	seen "$@" >"$record/farmrun-seen"
}

# names: of the lines of a list, the names alone.
names() { awk "$named"'{ print named($0) }'; }

# chosen YES LIST NAMES: those lines of LIST whose names are among NAMES, or for
# YES = 0 those whose names are not.
chosen() {
	awk -v yes="$1" -v file="$3" "$named"'
		BEGIN { while ((getline name <file) > 0) is[name] = 1 }
		(named($0) in is) == yes' "$2"
}

# halves: of the names of files that look like halves of others, those that are:
# cvs fetches into .new.FILE. A file whose own name is like that is in its Entries.
halves() {
	while IFS= read -r file; do
		dir=$(dirname "./$file") name=${file##*/}
		case $name in
		.new.*) [ -d "$dir/CVS" ] && ! grep -qF "/$name/" "$dir/CVS/Entries" && echo "$file" ;;
		.farmrun-pull.*) echo "$file" ;;
		esac
	done
}

# note_source: notes what the current directory has from its source. It fails
# where a file is half fetched. A source that is itself a release has brought its
# record, of which nothing is this one's.
note_source() {
	open_record && rm -rf "$record/farmrun-patches" || return
	[ -f "$record/farmrun-began" ] && old=$record/farmrun-source || old=
	list "$old" >"$record/farmrun-source.new" || return
	half=$(grep -F -e .new. -e .farmrun-pull. "$record/farmrun-source.new" | names | halves)
	if [ -n "$half" ]; then
		echo "there is $half" >&2
		return 103
	fi
	mv -f "$record/farmrun-source.new" "$record/farmrun-source"
}

# bare: of the lines of a list those that are the same on every host that has the
# same files: without directories, owners, and what a host's umask makes of
# permissions; without what cvs notes of whence the files are, for repositories
# move.
bare() {
	awk '/^d/ || /^[^ ]+ [^ ]+ [^ ]+ (.*\/)?CVS\/(Root|Repository|Tag)$/ { next }
		{
			split($0, part, " ")
			sub(/^[^ ]+ [^ ]+ [^ ]+ /, "")
			print substr(part[1], 1, 4), "-", (part[1] ~ /^l/ ? "-" : part[3]), $0
		}'
}

# content DIR: a line that tells apart what releases have from their source.
content() {
	source=$(admin "$1")/farmrun-source
	[ ! -f "$source" ] || echo "content: $(bare <"$source" | cksum)"
}
