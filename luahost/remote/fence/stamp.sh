# shellcheck shell=sh disable=SC2034,SC2086
#
# Finds the fence $_d, and the two facts that tell a process from a later one of the
# same number: when this system was booted ($_b), and when the process began ($_s, by
# stamp).
case $_d in /*) ;; *) _d=${HOME:-.}/$_d ;; esac
stamp() {
	_s=
	{ read -r _s <"/proc/$1/stat"; } 2>/dev/null
	case $_s in
	?*)
		set -- ${_s##*) }
		_s=${20}
		case $1 in [ZX]) _s= ;; esac # it has ended, and nobody has noticed yet
		;;
	*) _s=$(ps -o lstart= -p "$1" 2>/dev/null | tr -s ' ' _) ;;
	esac
}
_b=
{ read -r _b </proc/sys/kernel/random/boot_id; } 2>/dev/null
stamp 1
_b=$_b/$_s
