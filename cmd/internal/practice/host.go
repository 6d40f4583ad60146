package practice

import (
	"context"
	"embed"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/crypto/ssh"

	"farmrun/modules/ssh/sshserver"
)

// hostFiles are the programs of a host: what is in its PATH before all else,
// and its init scripts.
//
//go:embed host
var hostFiles embed.FS

// host is one machine of the farm: an ssh server and a directory. A web server
// has a web server too.
type host struct {
	farm   *Farm
	name   string
	root   string // holds home, bin, etc, run
	key    keyPair
	tunnel *port // what is 127.0.0.1:2401 for the host
	web    *httpd
	initd  *initd

	ssh      *sshserver.Server
	listener net.Listener
	served   chan struct{} // closed when ssh has ended

	mu       sync.Mutex
	forwards []net.Addr // what else clients had bound
}

// addHost starts a machine that can be logged in to.
func (f *Farm) addHost(name string) (err error) {
	h := &host{farm: f, name: name, root: filepath.Join(f.Dir, name)}
	if err := h.furnish(f.config.SudoPassword); err != nil {
		return err
	}
	if h.key, err = newKeyPair(); err != nil {
		return err
	}
	if h.tunnel, err = newPort(); err != nil {
		return err
	}
	if h.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		h.tunnel.close()
		return err
	}
	f.hosts[name] = h
	h.ssh = &sshserver.Server{
		HostKeys:  []ssh.Signer{h.key.signer},
		Auth:      sshserver.Auth{Key: sshserver.Keys(f.key.signer.PublicKey())},
		Exec:      sshserver.Shell(h.home(), h.env()),
		Terminals: true,
		Dial:      h.dial,
		Listen:    h.listen,
	}
	h.served = make(chan struct{})
	go func() {
		defer close(h.served)
		h.ssh.Serve(h.listener)
	}()
	return nil
}

func (h *host) home() string { return filepath.Join(h.root, "home") }
func (h *host) addr() string { return h.listener.Addr().String() }

// furnish makes the host's directories and programs.
func (h *host) furnish(sudoPassword string) error {
	for _, dir := range []string{"bin", "etc/init.d", "run", "tmp", "home/logs", "home/releases"} {
		if err := os.MkdirAll(filepath.Join(h.root, dir), 0o755); err != nil {
			return err
		}
	}
	if err := h.install("host/bin/sudo", "bin/sudo"); err != nil {
		return err
	}
	var line string
	if sudoPassword != "" {
		line = sudoPassword + "\n"
	}
	return os.WriteFile(filepath.Join(h.root, "etc", "sudo.password"), []byte(line), 0o600)
}

// install puts one of the host's programs in its place.
func (h *host) install(from, to string) error {
	text, err := hostFiles.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(h.root, to), text, 0o755)
}

// env is the environment of what runs on the host. cvs connects to
// CVS_CLIENT_PORT where its root names no port.
func (h *host) env() []string {
	return []string{
		"HOME=" + h.home(),
		"USER=" + h.farm.user,
		"LOGNAME=" + h.farm.user,
		"SHELL=/bin/sh",
		"PATH=" + filepath.Join(h.root, "bin") + ":" + os.Getenv("PATH"),
		"TMPDIR=" + filepath.Join(h.root, "tmp"),
		"HOSTNAME=" + h.name,
		"PRACTICE_ROOT=" + h.root,
		"CVS_CLIENT_PORT=" + strconv.Itoa(h.tunnel.number),
	}
}

// startWeb puts the release in dir on the air.
func (h *host) startWeb(ctx context.Context, dir string) error {
	release := filepath.Join("releases", filepath.Base(dir))
	if err := copyTree(dir, filepath.Join(h.home(), release)); err != nil {
		return err
	}
	if err := os.Symlink(release, filepath.Join(h.home(), "www")); err != nil {
		return err
	}
	if err := h.install("host/init.d/httpd", "etc/init.d/httpd"); err != nil {
		return err
	}
	p, err := newPort()
	if err != nil {
		return err
	}
	h.web = &httpd{name: h.name, home: h.home(), port: p, restart: h.farm.config.RestartTime, page: h.farm.config.PageTime}
	if status, text := h.web.control(ctx, "start"); status != 0 {
		return fmt.Errorf("%s", text)
	}
	h.initd, err = newInitd(filepath.Join(h.root, "run"), h.web)
	return err
}

// dial connects to what addr is for the host: its own web server and tunnel,
// the balancer's socket, what clients had bound here, or another host of the
// farm by name. Nothing else answers.
func (h *host) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	network, to, err := h.find(network, addr)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	return new(net.Dialer).DialContext(ctx, network, to)
}

// find returns where in this process addr is.
func (h *host) find(network, addr string) (string, string, error) {
	if network == "unix" {
		if h.name == h.farm.Balancer && addr == "/run/haproxy/admin.sock" {
			return network, h.farm.balancer.admin.Addr().String(), nil
		}
		return network, "", syscall.ENOENT
	}
	name, number, err := net.SplitHostPort(addr)
	if err != nil {
		return network, "", err
	}
	if name == "127.0.0.1" || name == "localhost" {
		name = h.name
	}
	to := h.farm.hosts[name]
	switch {
	case to == nil:
		return network, "", syscall.EHOSTUNREACH
	case number == "80" && to.web != nil:
		return network, to.web.port.addr(), nil
	case number == "80" && name == h.farm.Balancer:
		return network, h.farm.balancer.page.Addr().String(), nil
	case number == "2401" && to == h:
		return network, h.tunnel.addr(), nil
	case to == h && h.bound(number):
		return network, net.JoinHostPort("127.0.0.1", number), nil
	}
	return network, "", syscall.ECONNREFUSED
}

// listen binds what an ssh client wants forwarded. Port 2401 is the host's own
// on a loopback that all hosts share; the others are this machine's.
func (h *host) listen(network, addr string) (net.Listener, error) {
	name, number, err := net.SplitHostPort(addr)
	if network != "tcp" || err != nil || name != "127.0.0.1" && name != "localhost" {
		return nil, &net.OpError{Op: "listen", Net: network, Err: syscall.EACCES}
	}
	if number == "2401" {
		return h.tunnel.listen()
	}
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", number))
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forwards = append(h.forwards, l.Addr())
	return l, nil
}

// bound tells whether a client has, or had, that port bound on the host.
func (h *host) bound(number string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.ContainsFunc(h.forwards, func(a net.Addr) bool {
		return strconv.Itoa(a.(*net.TCPAddr).Port) == number
	})
}

func (h *host) close() {
	h.ssh.Close()
	<-h.served
	h.tunnel.close()
	if h.initd != nil {
		h.initd.close()
	}
	if h.web != nil {
		h.web.close()
	}
}
