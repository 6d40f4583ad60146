# shellcheck shell=sh disable=SC2034,SC2059,SC2154,SC2209,SC2259,SC2260
#
# What the shell of a terminal becomes, when a login has led to it: it reads
# lines, each of which begins with the letter of an order, and answers in
# frames: $_m, the letter of the frame, what it carries, and ";". The lines and
# the frames are plain text, whatever bytes they stand for, so that they pass
# through every terminal; what is between frames is not ours. $_m is set
# before. Orders:
#
#	sTEXT tTEXT  text, with a line end or without, for the script to come
#	eTEXT        the same as a format of printf
#	dSECONDS     the time that the script to come has
#	r ri         run the script: with no input, or with what is given to it
#	pTEXT        input as a format of printf
#	bTEXT        input as base64
#	.            the end of the input
#	k            run the script besides, and frame what it says
#	q            the command is over
#
# Frames: R when it waits for orders, the first time with what this host can do,
# P with the process id of a command, O and E with a piece of its output, empty
# at the end, X with its status, k and K at the beginning of what k runs and with
# what that says.
#
# A function sweep stands before, the script of package sweep. The host needs it
# where nobody can tell it any more that a command has to end.
_n='
'
_e='od -An -v -tx1' _f=hex
if [ "$(printf a | base64 2>/dev/null)" = YQ== ]; then
	_e=base64 _f=base64
fi
_d=printf
if stty raw -echo icrnl 2>/dev/null && [ "$(printf YQ== | base64 -d 2>/dev/null)" = a ]; then
	_d=base64 # on lines that are longer than a terminal takes which is not raw
fi
# A command has no terminal to ask on, as with ssh, if that can be had.
_z='' _g=leaders
if setsid sh -c : 2>/dev/null; then
	_z=setsid
elif perl -MPOSIX -e '' 2>/dev/null; then
	_z='perl -MPOSIX -ePOSIX::setsid();exec@ARGV'
else
	_g=none
fi
frame() { printf '%s' "$_m$1;" >&3; }

# encode frames its standard input as it comes, each piece by one write, so
# that the pieces of two do not mix.
encode() {
	while _x=$(dd bs=24576 count=1 2>/dev/null | $_e) && [ -n "$_x" ]; do
		printf '%s' "$_m$1$_x;" | dd obs=131072 2>/dev/null >&3
	done
	frame "$1"
}
dispatch() {
	{
		{
			{
				# in (), lest this shell's note on a signal be among what the command says
				(exec $_z /bin/sh -c "printf '%s' '${_m}P'\$\$';' >&3;echo \$\$ >&6;exec 3>&- 6>&-;$_s" 2>&1 >&5 5>&-)
				frame "X$?"
			} 2>/dev/null | encode E 5>&- 6>&-
		} 5>&1 | encode O 6>&-
		echo over
	} 6>&1 | guard
}

# guard reads the process id of a command and ends that when its time is over or
# the terminal hangs up, unless it reads before that the command is over. A
# terminal that hangs up ends sleep by the same signal, 1; that there is no
# sleep, or none that takes so many seconds, means nothing; nor is it noticed
# when it hangs up before there is one, within a moment of the command's begin. No
# sleep is left: a command that is over before there is one is remembered in $_l.
guard() {
	read -r _p || return
	(
		_l=''
		trap : HUP
		trap '_l=over' TERM
		sleep "$_t" &
		_x=$!
		trap 'kill $_x; exit' TERM
		[ -z "$_l" ] || kill $_x
		wait $_x
		case $? in 0 | 129 | 257)
			P=$_p left=
			[ $_g = leaders ] || left=$P
			sweep
			;;
		esac
	) </dev/null >/dev/null 3>&- &
	_x=$!
	read -r _l && kill $_x
}

# run runs the script beside a serve that takes the orders meanwhile. Some shells
# read ahead and share what they have read with nobody, so the other end sends
# nothing after r until P has come, and nothing after q until R has.
run() {
	case $1 in
	i) (trap '' PIPE && serve) 2>/dev/null | dispatch ;;
	*) serve >/dev/null | dispatch </dev/null ;;
	esac
	_s='' _t=8640000
	frame R
}
serve() {
	_s='' _t=8640000
	while IFS= read -r _l; do
		case $_l in
		s*) _s=$_s${_l#s}$_n ;;
		t*) _s=$_s${_l#t} ;;
		e*) _x=$(printf "${_l#e}.") && _s=$_s${_x%.} ;;
		d*) _t=${_l#d} ;;
		r*) run "${_l#r}" ;;
		p*) printf "${_l#p}" ;;
		b*) printf %s "${_l#b}" | base64 -d ;;
		.) exec >/dev/null ;;
		k) frame k; (eval "$_s") </dev/null 2>/dev/null | encode K & ;;
		q) return ;;
		esac
	done
}
unset TMOUT # which would end read
exec 3>&1 2>/dev/null
frame "R$_f $_d $_g"
serve
