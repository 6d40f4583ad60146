package farm

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// insideEnv is set for a test binary that runs on ctl.
const insideEnv = "FARM_INSIDE"

func inside() bool { return os.Getenv(insideEnv) != "" }

// Main is for TestMain: it runs the package's tests on a farm of n web servers,
// and does not return. The tests run in a second process of the same test
// binary, for only a new process can be put into the farm's namespaces.
// Where FARM_DISK is set, to 64m say, that is the size of each host's /home; it
// is 16m otherwise.
func Main(m *testing.M, n int) {
	os.Exit(run(m, n))
}

func run(m *testing.M, n int) int {
	if inside() || justLists() {
		return m.Run()
	}
	if err := possible(); err != nil {
		fmt.Fprintf(os.Stderr, "farm: %v: the tests that need the farm are left out\n", err)
		return m.Run()
	}
	f, err := boot(n)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := f.runTests()
	if err := f.down(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// justLists tells whether the test binary was asked which tests it has.
func justLists() bool {
	for _, arg := range os.Args[1:] {
		if strings.HasPrefix(strings.TrimLeft(arg, "-"), "test.list=") {
			return true
		}
	}
	return false
}

// possible tells why this process cannot boot a farm, nil if it can.
func possible() error {
	if os.Geteuid() != 0 {
		return errors.New("not root")
	}
	if out, err := exec.Command("unshare", "--pid", "--net", "--mount", "--uts", "--ipc", "--fork", "true").CombinedOutput(); err != nil {
		return fmt.Errorf("no namespaces (%s)", strings.TrimSpace(string(out)))
	}
	for _, program := range []string{"sshd", "haproxy", "nginx", "cvs", "socat", "sudo", "nft", "ip", "busybox"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("no %s here, which testdata/check packages would install", program)
		}
	}
	return nil
}

// aFarm is a farm that this process has booted.
type aFarm struct {
	state string   // its folder
	hosts int      // how many web servers it has
	leash *os.File // the farm ends when this is closed, also by this process's death
}

func boot(n int) (*aFarm, error) {
	hold, leash, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer hold.Close()
	up := exec.Command(script("up"), "--leash", strconv.Itoa(n))
	up.Stdin = hold
	up.Stderr = os.Stderr
	out, err := up.Output()
	if err != nil {
		leash.Close()
		return nil, fmt.Errorf("farm: %s: %w", up.Path, err)
	}
	return &aFarm{state: strings.TrimSpace(string(out)), hosts: n, leash: leash}, nil
}

// runTests runs this test binary again, on ctl, and returns its exit status.
func (f *aFarm) runTests() int {
	self, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, "farm:", err)
		return 1
	}
	tests := exec.Command(script("exec"), append([]string{"ctl", self}, os.Args[1:]...)...)
	tests.Env = append(os.Environ(), insideEnv+"=1", "FARM_STATE="+f.state, "FARM_HOSTS="+strconv.Itoa(f.hosts))
	tests.Stdin, tests.Stdout, tests.Stderr = os.Stdin, os.Stdout, os.Stderr
	err = tests.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() > 0 {
		return exit.ExitCode()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "farm: the tests on ctl:", err)
		return 1
	}
	return 0
}

func (f *aFarm) down() error {
	defer f.leash.Close()
	down := exec.Command(script("down"))
	down.Env = append(os.Environ(), "FARM_STATE="+f.state)
	if out, err := down.CombinedOutput(); err != nil {
		return fmt.Errorf("farm: down: %w\n%s", err, out)
	}
	return nil
}
