package scripts_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"farmrun/testdata/farm"
)

// turnSteps are the steps of a turn of cutover.
var turnSteps = []string{"drain", "switch", "restart", "healthy", "enable"}

// offAir are those of them in which no visitor is sent to the server, so that
// what happens to it is nobody else's misfortune.
var offAir = []string{"switch", "restart", "healthy"}

// turnFault is what may befall a cut-over in the middle of a turn.
type turnFault struct {
	name   string
	steps  []string // in which it is tried; the first of those in CI
	strike func(c *calamity)
}

// calamity is a cut-over that something befalls.
type calamity struct {
	t       *testing.T
	o       *operator
	process *os.Process
}

// fault has something befall a host, until it is healed.
func fault(name, host string, argument ...string) func(*calamity) {
	return func(c *calamity) { farm.Fault(c.t, name, host, argument...) }
}

// shell runs do on a host, and undo when it is healed.
func shell(host, do, undo string) func(*calamity) {
	return func(c *calamity) {
		c.t.Cleanup(func() { farm.Exec(c.t, host, "sh", "-c", undo) })
		farm.Exec(c.t, host, "sh", "-c", do)
	}
}

// operatorFaults befall farmrun itself and who uses it.
var operatorFaults = []turnFault{
	{"farmrun killed", turnSteps, func(c *calamity) { c.process.Kill() }},
	{"the operator's line is cut", []string{"restart", "drain", "switch", "healthy", "enable"}, func(c *calamity) { c.process.Signal(syscall.SIGHUP) }},
	{"a second operator", []string{"healthy", "drain", "switch", "restart", "enable"}, func(c *calamity) {
		newOperator(c.t).fails(1, []string{"the farm is locked"}, "cutover", "--hosts", few, "--settle", "0s", "2000-09-19")
	}},
	{"the operator's disk is full", []string{"switch", "drain", "restart", "healthy", "enable"}, func(c *calamity) {
		c.t.Cleanup(func() { os.Remove(filepath.Join(c.o.state(), "full")) })
		exec.Command("dd", "if=/dev/zero", "of="+filepath.Join(c.o.state(), "full"), "bs=4k").Run() // it fails, when it is full
	}},
}

// hostFaults befall a host and the way to it.
var hostFaults = []turnFault{
	{"the host reboots", []string{"switch", "restart", "healthy"}, fault("reboot", "webserv2")},
	{"the host stands still", []string{"healthy", "switch", "restart"}, fault("freeze", "webserv2")},
	{"sshd stands still", []string{"enable", "drain", "switch", "restart", "healthy"}, fault("stop-sshd", "webserv2")},
	{"packets are lost", offAir, fault("loss", "webserv2", "5")},
	{"the host is far away", turnSteps, fault("delay", "webserv2", "100ms")}, // each way
	// nginx, started without room for the number of its process, cannot be
	// restarted: that is mended by hand as well.
	{"the disk is full", []string{"switch", "drain", "restart", "healthy", "enable"}, shell("webserv2",
		"dd if=/dev/zero of=/home/.full bs=64k 2>/dev/null || :",
		"rm /home/.full; pkill -x nginx; while pgrep -x nginx; do sleep 0.02; done; /etc/init.d/httpd start")},
}

// serviceFaults befall the web server, and the programs that a turn needs.
var serviceFaults = []turnFault{
	{"the web server does not come up", []string{"restart", "switch"}, shell("webserv2",
		"sed -i s/worker_processes/worker_process/ /etc/nginx/nginx.conf", "sed -i s/worker_process\\ /worker_processes\\ / /etc/nginx/nginx.conf")},
	{"the restart hangs", []string{"restart", "drain", "switch"}, shell("webserv2",
		"sed -i '2i sleep 600' /etc/init.d/httpd", "sed -i 2d /etc/init.d/httpd; pkill -fx 'sleep 600'")}, // which root alone may end
	{"the web server answers 503", offAir, fault("sick", "webserv2")},
	{"healthy hangs", []string{"healthy", "restart", "switch"}, fault("drop-port", "webserv2", "80")},
	{"healthy lies once", []string{"restart"}, func(c *calamity) {
		c.o.write("lie", "")
		farm.Fault(c.t, "slow", "webserv2", "4")
	}},
	{"sudo refuses", []string{"drain", "switch", "restart"}, shell("webserv2",
		"sed -i s:init.d/httpd:init.d/other: /etc/sudoers", "sed -i s:init.d/other:init.d/httpd: /etc/sudoers")},
	{"HAProxy's socket is gone", turnSteps, shell("lb1",
		"mv /run/haproxy/admin.sock /run/haproxy/away", "mv /run/haproxy/away /run/haproxy/admin.sock")},
}

