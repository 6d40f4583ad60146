# shellcheck shell=bash disable=SC2034
# What the scripts of the farm share: where things are, who is on the network,
# may log in. Sourced, never run.

farm_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
lib=$farm_dir/lib

# room is a tmpfs that only the farm's own mount namespace has. It holds the
# hosts' disks, and that it is there tells a script that it runs inside.
room=/run/farm-of-tests
inside() { [ -d "$room/hosts" ]; }

die() {
	echo "farm: $*" >&2
	exit 1
}

# Where each host is. ctl is the operator's machine: the farm's own namespace,
# where tests run. lost is the operator's machine that lost power.
address() {
	case $1 in
	webserv*) echo "10.99.0.${1#webserv}" ;;
	dev) echo 10.99.0.250 ;;
	lb1) echo 10.99.0.251 ;;
	gate) echo 10.99.0.252 ;;
	lost) echo 10.99.0.253 ;;
	ctl) echo 10.99.0.254 ;;
	*) die "no host is named $1" ;;
	esac
}

# A host keeps its hardware address over a reboot, so that nobody has to wait
# for a stale ARP entry to pass. $2 tells the two ends of its cable apart.
hardware_address() {
	local ip
	ip=$(address "$1")
	printf '02:00:0a:63:%02x:%02x' "${2:-0}" "${ip##*.}"
}

web_hosts() { seq -f 'webserv%.0f' "$FARM_HOSTS"; }
all_hosts() { echo dev lb1 gate && web_hosts; }

# Whose process is host $1's init, as ctl's processes see it.
init_of() { cat "$room/hosts/$1/pid"; }

# The accounts. web's password has what shells stumble over.
# farm.go has the same words.
web_password='w3b "Secret'\'' pw'
rel_password='rel pw'
key_passphrase='open "this'\'' key'

# The state of process $1, nothing if there is none.
process_state() { sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null; }

# Waits until process $1 is no more; a zombie is no more too.
wait_gone() {
	local n
	for ((n = 0; n < 1000; n++)); do
		case $(process_state "$1") in '' | Z) return 0 ;; esac
		sleep 0.01
	done
	return 1
}
