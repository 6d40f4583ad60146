package practice

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"

	"farmrun/modules/ssh/sshserver"
)

// machineSpec is all that a machine has to know of itself and of the farm. It
// is handed over as JSON.
type machineSpec struct {
	Name, User string
	Dir        string   // the machine's own directory, as the farm sees it
	Net        string   // the directory of the farm's sockets, as the farm sees it
	Path       string   // the directories of programs
	Balancer   string   // the name of the balancer's machine
	Webs       []string // the names of the web servers
	HostKey    []byte   // the seed of the ssh server's key
	Operator   []byte   // the public key that may log in
	Web        bool     // it has a web server
	Repository bool     // it has no ssh server, but the repository and its pserver
	Shared     bool     // it has no namespaces of its own

	Restart, Page time.Duration // of its web server
}

// places are a machine's directories, as the machine itself sees them.
type places struct {
	root, home, tmp, run, bin, repository string

	net     string // of the farm's sockets, to connect to
	sockets string // the same, for the machine's own
}

func (s machineSpec) places() places {
	if s.Shared {
		in := func(name string) string { return filepath.Join(s.Dir, name) }
		return places{s.Dir, in("home"), in("tmp"), in("run"), in("bin"), in("cvsroot"), s.Net, s.Net}
	}
	return places{"", "/home/" + s.User, "/tmp", "/run", "/practice/bin", isolatedRepository, "/run/farm", isolatedSockets}
}

// isolatedRepository is the repository on a developers' machine that has a file
// system of its own.
const isolatedRepository = "/cvsroot"

// isolatedSockets is the directory that build opens, as socketsFD.
const isolatedSockets = "/proc/self/fd/5"

// machine is the inside of a host: its ssh server, and either a web server with
// the server that its init script asks, or the repository's pserver.
type machine struct {
	spec   machineSpec
	at     places
	tunnel *port // on a machine that shares its loopback: its 127.0.0.1:2401; else nil
	web    *httpd
	initd  *initd
	cvs    *pserver

	ssh    *sshserver.Server
	served chan struct{} // closed when ssh has ended

	mu       sync.Mutex
	forwards []net.Addr // the other ports that clients had bound
}

// newMachine starts a machine that serves l, which it closes.
func newMachine(spec machineSpec, l *net.TCPListener) (*machine, error) {
	m := &machine{spec: spec, at: spec.places()}
	if err := m.start(l); err != nil {
		l.Close()
		m.Close()
		return nil, err
	}
	return m, nil
}

func (m *machine) start(l *net.TCPListener) (err error) {
	if m.spec.Repository {
		m.cvs = newPserver(l, m.at.repository, m.at.tmp, m.env())
		return nil
	}
	if m.spec.Shared {
		if m.tunnel, err = newPort(); err != nil {
			return err
		}
	}
	if m.spec.Web {
		if err := m.startWeb(); err != nil {
			return err
		}
	}
	return m.startSSH(l)
}

func (m *machine) startSSH(l net.Listener) error {
	key, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(m.spec.HostKey))
	if err != nil {
		return err
	}
	operator, err := ssh.ParsePublicKey(m.spec.Operator)
	if err != nil {
		return err
	}
	m.ssh = &sshserver.Server{
		HostKeys:  []ssh.Signer{key},
		Auth:      sshserver.Auth{Key: sshserver.Keys(operator)},
		Exec:      sshserver.Shell(m.at.home, m.env()),
		Terminals: true,
		Dial:      m.dial,
		Listen:    m.listen,
	}
	m.served = make(chan struct{})
	go func() {
		defer close(m.served)
		m.ssh.Serve(l)
	}()
	return nil
}

