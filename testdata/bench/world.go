package main

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// world is the farms, and the programs that work on them.
type world struct {
	options options
	dir     string
	user    string
	key     string // path of the operator's key; with .pub the public one
	hostKey string // the same of the hosts'

	farmrun, plain string // programs
	earlier        string // farmrun of options.against, or ""

	sshd, server farm
	far          farm // as server, over a long line
	stops        []func()
}

// farm is one server which all host names stand for.
type farm struct {
	addresses []string // where it listens
	config    string   // path of the ssh_config with the host names
	missing   string   // why there is none, or ""
}

// newWorld builds the programs and starts the servers.
func newWorld(ctx context.Context, dir string, o options) (_ *world, err error) {
	w := &world{options: o, dir: dir}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	me, err := user.Current()
	if err != nil {
		return nil, err
	}
	w.user = me.Username
	if w.key, err = w.makeKey("id_ed25519"); err != nil {
		return nil, err
	}
	if w.hostKey, err = w.makeKey("host_ed25519"); err != nil {
		return nil, err
	}
	if err := w.build(ctx); err != nil {
		return nil, err
	}
	if w.server, err = w.startServer("server", commandTime, 0); err != nil {
		return nil, err
	}
	if w.far, err = w.startServer("far", commandTime, roundTrip); err != nil {
		return nil, err
	}
	w.sshd, err = w.startSSHD(ctx)
	return w, err
}

func (w *world) close() {
	for _, stop := range w.stops {
		stop()
	}
}

// build builds what runs. A farmrun that was named is taken as it is.
func (w *world) build(ctx context.Context) error {
	names := []string{"./testdata/bench/plain", "./testdata/bench/server"}
	if w.options.farmrun == "" {
		names = append(names, farmrunPackage)
	}
	for _, name := range names {
		if err := command(ctx, w.root(), "go", "build", "-trimpath", "-o", w.dir+"/", name); err != nil {
			return err
		}
	}
	w.farmrun, w.plain = filepath.Join(w.dir, "farmrun"), filepath.Join(w.dir, "plain")
	if w.options.farmrun != "" {
		if err := command(ctx, "", "cp", w.options.farmrun, w.farmrun); err != nil {
			return err
		}
	}
	if w.options.against == "" {
		return nil
	}
	w.earlier = filepath.Join(w.dir, "earlier")
	return errors.Join(w.buildEarlier(ctx), copied(ctx, w.earlier), copied(ctx, w.farmrun))
}

// copied puts a copy in the place of a program. The linker writes a program in
// small pieces, which the machine maps one by one: how many differs from one
// build to the next by more than farmrun's start may grow.
func copied(ctx context.Context, program string) error {
	if err := command(ctx, "", "cp", program, program+".copy"); err != nil {
		return err
	}
	return os.Rename(program+".copy", program)
}

const farmrunPackage = "./cmd/farmrun"

// buildEarlier builds farmrun of the commit that was asked for, in a worktree of
// its own.
func (w *world) buildEarlier(ctx context.Context) error {
	tree := filepath.Join(w.dir, "tree")
	if err := command(ctx, w.root(), "git", "worktree", "add", "--quiet", "--detach", tree, w.options.against); err != nil {
		return err
	}
	w.stops = append(w.stops, func() {
		command(context.WithoutCancel(ctx), w.root(), "git", "worktree", "remove", "--force", tree)
	})
	return command(ctx, tree, "go", "build", "-trimpath", "-o", w.earlier, farmrunPackage)
}

// command runs a program in a folder. Its error has the program's output.
func command(ctx context.Context, dir string, argv ...string) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = dir
	if printed, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", cmd, err, printed)
	}
	return nil
}

// root is the folder of go.mod, wherever bench was started.
func (w *world) root() string {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "."
	}
	return filepath.Dir(strings.TrimSpace(string(out)))
}

// makeKey writes a key and its public half.
func (w *world) makeKey(name string) (path string, err error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", err
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		return "", err
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		return "", err
	}
	path = filepath.Join(w.dir, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		return "", err
	}
	return path, os.WriteFile(path+".pub", ssh.MarshalAuthorizedKey(key), 0o600)
}

// serverPorts is at how many ports the server listens: ten thousand hosts would
// not all connect to one at once, whose queue holds 4,096.
const serverPorts = 10

// How long a command of the server takes, and how far away the far one is.
const (
	commandTime = 50 * time.Millisecond
	roundTrip   = 50 * time.Millisecond
)

