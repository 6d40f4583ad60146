#!/bin/sh
# install.sh PACKAGE...: installs Debian packages, as root. None of them may
# start a service on this machine, which is somebody's: packages ask policy-rc.d
# whether they may.
set -u
PATH=$PATH:/usr/sbin:/sbin # dpkg needs them, and "su" alone does not set them
export PATH DEBIAN_FRONTEND=noninteractive

policy=/usr/sbin/policy-rc.d
own=$policy.farmrun # the machine's own meanwhile

allow_services() {
	rm -f $policy
	[ ! -e $own ] || mv $own $policy
}

# A second installation must not take this one's policy for the machine's own.
exec 9>/run/farmrun-install.lock
flock 9
trap allow_services EXIT
trap 'exit 130' HUP INT TERM
[ -e $own ] || [ ! -e $policy ] || mv $policy $own
printf '#!/bin/sh\nexit 101\n' >$policy
chmod 755 $policy

apt-get -qq update
apt-get -qq install --yes --no-install-recommends \
	-o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@"