// startWeb starts the web server and the server that its init script asks.
func (m *machine) startWeb() (err error) {
	listens := []string{httpSocket(m.at.sockets, m.spec.Name)}
	if !m.spec.Shared {
		listens = append(listens, "127.0.0.1:80")
	}
	m.web = &httpd{name: m.spec.Name, home: m.at.home, listens: listens, restart: m.spec.Restart, page: m.spec.Page}
	if status, text := m.web.control(context.Background(), "start"); status != initOK {
		return fmt.Errorf("%s", text)
	}
	m.initd, err = newInitd(m.at.run, m.web)
	return err
}

// env is the environment of the programs on the machine. On one that shares its
// loopback, cvs connects to CVS_CLIENT_PORT where its root names no port, and
// PRACTICE_ROOT is where the machine's own /etc and /run are.
func (m *machine) env() []string {
	env := []string{
		"HOME=" + m.at.home,
		"USER=" + m.spec.User,
		"LOGNAME=" + m.spec.User,
		"SHELL=/bin/sh",
		"PATH=" + strings.TrimSuffix(m.at.bin+":"+m.spec.Path, ":"),
		"TMPDIR=" + m.at.tmp,
		"HOSTNAME=" + m.spec.Name,
	}
	if m.spec.Shared {
		env = append(env, "PRACTICE_ROOT="+m.at.root)
	}
	if m.tunnel != nil {
		env = append(env, "CVS_CLIENT_PORT="+strconv.Itoa(m.tunnel.number))
	}
	return env
}

// dial connects to whatever addr is for the machine: its own ports, the
// balancer's socket, or the web server of another machine by name. Nothing else
// answers.
func (m *machine) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	network, to, err := m.find(network, addr)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	return new(net.Dialer).DialContext(ctx, network, to)
}

// find returns where addr is, as this process sees it.
func (m *machine) find(network, addr string) (string, string, error) {
	if network == "unix" {
		if m.spec.Name == m.spec.Balancer && addr == "/run/haproxy/admin.sock" {
			return network, adminSocket(m.at.net), nil
		}
		return network, "", syscall.ENOENT
	}
	name, number, err := net.SplitHostPort(addr)
	if err != nil {
		return network, "", err
	}
	if name == "127.0.0.1" || name == "localhost" {
		name = m.spec.Name
	}
	switch own := name == m.spec.Name; {
	case !own && name != m.spec.Balancer && !slices.Contains(m.spec.Webs, name):
		return network, "", syscall.EHOSTUNREACH
	case number == "80":
		return "unix", httpSocket(m.at.net, name), nil
	case own && m.tunnel == nil:
		return network, net.JoinHostPort("127.0.0.1", number), nil
	case own && number == "2401":
		return network, m.tunnel.addr(), nil
	case own && m.bound(number):
		return network, net.JoinHostPort("127.0.0.1", number), nil
	}
	return network, "", syscall.ECONNREFUSED
}

// listen binds the port that an ssh client wants forwarded. Port 2401 is the
// machine's own even on a loopback that all share; the others are this process's.
func (m *machine) listen(network, addr string) (net.Listener, error) {
	name, number, err := net.SplitHostPort(addr)
	if network != "tcp" || err != nil || name != "127.0.0.1" && name != "localhost" {
		return nil, &net.OpError{Op: "listen", Net: network, Err: syscall.EACCES}
	}
	if number == "2401" && m.tunnel != nil {
		return m.tunnel.listen()
	}
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", number))
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forwards = append(m.forwards, l.Addr())
	return l, nil
}

// bound tells whether a client has, or had, that port bound on the machine.
func (m *machine) bound(number string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.ContainsFunc(m.forwards, func(a net.Addr) bool {
		return strconv.Itoa(a.(*net.TCPAddr).Port) == number
	})
}

// Close ends all that the machine started, but for the programs that a client
// left in the background.
func (m *machine) Close() error {
	if m.ssh != nil {
		m.ssh.Close()
		<-m.served
	}
	if m.cvs != nil {
		m.cvs.close()
	}
	if m.tunnel != nil {
		m.tunnel.close()
	}
	if m.initd != nil {
		m.initd.close()
	}
	if m.web != nil {
		m.web.close()
	}
	return nil
}