// startServer starts the server of the folder server, whose commands take that long, at
// the end of a line.
func (w *world) startServer(name string, each, line time.Duration) (farm, error) {
	cmd := exec.Command(filepath.Join(w.dir, "server"), w.hostKey, w.key+".pub",
		each.String(), strconv.Itoa(serverPorts), line.String())
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return farm{}, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return farm{}, err
	}
	if err := cmd.Start(); err != nil {
		return farm{}, err
	}
	w.stops = append(w.stops, func() { in.Close(); cmd.Wait() })
	addresses, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return farm{}, err
	}
	return w.name(name, strings.Split(strings.TrimSpace(addresses), ","))
}

// startSSHD starts a private sshd on a free port of loopback. Commands get an
// empty home: a .bashrc can cost more than all the rest.
func (w *world) startSSHD(ctx context.Context) (farm, error) {
	address, err := freeAddress()
	if err != nil {
		return farm{}, err
	}
	program, err := exec.LookPath("sshd")
	if err != nil {
		program = "/usr/sbin/sshd" // where it is, though not for everybody's PATH
	}
	if _, err := os.Stat(program); err != nil {
		return farm{missing: "sshd is not installed"}, nil
	}
	_, port, _ := net.SplitHostPort(address)
	config := filepath.Join(w.dir, "sshd_config")
	text := fmt.Sprintf(`ListenAddress 127.0.0.1
Port %[1]s
HostKey %[2]s
AuthorizedKeysFile %[3]s.pub
AuthenticationMethods publickey
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
SetEnv HOME=%[4]s
PidFile none
MaxStartups 10000
PerSourceMaxStartups none
LogLevel FATAL
`, port, w.hostKey, w.key, w.dir)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return farm{}, err
	}
	if os.Getuid() == 0 { // sshd wants the folder of its privilege separation
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			return farm{}, err
		}
	}
	cmd := exec.Command(program, "-D", "-e", "-f", config)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return farm{}, err
	}
	w.stops = append(w.stops, func() { cmd.Process.Kill(); cmd.Wait() })
	if err := awaitGreeting(ctx, address); err != nil {
		return farm{}, err
	}
	return w.name("sshd", []string{address})
}

// freeAddress returns an address of loopback that nobody listens on now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// awaitGreeting returns when an ssh server answers at address.
func awaitGreeting(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_, err = io.ReadFull(c, make([]byte, 4))
			c.Close()
			if err == nil {
				return nil
			}
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("sshd does not answer at %s: %w", address, err)
		}
	}
}

// name writes the ssh_config that gives a server its many names. Its
// ConnectTimeout is a usual one, although ten thousand logins at once take two
// processors longer than that.
func (w *world) name(name string, addresses []string) (farm, error) {
	public, err := os.ReadFile(w.hostKey + ".pub")
	if err != nil {
		return farm{}, err
	}
	var known, config strings.Builder
	for i, address := range addresses {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return farm{}, err
		}
		fmt.Fprintf(&known, "[%s]:%s %s", host, port, public)
		pattern := "h*"
		if len(addresses) > 1 {
			pattern = fmt.Sprintf("h*%d", i) // by the last digit
		}
		fmt.Fprintf(&config, "Host %s\n\tHostName %s\n\tPort %s\n", pattern, host, port)
	}
	knownHosts := filepath.Join(w.dir, name+"_known_hosts")
	fmt.Fprintf(&config, `Host h*
	User %s
	IdentityFile %s
	IdentitiesOnly yes
	IdentityAgent none
	UserKnownHostsFile %s
	GlobalKnownHostsFile none
	StrictHostKeyChecking yes
	PasswordAuthentication no
	KbdInteractiveAuthentication no
	GSSAPIAuthentication no
	ConnectTimeout 10
	ControlMaster no
`, w.user, w.key, knownHosts)
	f := farm{addresses: addresses, config: filepath.Join(w.dir, name+"_config")}
	return f, errors.Join(
		os.WriteFile(knownHosts, []byte(known.String()), 0o600),
		os.WriteFile(f.config, []byte(config.String()), 0o600),
	)
}

// hostList writes the names of n hosts, one a line.
func (w *world) hostList(n int) (path string) {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "h%d\n", i+1)
	}
	path = filepath.Join(w.dir, "hosts")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		panic(err)
	}
	return path
}
