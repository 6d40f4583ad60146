# outer.sh DIR PROGRAM COMMAND...: runs COMMAND on an overlay of this machine, in
# which PROGRAM is /program and /upper is all that has changed. It has to be the first process of namespaces of its
# own (mount, pid, network, ipc, uts).
set -e
dir=$1 program=$2
shift 2
mount --make-rprivate /
mount -t tmpfs tmpfs "$dir"
mkdir "$dir/upper" "$dir/work" "$dir/root"
mount -t overlay -o "lowerdir=/,upperdir=$dir/upper,workdir=$dir/work" overlay "$dir/root"
cd "$dir/root"
mkdir -p old proc dev sys run tmp upper
mount --bind "$dir/upper" upper
cp "$program" program
chmod 755 program
mount -t tmpfs tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t proc proc proc
mount -t tmpfs tmpfs dev
mkdir dev/pts
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mknod -m 666 dev/null c 1 3
mknod -m 666 dev/zero c 1 5
mknod -m 666 dev/full c 1 7
mknod -m 666 dev/random c 1 8
mknod -m 666 dev/urandom c 1 9
mknod -m 666 dev/tty c 5 0
pivot_root . old
umount -l /old
ip link set lo up
"$@" </dev/null
