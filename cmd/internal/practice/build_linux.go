package practice

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// builder makes the file system of an isolated machine, at a directory that
// becomes its root: the system's programs, read-only; /etc, /var and /dev of its
// own; and from the farm its home, /tmp and /run. Its methods do nothing once one
// has failed.
type builder struct {
	root string
	err  error
}

// buildMachine makes the machine that spec describes of the namespaces that this
// process is in.
func buildMachine(spec machineSpec) error {
	b := &builder{root: filepath.Join(spec.Dir, "root")}
	b.mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	b.tmpfs("")
	b.system()
	b.etc(spec)
	b.tmpfs("var")
	b.dirs("var/cache", "var/lib", "var/log", "var/spool", "var/tmp", "sys")
	b.link("/run", "var/run")
	b.devices()
	b.sockets(spec.Net)
	b.farm(spec)
	b.dirs("proc")
	b.mount("proc", b.in("proc"), "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
	b.enter()
	b.network(spec.Name)
	return b.err
}

func (b *builder) in(name string) string { return filepath.Join(b.root, name) }

// do notes the error of a step.
func (b *builder) do(step, what string, err error) {
	if b.err == nil && err != nil {
		b.err = fmt.Errorf("%s %s: %w", step, what, err)
	}
}

func (b *builder) mount(source, target, kind string, flags uintptr, data string) {
	if b.err == nil {
		b.do("mount", target, unix.Mount(source, target, kind, flags, data))
	}
}

func (b *builder) dirs(names ...string) {
	for _, name := range names {
		if b.err == nil {
			b.err = os.MkdirAll(b.in(name), 0o755)
		}
	}
}

func (b *builder) link(to, name string) {
	if b.err == nil {
		b.err = os.Symlink(to, b.in(name))
	}
}

func (b *builder) write(name, text string) {
	if b.err == nil {
		os.Remove(b.in(name))
		b.err = os.WriteFile(b.in(name), []byte(text), 0o644)
	}
}

// tmpfs mounts an empty file system.
func (b *builder) tmpfs(name string) {
	b.dirs(name)
	b.mount("tmpfs", b.in(name), "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755,size=64m")
}

// bind shows a directory of this machine, with all that is mounted in it.
func (b *builder) bind(from, name string, flags uint64) {
	b.dirs(name)
	b.mount(from, b.in(name), "", unix.MS_BIND|unix.MS_REC, "")
	if b.err == nil {
		attr := unix.MountAttr{Attr_set: flags | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV}
		b.do("protect", from, unix.MountSetattr(-1, b.in(name), unix.AT_RECURSIVE, &attr))
	}
}

// system shows the directories of programs, read-only. Where one is a link, as
// /bin may be, so it is on the machine. None has sockets in it, which can be
// connected to all the same: beside its store, /nix has that of a daemon.
func (b *builder) system() {
	for _, name := range []string{"bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr", "opt", "nix/store", "gnu/store"} {
		info, err := os.Lstat("/" + name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err == nil && info.Mode()&fs.ModeSymlink != 0:
			to, _ := os.Readlink("/" + name)
			b.link(to, name)
		default:
			b.bind("/"+name, name, unix.MOUNT_ATTR_RDONLY)
		}
	}
}

// systemEtc is where a machine has this one's /etc, read-only.
const systemEtc = "/.etc"

// etc makes an /etc that can be written: copies of files, and links to the
// directories. Files that the user of the farm cannot read are left out.
func (b *builder) etc(spec machineSpec) {
	b.bind("/etc", systemEtc, unix.MOUNT_ATTR_RDONLY)
	b.tmpfs("etc")
	entries, err := os.ReadDir("/etc")
	b.do("read", "/etc", err)
	for _, entry := range entries {
		b.etcEntry(entry)
	}
	for name, text := range map[string]string{
		"hostname": spec.Name + "\n",
		"hosts":    "127.0.0.1 localhost " + spec.Name + "\n",
		"passwd": fmt.Sprintf("root:x:0:0:root:/root:/bin/sh\n%s:x:%d:%d::%s:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n",
			spec.User, isolatedID, isolatedID, spec.places().home),
		"group": fmt.Sprintf("root:x:0:\n%s:x:%d:\nnogroup:x:65534:\n", spec.User, isolatedID),
	} {
		b.write("etc/"+name, text)
	}
	if b.err == nil {
		os.Remove(b.in("etc/init.d"))
		b.err = copyTree(filepath.Join(spec.Dir, "etc"), b.in("etc"))
	}
}

func (b *builder) etcEntry(entry fs.DirEntry) {
	const most = 1 << 20
	path := filepath.Join("/etc", entry.Name())
	switch info, err := entry.Info(); {
	case err != nil || b.err != nil:
	case entry.IsDir():
		b.link(filepath.Join(systemEtc, entry.Name()), "etc/"+entry.Name())
	case info.Mode()&fs.ModeSymlink != 0:
		to, _ := os.Readlink(path)
		b.link(to, "etc/"+entry.Name())
	case info.Mode().IsRegular() && info.Size() < most:
		if err := copyFile(path, b.in("etc/"+entry.Name())); !errors.Is(err, fs.ErrPermission) {
			b.err = err
		}
	}
}

// devices makes a /dev with the files that programs expect, and terminals of its
// own.
func (b *builder) devices() {
	b.tmpfs("dev")
	b.dirs("dev/pts", "dev/shm")
	for _, name := range []string{"null", "zero", "full", "random", "urandom", "tty"} {
		b.write("dev/"+name, "")
		b.mount("/dev/"+name, b.in("dev/"+name), "", unix.MS_BIND, "")
	}
	b.mount("devpts", b.in("dev/pts"), "devpts", unix.MS_NOSUID|unix.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620")
	b.link("pts/ptmx", "dev/ptmx")
	b.link("/proc/self/fd", "dev/fd")
	for i, name := range []string{"stdin", "stdout", "stderr"} {
		b.link(fmt.Sprintf("/proc/self/fd/%d", i), "dev/"+name)
	}
}

// sockets opens the directory of the farm's sockets for the machine itself, which
// makes its own there. Programs on the machine have it read-only: where they could
// put a link in a socket's place, the balancer would follow it outside. The mount
// is by itself, so that nothing above the directory can be reached from it.
func (b *builder) sockets(dir string) {
	if b.err != nil {
		return
	}
	fd, err := unix.OpenTree(unix.AT_FDCWD, dir, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	b.do("open", dir, err)
	if b.err == nil {
		b.do("open", dir, unix.Dup3(fd, socketsFD, 0))
	}
}

// farm shows the directories that the farm has made for the machine.
func (b *builder) farm(spec machineSpec) {
	at, own := spec.places(), func(name string) string { return filepath.Join(spec.Dir, name) }
	b.bind(own("home"), at.home, 0)
	b.bind(own("tmp"), at.tmp, 0)
	b.bind(own("run"), at.run, 0)
	b.bind(own("bin"), at.bin, unix.MOUNT_ATTR_RDONLY)
	b.bind(spec.Net, at.net, unix.MOUNT_ATTR_RDONLY)
	if spec.Repository {
		b.bind(own("cvsroot"), at.repository, 0)
	}
}

// enter makes the directory the root, and leaves nothing of this machine's other
// directories.
func (b *builder) enter() {
	if b.err != nil {
		return
	}
	b.do("enter", b.root, os.Chdir(b.root))
	b.do("enter", b.root, unix.PivotRoot(".", "."))
	b.do("leave", "/", unix.Unmount(".", unix.MNT_DETACH))
	b.do("enter", "/", os.Chdir("/"))
	b.mount("", "/", "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV, "")
}

// network gives the machine its name and a loopback, on which every port is for
// its user to take.
func (b *builder) network(name string) {
	if b.err != nil {
		return
	}
	b.do("name", name, unix.Sethostname([]byte(name)))
	b.do("open", "ports", os.WriteFile("/proc/sys/net/ipv4/ip_unprivileged_port_start", []byte("0"), 0))
	b.do("start", "loopback", loopbackUp())
	_, err := unix.KeyctlInt(unix.KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0) // not the operator's
	if !errors.Is(err, syscall.ENOSYS) {
		b.do("join", "keyring", err)
	}
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
}