// Each of them befalls the turn of the second of three servers at a step: farmrun
// comes to the end all the same, or halts with an error that names the server, the
// step and the remedy; no visitor is turned away and no second server is ever out.
// When the fault is mended, resume brings all servers to the new release. With
// FARM_FAULTS=all each is tried at all its steps.
func TestFaultsOfOperator(t *testing.T) { tryFaults(t, operatorFaults, newOperator) }
func TestFaultsOfHost(t *testing.T)     { tryFaults(t, hostFaults, newOperator) }
func TestFaultsOfService(t *testing.T)  { tryFaults(t, serviceFaults, newOperator) }
func TestFaultsOfClock(t *testing.T)    { tryFaults(t, clockFaults, newClockOperator) }

func tryFaults(t *testing.T, faults []turnFault, operator func(testing.TB) *operator) {
	for _, f := range faults {
		steps := f.steps
		if os.Getenv("FARM_FAULTS") != "all" {
			steps = steps[:1]
		}
		for _, step := range steps {
			t.Run(f.name+" at "+step, func(t *testing.T) { befall(t, operator(t), f, step) })
		}
	}
}

// befall tries one cell of the table.
func befall(t *testing.T, o *operator, f turnFault, step string) {
	smallDisk(t, o.state())
	site, err := os.ReadFile(filepath.Join(o.dir, "site.lua"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(site), "function site.healthy(host)\n", lie, 1)
	text = strings.Replace(text, `timeout = "2m"`, `timeout = "5s"`, 1) // of a restart
	o.write("site.lua", text)
	holdBefore(o, step)
	goOn := fifo(t, filepath.Join(o.dir, "go-on"))
	reset(t)
	t.Cleanup(func() { reset(t) })
	o.ok("cvs-pull-snapshot", "--hosts", few, "2000-09-19")
	v := visit(t, 50)
	var got outcome
	t.Run("cut-over", func(t *testing.T) { // at its end the fault is mended
		o := o.in(t)
		strike := reaction{"webserv2: waits before " + step, func(_ io.Writer, p *os.Process) {
			f.strike(&calamity{t, o, p})
			io.WriteString(goOn, "\n")
		}}
		got = o.runWhen([]reaction{strike}, impatient("cutover", "--hosts", few, "--settle", "0s", "2000-09-19")...)
	})
	said, _, _ := strings.Cut(got.err[max(0, strings.Index(got.err, "farmrun: error: ")):], "\n")
	t.Logf("exit status %d: %s", got.code, said)
	if !slices.Contains([]int{0, 3, -1, 130}, got.code) {
		t.Errorf("exit status %d\n%s", got.code, got.err)
	}
	if got.code == 3 {
		for _, want := range []string{"farmrun: error: ", "webserv2", "farmrun: hint: ", "farmrun resume "} {
			if !strings.Contains(got.err, want) {
				t.Errorf("it does not say %q:\n%s", want, got.err)
			}
		}
	}
	if got.code != 0 {
		o.ok(impatient("resume")...)
	}
	if on := onAir(t); on["releases/2000-09-19"] != 3 {
		t.Errorf("at the end: %v", on)
	}
	v.check()
	o.steady()
	locked(t, "")
}

// lie is a healthy that says yes once without asking, where it is told to.
const lie = `function site.healthy(host)
  local told = host.name == "webserv2" and io.open "lie"
  if told then
    told:close()
    os.remove "lie"
    return
  end
`

// hold is what has the second server's turn wait before the step that the file
// hold names, once, until it is told to go on.
const hold = `
local function wait_before(step, host)
  local file = host.name == "webserv2" and io.open "hold"
  local name = file and file:read "*a"
  if file then file:close() end
  if name == step then
    os.remove "hold"
    host:log("waits before " .. step)
    farm.here():query("read x <go-on", { check = false })
  end
end
local drain, restart, enable = site.drain, site.restart, site.enable
function site.drain(host) wait_before("drain", host) drain(host) wait_before("switch", host) end
function site.restart(host) wait_before("restart", host) restart(host) wait_before("healthy", host) end
function site.enable(host) wait_before("enable", host) enable(host) end
`

// holdBefore has the second server's turn wait before a step.
func holdBefore(o *operator, step string) {
	o.write("site.lua", strings.Replace(o.read("site.lua"), "return site\n", hold+"return site\n", 1))
	o.write("hold", step)
}

// fifo makes a place to wait at; who waits is let go when the test ends.
func fifo(t *testing.T, path string) *os.File {
	t.Helper()
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}

// impatient has hosts given up sooner that do not answer.
func impatient(args ...string) []string {
	options := []string{"-o", "ConnectTimeout=3", "-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=3"}
	return append(options, args...)
}

// smallDisk mounts a disk of its own at dir, which can be filled.
func smallDisk(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Fatalf("mount: %v: %s", err, out)
	}
	t.Cleanup(func() { exec.Command("umount", "-l", dir).Run() })
}
