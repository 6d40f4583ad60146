package practice

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// A machine with namespaces of its own is this program, started again as the
// first process of new namespaces (user, mount, pid, network, ipc, uts). It
// builds the machine's file system and gives up all capabilities (build), and
// becomes, by another exec, the machine itself (serve). Whatever runs on the
// machine is a child of that process, and ends with it.

// isolatedUser is the user of an isolated machine, isolatedID the number of the
// user and of the group there.
const (
	isolatedUser = "web"
	isolatedID   = 1000
)

// outsider is that user's number on this machine where root runs the farm: one
// that no user has, so that nothing belongs to it. (Debian gives none from 65000
// on to anybody; above 65535 a container may have none.)
const outsider = 65533

// hostArg is the first argument of this program as a machine; the second is the
// stage.
const hostArg = "--practice-host"

// The files that a machine is handed, and the directory of the farm's sockets that
// build opens for serve.
const (
	specFD = iota + 3
	listenFD
	socketsFD
)

// Only the main thread reaps orphans, and so is kept for that from the beginning
// (package runtime, LockOSThread).
func init() {
	if isMachine() {
		runtime.LockOSThread()
	}
}

func isMachine() bool {
	return len(os.Args) == 3 && os.Args[1] == hostArg && (os.Getpid() == 1 || os.Args[2] != "build")
}

// Main becomes a machine of a practice farm where this program was started as
// one, and else returns at once. Call it first in main, and in the TestMain of
// tests that start farms.
func Main() {
	if !isMachine() {
		return
	}
	stages := map[string]func() error{"build": build, "serve": serve, fenceArg: fence}
	stage, ok := stages[os.Args[2]]
	if !ok {
		return
	}
	if err := stage(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func isolatedOwners() owners {
	if os.Getuid() == 0 {
		return owners{outsider, outsider, isolatedUser}
	}
	return owners{-1, -1, isolatedUser}
}

// isolated is a machine in namespaces of its own, as the farm holds it.
type isolated struct {
	cmd  *exec.Cmd
	life *os.File // its end is the end of the machine, even when this process is killed
}

// startIsolated starts a machine in namespaces of its own, which serves l. It
// closes l, and returns when the machine is ready.
func startIsolated(spec machineSpec, l *net.TCPListener) (io.Closer, error) {
	return launch(spec, l, "build", spec.Path, namespaces())
}

// launch starts this program as a machine, which serves l, and waits until it says
// that it is ready. It closes l.
func launch(spec machineSpec, l *net.TCPListener, stage, path string, attr *syscall.SysProcAttr) (io.Closer, error) {
	defer l.Close()
	socket, err := l.File()
	if err != nil {
		return nil, err
	}
	defer socket.Close()
	described, err := spec.file(spec.Dir)
	if err != nil {
		return nil, err
	}
	defer described.Close()
	asleep, life, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer asleep.Close()
	m := &isolated{life: life, cmd: &exec.Cmd{
		Path: "/proc/self/exe", Args: []string{"farmrun", hostArg, stage}, Env: []string{"PATH=" + path}, Dir: "/",
		Stdin: asleep, SysProcAttr: attr,
		ExtraFiles: []*os.File{described, socket, described}, // the last so that Go takes socketsFD for nothing else
	}}
	if err := m.start(); err != nil {
		return nil, errors.Join(err, life.Close())
	}
	return m, nil
}

func (m *isolated) start() error {
	var trouble bytes.Buffer
	m.cmd.Stderr = &trouble
	says, err := m.cmd.StdoutPipe()
	if err == nil {
		err = m.cmd.Start()
	}
	if errors.Is(err, syscall.ENOSPC) { // of clone(2), which means this
		return errors.New("user.max_user_namespaces is used up, see sysctl(8)")
	}
	if err != nil {
		return fmt.Errorf("start a host: %w", err)
	}
	if said, _ := io.ReadAll(says); string(said) == isReady {
		return nil
	}
	m.end()
	return errors.New(strings.TrimSpace(trouble.String()))
}

// isReady is the word of a machine that serves.
const isReady = "ready\n"

// namespaces has a process start in new ones, with the capabilities there that
// build needs.
func namespaces() *syscall.SysProcAttr {
	uid, gid := os.Getuid(), os.Getgid()
	root := uid == 0
	if root {
		uid, gid = outsider, outsider
	}
	return &syscall.SysProcAttr{
		Setsid: true, // no way to the operator's terminal
		Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID |
			syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS,
		UidMappings:                []syscall.SysProcIDMap{{ContainerID: isolatedID, HostID: uid, Size: 1}},
		GidMappings:                []syscall.SysProcIDMap{{ContainerID: isolatedID, HostID: gid, Size: 1}},
		GidMappingsEnableSetgroups: root,
		Credential:                 &syscall.Credential{Uid: isolatedID, Gid: isolatedID, NoSetGroups: !root},
		AmbientCaps:                []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_NET_ADMIN, unix.CAP_SETPCAP},
	}
}

// Close ends the machine and all that runs on it, and returns when that has
// ended: the kernel sees to it.
func (m *isolated) Close() error {
	m.end()
	return m.life.Close()
}

func (m *isolated) end() {
	m.cmd.Process.Kill()
	m.cmd.Wait()
}

// Isolates returns nil if a machine can have namespaces of its own here, and
// else why it cannot. It takes some 30 ms.
func Isolates() error {
	dir, held, err := newDir()
	if err != nil {
		return err
	}
	defer held.Close()
	defer os.RemoveAll(dir)
	return probe(dir)
}

// probe starts a machine that has nothing to do.
func probe(dir string) error {
	f := &Farm{Dir: dir, owners: isolatedOwners(), user: isolatedUser, hosts: map[string]*host{}}
	h := &host{farm: f, spec: f.spec("probe")}
	if err := h.furnish("", ""); err != nil {
		return err
	}
	h.spec.Repository = true
	if err := os.Mkdir(h.spec.Dir+"/cvsroot", 0o755); err != nil {
		return err
	}
	if err := f.makeNet(); err != nil {
		return err
	}
	defer h.close()
	return h.start()
}

// readSpec reads the description that this machine was handed, which remains
// open: the caller closes it.
func readSpec() (spec machineSpec, f *os.File, err error) {
	f = os.NewFile(specFD, "spec")
	err = json.NewDecoder(f).Decode(&spec)
	return spec, f, err
}

// build makes the machine's file system, and goes on as serve without any
// capability.
func build() error {
	spec, described, err := readSpec()
	if err != nil {
		return err
	}
	defer described.Close() // but the next stage has it
	if err := closeInherited(); err != nil {
		return err
	}
	syscall.Umask(0o022)
	if err := buildMachine(spec); err != nil {
		return err
	}
	if err := renounce(); err != nil {
		return err
	}
	return becomeMachine(described, spec.places().bin+":"+spec.Path)
}

// becomeMachine goes on as serve, with the spec from its beginning. Of the threads
// of this process only the one that this runs on goes on.
func becomeMachine(described *os.File, path string) error {
	if _, err := described.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return fmt.Errorf("exec: %w", syscall.Exec("/proc/self/exe", []string{"farmrun", hostArg, "serve"}, []string{"PATH=" + path}))
}

// closeInherited sees that no program that this one starts has a file that farmrun
// was started with.
func closeInherited() error {
	return os.NewSyscallError("close_range", unix.CloseRange(socketsFD, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC))
}

// renounce gives up every capability for good, for whatever this thread runs
// from now on: programs with the setuid bit and files with capabilities give none
// either.
func renounce() error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl", err)
	}
	for c := uintptr(0); unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0) == nil; c++ {
	}
	if left, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, unix.CAP_SYS_ADMIN, 0, 0, 0); err != nil || left != 0 {
		return fmt.Errorf("capabilities cannot be given up: %w", err)
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl", err)
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	return os.NewSyscallError("capset", unix.Capset(&header, &none[0]))
}

