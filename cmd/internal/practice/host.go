package practice

import (
	"embed"
	"io"
	"net"
	"os"
	"path/filepath"
)

// hostFiles are the programs of a host: those that come before all else in its
// PATH, and its init scripts.
//
//go:embed host
var hostFiles embed.FS

// host is one machine of the farm as the farm knows it: its directory, where it
// is reached, and how it is ended. Its insides are a machine, in namespaces of
// its own or in this process.
type host struct {
	farm    *Farm
	spec    machineSpec
	key     keyPair
	addr    string // of its ssh server, or of the developers' pserver
	running io.Closer
}

// addHost makes a machine that can be logged in to once it is started. release is the directory of
// the release that its web server serves; "" is a machine without a web server.
func (f *Farm) addHost(name, release string) (err error) {
	h := &host{farm: f, spec: f.spec(name)}
	h.spec.Web = release != ""
	h.spec.Operator = f.key.signer.PublicKey().Marshal()
	if h.key, err = newKeyPair(); err != nil {
		return err
	}
	h.spec.HostKey = h.key.private.Seed()
	if err := h.furnish(f.config.SudoPassword, release); err != nil {
		return err
	}
	f.hosts[name] = h
	return nil
}

// spec is the part of a machineSpec that all machines of the farm share.
func (f *Farm) spec(name string) machineSpec {
	return machineSpec{
		Name: name, User: f.user, Dir: filepath.Join(f.Dir, name), Net: f.net(),
		Balancer: f.Balancer, Webs: f.Web, Shared: f.config.Shared, Path: f.path(),
		Restart: f.config.RestartTime, Page: f.config.PageTime,
	}
}

// start starts the machine, with a port that no other program has.
func (h *host) start() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	h.addr = l.Addr().String()
	start := startIsolated
	if h.spec.Shared {
		start = startShared
	}
	running, err := start(h.spec, l.(*net.TCPListener))
	if err == nil {
		h.running = running
	}
	return err
}

// startShared starts a machine in this process, if it cannot be fenced. It closes l.
func startShared(spec machineSpec, l *net.TCPListener) (io.Closer, error) {
	if Fences() {
		return startFenced(spec, l)
	}
	return newMachine(spec, l)
}

func (h *host) close() {
	if h.running != nil {
		h.running.Close()
	}
}

// furnish makes the host's directories and programs.
func (h *host) furnish(sudoPassword, release string) error {
	for _, dir := range []string{"bin", "etc/init.d", "run/farm", "tmp", "home/logs", "home/releases", "root"} {
		if err := os.MkdirAll(filepath.Join(h.spec.Dir, dir), 0o755); err != nil {
			return err
		}
	}
	if err := h.install("host/bin/sudo", "bin/sudo"); err != nil {
		return err
	}
	if h.spec.Shared {
		if err := linkPrograms(filepath.Join(h.spec.Dir, "bin")); err != nil {
			return err
		}
	}
	var line string
	if sudoPassword != "" {
		line = sudoPassword + "\n"
	}
	if err := os.WriteFile(filepath.Join(h.spec.Dir, "etc", "sudo.password"), []byte(line), 0o600); err != nil {
		return err
	}
	if release != "" {
		if err := h.furnishWeb(release); err != nil {
			return err
		}
	}
	return giveTo(h.farm.owners.hosts, h.spec.Dir)
}

// furnishWeb takes a release live, and adds the script that controls the web
// server.
func (h *host) furnishWeb(dir string) error {
	home, release := filepath.Join(h.spec.Dir, "home"), filepath.Join("releases", filepath.Base(dir))
	if err := copyTree(dir, filepath.Join(home, release)); err != nil {
		return err
	}
	if err := os.Symlink(release, filepath.Join(home, "www")); err != nil {
		return err
	}
	return h.install("host/init.d/httpd", "etc/init.d/httpd")
}

// install puts one of the host's programs in its place.
func (h *host) install(from, to string) error {
	text, err := hostFiles.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(h.spec.Dir, to), text, 0o755)
}

// httpSocket is where a machine's web server is found by the others, whatever
// network each has.
func httpSocket(net, name string) string { return filepath.Join(net, name+".http") }

// adminSocket is where the balancer takes orders.
func adminSocket(net string) string { return filepath.Join(net, "admin.sock") }
