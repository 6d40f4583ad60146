package practice

import (
	"io"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/landlock-lsm/go-landlock/landlock"
	landlocked "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// A machine without namespaces is fenced where the kernel has Landlock
// (landlock(7)), which any user may use: a process of its own, which the programs
// on the machine are children of, may read the system and write to the machine's
// directories, and nothing else. Where root runs the farm it is nobody's.

// fenceArg is the stage of a machine that is fenced.
const fenceArg = "fence"

// Fences tells whether the hosts of a farm that is Shared are fenced: programs on
// them can write to the farm's files only.
func Fences() bool {
	version, err := landlocked.LandlockGetABIVersion()
	return err == nil && version >= 3 // before, a file could be truncated anywhere
}

// startFenced starts a machine that is fenced, and serves l, which it closes.
func startFenced(spec machineSpec, l *net.TCPListener) (io.Closer, error) {
	attr := &syscall.SysProcAttr{Setsid: true}
	if os.Getuid() == 0 {
		nobody, err := user.Lookup(nobody)
		if err != nil {
			l.Close()
			return nil, err
		}
		uid, _ := strconv.Atoi(nobody.Uid)
		gid, _ := strconv.Atoi(nobody.Gid)
		attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	return launch(spec, l, fenceArg, os.Getenv("PATH"), attr)
}

// fence is the machine inside its fence.
func fence() error {
	spec, described, err := readSpec()
	if err != nil {
		return err
	}
	defer described.Close()
	if err := closeInherited(); err != nil {
		return err
	}
	syscall.Umask(0o022)
	if err := landlock.V3.RestrictPaths(fenceRules(spec)...); err != nil {
		return err
	}
	if err := landlock.V6.BestEffort().RestrictScoped(); err != nil { // to signals of its own processes
		return err
	}
	return becomeMachine(described, os.Getenv("PATH")) // for each thread has a fence of its own
}

// fenceRules are the files that a machine has: its own, and read-only those of
// the system that it needs.
func fenceRules(spec machineSpec) []landlock.Rule {
	read := []string{"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/usr", "/opt", "/nix/store", "/gnu/store", "/etc", "/proc", "/dev", "/sys"}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		if filepath.IsAbs(dir) && unix.Access(dir, unix.X_OK) == nil {
			read = append(read, dir)
		}
	}
	return []landlock.Rule{
		landlock.RODirs(read...).IgnoreIfMissing(),
		landlock.ROFiles("/proc/self/exe"),
		landlock.RWFiles("/dev/null", "/dev/zero", "/dev/full", "/dev/tty", "/dev/ptmx").IgnoreIfMissing(),
		landlock.RWDirs("/dev/pts").IgnoreIfMissing(),
		landlock.RWDirs(spec.Dir).WithRefer(),
		// A link in place of a socket would be followed by the balancer, outside.
		landlock.PathAccess(landlocked.AccessFSMakeSock|landlocked.AccessFSRemoveFile|landlocked.AccessFSWriteFile, spec.Net),
	}
}
