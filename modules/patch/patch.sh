# shellcheck shell=sh
# Applies a patch, or takes it out:
# apply|revert try|place -pN -R[E] MORE "[-pN BYTES]…" FILE…
# Standard input is patches that are taken to be in, of so many bytes, and the patch.
# The files are all that it may be of. MORE is the state in which they have more of its
# lines, or empty. patch(1) works on copies; if it made the right files, they take the
# place of the others. A try does all but that. Prints how the patch stood, and the
# numbers of the files that it changes; a try prints on a second line their checksums
# as they would be then, "-" for one that would not be there.
way=$1 act=$2 strip=$3 out=$4 more=$5 after=$6
shift 6
command -v patch >/dev/null || exit 103
unset POSIXLY_CORRECT PATCH_GET

# fail STATUS TEXT: ends, with the kind of reason that there is and its words.
fail() {
	echo "$2" >&2
	exit "$1"
}

temp=
trap '[ -z "$temp" ] || [ -e "$temp/placing" ] || rm -rf "$temp"' EXIT
trap 'exit 129' HUP INT TERM PIPE
top=$PWD
if [ "$act" = place ] && [ -w . ]; then at=$top; else at=${TMPDIR:-/tmp}; fi
temp=$(mktemp -d "$at/.farmrun-patch.$$.XXXXXX") || exit
export TMPDIR="$temp"
mkdir "$temp/was" "$temp/made" "$temp/notes" && cat >"$temp/text" || exit

# there FILE: whether something has that name.
there() { [ -e "$1" ] || [ -L "$1" ]; }

# plain FILE: whether it is a file, and not a link to one.
plain() { [ -f "$1" ] && [ ! -L "$1" ]; }