// serve is the machine until its farm is gone.
func serve() error {
	// This process has sockets of the network outside, and this program's file:
	// without the flag, programs on the machine could take both from it (ptrace(2),
	// pidfd_getfd(2), /proc/1/exe).
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl", err)
	}
	syscall.CloseOnExec(socketsFD)
	spec, described, err := readSpec()
	if err != nil {
		return err
	}
	described.Close()
	if _, err := exec.LookPath("cvs"); err != nil {
		return err
	}
	file := os.NewFile(listenFD, "listener")
	l, err := net.FileListener(file)
	if err != nil {
		return err
	}
	file.Close()
	signal.Notify(make(chan os.Signal, 1)) // programs on the machine send any, and would inherit that they are ignored
	orphans := make(chan os.Signal, 1)
	signal.Notify(orphans, syscall.SIGCHLD)
	if _, err := newMachine(spec, l.(*net.TCPListener)); err != nil {
		return err
	}
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	os.Stdout.WriteString(isReady)
	if err := silence(); err != nil {
		return err
	}
	reap(orphans)
	return nil
}

// silence takes the outputs, which are the farm's, from the machine. The numbers
// stay taken: Go ends a program for a broken pipe that has one of them.
func silence() error {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	return errors.Join(unix.Dup3(int(null.Fd()), 1, 0), unix.Dup3(int(null.Fd()), 2, 0))
}

// reap buries the processes that others have left to this one, the first of the
// machine: those are children of the main thread, on which this runs. The ones
// that the machine itself has started are children of other threads, which wait
// for them.
func reap(orphans <-chan os.Signal) {
	for range orphans {
		for {
			pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG|unix.WNOTHREAD, nil)
			if pid <= 0 && !errors.Is(err, syscall.EINTR) {
				break
			}
		}
	}
}

// file writes the spec where only a program that is handed the file can read it.
func (s machineSpec) file(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "spec")
	if err != nil {
		return nil, err
	}
	os.Remove(f.Name())
	if err := json.NewEncoder(f).Encode(s); err != nil {
		f.Close()
		return nil, fmt.Errorf("describe %s: %w", s.Name, err)
	}
	_, err = f.Seek(0, io.SeekStart)
	return f, err
}