# folder DIR FILE: makes the directories of a file within DIR.
folder() { case $2 in */*) [ -d "$1/${2%/*}" ] || mkdir -p "$1/${2%/*}" ;; esac }

# same FILE FILE: whether both are alike, as far as a patch tells, or both missing.
same() {
	if plain "$1" && plain "$2"; then
		cmp -s "$1" "$2" && if [ -x "$1" ]; then [ -x "$2" ]; else [ ! -x "$2" ]; fi
	elif [ -L "$1" ] && [ -L "$2" ]; then
		[ "$(readlink "$1")" = "$(readlink "$2")" ]
	elif there "$1"; then
		[ -d "$1" ] && [ ! -L "$1" ] && [ -d "$2" ] && [ ! -L "$2" ]
	else
		! there "$2"
	fi
}

# put TREE FILE: the file becomes that of a tree, or goes. The tree "was" keeps it, by a
# hard link, which needs no room on the disk.
put() {
	if there "$temp/$1/$2"; then
		from=$temp/$1/$2
		if [ "$1" = was ]; then
			! there "$temp/put" || rm -rf "$temp/put"
			ln "$from" "$temp/put" 2>/dev/null || cp -RPp "$from" "$temp/put" || return
			from=$temp/put
		fi
		folder . "$2" && { [ ! -L "./$2" ] || rm -f "./$2"; } && mv -f "$from" "./$2"
	else
		rm -f "./$2"
	fi
}

# put_back FILE…: all files are as they were.
put_back() {
	for file; do
		same "./$file" "$temp/was/$file" || put was "$file" || return
	done
	for file in "$temp/made/"*; do
		made=$(cat "$file") && find "${made%.}" -depth -type d -exec rmdir {} +
	done 2>/dev/null
	:
}

# works PID: whether the process is still at work on a patch.
works() {
	kill -0 "$1" 2>/dev/null || return
	case $(ps -o args= -p "$1" 2>/dev/null) in *' a patch'* | '') ;; *) return 1 ;; esac
}

# killed EACH [FILE…]: a patch that was killed while it placed files has left all that it
# takes to put them back, in $left. Calls EACH with the arguments for each of them, $name.
killed() {
	each=$1
	shift
	for left in ./.farmrun-patch.*; do
		pid=${left#./.farmrun-patch.} pid=${pid%%.*}
		if [ ! -d "$left" ] || [ "$pid" = $$ ]; then continue; fi
		! works "$pid" || fail 105 "process $pid is at work on a patch here"
		for note in "$left/placing/"*; do
			[ -e "$note" ] || continue
			name=$(cat "$note") && name=${name%.} || exit
			"$each" "$@"
		done
		[ "$each" = take_back ] || continue
		[ ! -e "$left/placing" ] || mv "$left/placing" "$left/placed" || exit
		rm -rf "$left" || exit
	done
}

# take_back puts the file back.
take_back() {
	ours=$temp temp=$left
	put_back "$name" || { temp=$ours && fail 105 'what a killed command has left of a patch cannot be taken back'; }
	temp=$ours
}

# as_it_was FILE…: has the tree "was" get the file, if it is one of these.
as_it_was() {
	for file; do
		[ "$file" = "$name" ] || continue
		rm -rf "$temp/was/$name"
		! there "$left/was/$name" || { folder "$temp/was" "$name" && cp -RPp "$left/was/$name" "$temp/was/$name"; } || exit
	done
}

[ "$act" = try ] || killed take_back
for file; do
	there "./$file" || continue
	folder "$temp/was" "$file" || exit
	if [ -d "./$file" ] && [ ! -L "./$file" ]; then
		mkdir -p "$temp/was/$file"
	else
		cp -RPp "./$file" "$temp/was/$file"
	fi || exit
done
[ "$act" = place ] || killed as_it_was "$@"

# differ TREE FILE…: notes the numbers of the files that a tree does not have as $base has
# them. It fails if there are none.
differ() {
	tree=$1 numbers='' n=0
	shift
	for file; do
		n=$((n + 1))
		same "$temp/$base/$file" "$temp/$tree/$file" || numbers="$numbers $n"
	done
	[ -n "$numbers" ]
}

# alike TREE TREE FILE…: whether all files of two trees are the same.
alike() {
	one=$1 other=$2
	shift 2
	for file; do same "$temp/$one/$file" "$temp/$other/$file" || return; done
}

# only TREE FILE…: whether a tree has no files but these.
only() {
	one=$1 count=0
	shift
	for file; do
		! plain "$temp/$one/$file" && [ ! -L "$temp/$one/$file" ] || count=$((count + 1))
	done
	all=$(find "$temp/$one" ! -type d -exec printf '%.0sx' {} +) && [ ${#all} = $count ]
}

# run FROM TO OPTION: has patch(1) make the tree TO of the tree FROM. Lines may
# have moved, but must be the ones that the patch was made for: with fuzz, as patch
# has it by default, a line may be added where it means something else. With --force
# it neither asks nor turns a patch around that looks reversed.
run() {
	to=$temp/$2 option=$3
	cp -RPp "$temp/$1" "$to" || exit
	(cd "$to" && exec patch --force --no-backup-if-mismatch -F0 -r - ${option:+"$option"} "$strip" <"$text") >"$to.said" 2>&1
	code=$?
	line=
	[ $code = 0 ] || read -r line <"$to.said"
	case $line in
	'patch: '*'invalid option'* | 'patch: '*'illegal option'* | 'patch: '*'unrecognized option'* | 'patch: '*'unknown option'*)
		cat "$to.said"
		exit 103
		;;
	esac
	if [ $code -gt 1 ]; then
		grep -q 'Only garbage was found' "$to.said" && exit 102
		cat "$to.said"
		exit 105
	fi
	return $code
}

if [ -n "$after" ]; then
	mv "$temp/text" "$temp/input"
	text=$temp/first of=$strip at=1
	for word in $after; do
		case $word in -p*) strip=$word && continue ;; esac
		tail -c +$at "$temp/input" | head -c "$word" >"$text"
		at=$((at + word))
		run was next '' || exit 101
		rm -rf "$temp/was" && mv "$temp/next" "$temp/was" || exit
	done
	strip=$of
	tail -c +$at "$temp/input" >"$temp/text" || exit
fi

# turn TREE OPTION BACK FILE…: whether patch(1) makes TREE, with other files, of
# those that there are, and these of TREE again.
turn() {
	tree=$1 option=$2 back=$3
	shift 3
	run "$base" "$tree" "$option" || return
	differ "$tree" "$@" || return
	run "$tree" "$tree.back" "$back" && alike "$base" "$tree.back" "$@" && only "$tree.back" "$@" && return
	stuck=yes
	return 1
}

# moved TREE: whether lines were found elsewhere than the patch has them.
moved() { grep -q '^Hunk #.* (offset ' "$temp/$1.said"; }

# judge FILE…: finds out the state of the patch. The tree "new" is the files with
# it, and "old" those without. Where it fits both ways, that counts where its lines
# are where it has them, and then the one that has more lines to find; it must not be
# such that it would fit again once it is in.
judge() {
	stuck='' state='' fits=''
	turn new '' "$out" "$@" && fits=yes
	of_new=$numbers
	if ! turn old "$out" '' "$@"; then
		[ ! "$fits" ] || state=fits
	elif [ ! "$fits" ] || [ "$way" = revert ] || { moved new && ! moved old; }; then
		state=applied
	elif moved old && ! moved new; then
		state=fits
	elif [ "$more" = applied ]; then
		state=applied
	elif [ "$more" = fits ] && ! run new twice ''; then
		state=fits
	else
		stuck=both
	fi
	case $state in fits) tree=new numbers=$of_new ;; *) tree=old ;; esac
	[ "$state" ]
}

# A line with a keyword of cvs, such as "$Id: index.html,v 1.2 … $", reads otherwise
# in every release. Where the patch has one, all are tried as "$Id$" first.
# shellcheck disable=SC2016
keyword='\$(Author|CVSHeader|Date|Header|Id|Locker|Log|Name|RCSfile|Revision|Source|State)'
bare() { sed -E "s/$keyword: [^\$]*\\\$/\$\\1\$/g"; }

# write FILE: it gets other contents, from standard input.
write() {
	if [ -w "$1" ]; then cat >"$1"; else chmod u+w "$1" && cat >"$1" && chmod u-w "$1"; fi
}

# restore TREE FILE…: the keywords read again as in the files that there are. It
# fails where a file has one twice, and otherwise.
restore() {
	tree=$1
	shift
	for file; do
		plain "$temp/$tree/$file" || continue
		grep -Eq "$keyword\\\$" "$temp/$tree/$file" || continue
		plain "$temp/was/$file" || return
		grep -Eo "$keyword: [^\$]*\\\$" "$temp/was/$file" | sort -u |
			sed 's/[&/\\]/\\&/g; s/^\(\$[A-Za-z]*\): .*/s\/\\\1\\$\/&\/g/' >"$temp/restore"
		sed -f "$temp/restore" <"$temp/$tree/$file" >"$temp/restored" && write "$temp/$tree/$file" <"$temp/restored" || exit
	done
}

# without_keywords FILE…: judge, with all keywords bare.
without_keywords() {
	base=bare text=$temp/text.bare
	bare <"$temp/text" >"$text" && cp -RPp "$temp/was" "$temp/bare" || exit
	for file; do
		! plain "$temp/was/$file" || bare <"$temp/was/$file" | write "$temp/bare/$file" || exit
	done
	cp -RPp "$temp/bare" "$temp/again" && restore again "$@" && alike was again "$@" && judge "$@" && restore "$tree" "$@"
}

if ! grep -Eq "$keyword: [^\$]*\\\$" "$temp/text" || ! without_keywords "$@"; then
	[ ! -e "$temp/bare" ] || rm -rf "$temp/new" "$temp/old" "$temp/new.back" "$temp/old.back" "$temp/twice"
	base=was text=$temp/text
	if ! judge "$@"; then
		[ "$way" = revert ] && said=old || said=new
		case $stuck in
		yes) fail 107 'taking it out again would not give the files back' ;;
		both) fail 107 'it fits, and it fits to be taken out: it needs more lines of context' ;;
		esac
		cat "$temp/$said.said"
		exit 101
	fi
fi

# reach FILE: fails where a file stands in the place of one of its directories. Of those
# that are missing the first is $missing, and the one above that $dir.
reach() {
	dir=./$1 missing=
	dir=${dir%/*}
	until there "$dir"; do missing=$dir dir=${dir%/*}; done
	[ -d "$dir" ] || fail 104 "${dir#./} is no directory"
}

# ready FILE: notes that the file is to be placed, and fails unless it can be. Of the
# directories that it needs and that are missing, the first is noted as well.
ready() {
	printf '%s.' "$1" >"$temp/notes/$n" || exit
	[ -w . ] || fail 104 'the directory cannot be written' # it holds the copies
	reach "$1"
	[ -w "$dir" ] || fail 104 "${dir#./} cannot be written"
	case $(cd -P "$dir" && pwd -P)/ in
	"$(pwd -P)"/*) ;;
	*) fail 104 "${dir#./} leads elsewhere" ;;
	esac
	[ -z "$missing" ] || printf '%s.' "$missing" >"$temp/made/$n" || exit
}

# place FILE…: all files become those of the tree, or stay as they were.
place() {
	trap '' HUP INT TERM PIPE # what is begun is ended
	mv "$temp/notes" "$temp/placing" || return # for who comes after a kill
	n=0
	for file; do
		n=$((n + 1))
		case "$numbers " in *" $n "*) put "$tree" "$file" || return ;; esac
	done
	for file; do
		if there "$temp/was/$file" && ! there "./$file"; then
			case $file in */*) rmdir -p -- "${file%/*}" 2>/dev/null ;; esac # as patch(1) does
		fi
	done
	:
}

n=0
for file; do
	n=$((n + 1))
	case "$numbers " in *" $n "*) ;; *) continue ;; esac
	case $way-$state in
	apply-fits | revert-applied) ready "$file" ;;
	apply-applied) reach "$file" ;; # or it could not be taken out
	esac
done
only "$tree" "$@" || fail 105 'it is of other files, too'
case $way-$state-$act in
apply-fits-place | revert-applied-place)
	if ! place "$@"; then
		put_back "$@" && [ -e "$temp/placing" ] && mv "$temp/placing" "$temp/placed"
		exit 105
	fi
	mv "$temp/placing" "$temp/placed" || exit
	;;
esac
echo "$state$numbers"
[ "$act" = try ] || exit 0
n=0
for file; do
	n=$((n + 1)) sum=-
	case "$numbers " in *" $n "*) ;; *) continue ;; esac
	! plain "$temp/$tree/$file" || sum=$(cksum <"$temp/$tree/$file") || exit
	printf '%s ' "${sum%% *}"
done
