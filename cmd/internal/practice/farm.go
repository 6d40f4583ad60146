// Package practice is a farm to practise on, inside one process: web servers
// that are logged in to by ssh, a load balancer with HAProxy's admin socket in
// front of them, and the developers' machine with a real CVS repository behind
// them, which the web servers reach only through a tunnel. farmrun demo runs
// scripts on it.
//
//	farm, err := practice.Start(ctx, practice.Config{WebServers: 3})
//	if err != nil {
//		return err
//	}
//	defer farm.Close()
//	visit := farm.Visit(50)
//	… run a script with farm.SSHConfig …
//	fmt.Print(visit.Stop())
//
// All of it is on loopback and under one temporary directory, and Close leaves
// nothing behind; where this process is killed instead, its hosts end, and the next
// farm removes the directory. It needs sh, the usual POSIX tools, and the programs that
// Missing looks for.
//
// On Linux each host has namespaces of its own (user, mount, pid, network, ipc,
// uts), also for a user without root where the kernel allows that. The programs
// are those of this machine, read-only; /etc, /var, /tmp and the home directory
// are the host's own; a program there has no capability, sees no process and
// reaches no network but the host's. Not isolated are the time of the processors,
// memory and room on the disk. With Config.Shared hosts have a home directory, a
// port for each thing that listens, and environment variables that say so; see
// Fences for the files that they can write. From inside a host the world looks like this:
//
//	~/www                  a link to the live release
//	~/releases/DATE        releases, checked out of CVS
//	~/logs/error           the web server's error log
//	~/logs/httpd.pid       a process whose end is the end of the web server
//	sudo, /etc/init.d/httpd  stand-ins; /etc/init.d is there only through sudo
//	127.0.0.1:80           the web server (through ssh's forwards)
//	127.0.0.1:2401         the host's end of a tunnel; cvs finds it there too
package practice

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"farmrun/luahost/remote/local"
	"farmrun/modules/cvs"
)

// Config says what farm to start. The zero value is a useful one.
type Config struct {
	WebServers   int    // how many; 0 is 3
	Release      string // what is on the air to begin with; "" is the oldest of Releases
	SudoPassword string // what sudo asks for on the hosts; "" asks for nothing

	// Shared has the hosts share this machine: their programs are those of a short
	// list, and where a host Fences they write to the farm's files only; else they
	// run as the user of this process on its files. false gives each host namespaces
	// of its own, which Start fails without; see Isolates.
	Shared bool

	RestartTime   time.Duration // how long a web server is off for a restart; 0 is 200 ms
	PageTime      time.Duration // how long a page takes to serve; 0 is 10 ms
	CheckInterval time.Duration // between the balancer's checks of a server; 0 is 200 ms
	Patience      time.Duration // how long a check, or a visitor, waits for a page; 0 is 5 s
}

func (c Config) orDefaults() Config {
	or := func(d *time.Duration, usual time.Duration) {
		if *d == 0 {
			*d = usual
		}
	}
	or(&c.RestartTime, 200*time.Millisecond)
	or(&c.PageTime, 10*time.Millisecond)
	or(&c.CheckInterval, 200*time.Millisecond)
	or(&c.Patience, 5*time.Second)
	if c.WebServers == 0 {
		c.WebServers = 3
	}
	if c.Release == "" {
		c.Release = Releases()[0]
	}
	return c
}

// Farm is a farm that runs. Its methods may be called from any goroutine.
type Farm struct {
	Dir       string   // the temporary directory that holds all of it
	SSHConfig string   // an ssh_config that knows every host, for ssh -F
	URL       string   // the web site, through the balancer
	Web       []string // webserv1, webserv2, …
	Balancer  string   // lb1
	CVSRoot   string   // of the repository, as the hosts see it once they have a tunnel
	CVSAddr   string   // where the repository's pserver is, as this process sees it

	RelPassword string // of Rel, made for this farm

	config   Config
	user     string // of the hosts
	owners   owners
	key      keyPair
	hosts    map[string]*host
	dev      *dev
	balancer *balancer

	held    io.Closer // the directory
	closing sync.Once
	closed  error
	forget  func() bool // no longer closes the farm when ctx is done
}

// Start starts a farm; it takes about a second. The farm is closed when ctx is
// done, if Close has not been called before. Where a program is missing
// that it needs the error is a *MissingError.
func Start(ctx context.Context, config Config) (*Farm, error) {
	if err := Need(""); err != nil {
		return nil, fmt.Errorf("practice farm: %w", err)
	}
	dir, held, err := newDir()
	if err != nil {
		return nil, fmt.Errorf("practice farm: %w", err)
	}
	sweep(filepath.Dir(dir))
	f := &Farm{Dir: dir, held: held, Balancer: "lb1", config: config.orDefaults(), hosts: map[string]*host{}, forget: func() bool { return true }}
	if err := f.start(ctx); err != nil {
		return nil, fmt.Errorf("practice farm: %w", errors.Join(err, f.Close()))
	}
	f.forget = context.AfterFunc(ctx, func() { f.shut() })
	return f, nil
}

func (f *Farm) start(ctx context.Context) (err error) {
	f.user, f.owners = isolatedUser, isolatedOwners()
	if f.config.Shared {
		me, err := user.Current()
		if err != nil {
			return err
		}
		f.user, f.owners = me.Username, sharedOwners(me)
		if os.Getuid() == 0 && Fences() {
			f.user = nobody
		}
	}
	for i := range f.config.WebServers {
		f.Web = append(f.Web, fmt.Sprintf("webserv%d", i+1))
	}
	if err := f.makeNet(); err != nil {
		return err
	}
	f.RelPassword = rand.Text()
	if err := f.startDev(ctx); err != nil {
		return err
	}
	f.CVSAddr = f.dev.addr
	f.CVSRoot = ":pserver:" + Anon + "@127.0.0.1:" + f.dev.spec.places().repository
	if f.key, err = newKeyPair(); err != nil {
		return err
	}
	if err := f.startHosts(ctx); err != nil {
		return err
	}
	if err := f.startBalancer(); err != nil {
		return err
	}
	f.SSHConfig, err = f.writeSSH(filepath.Join(f.Dir, "ssh"))
	return err
}

// startHosts starts the web servers and the balancer's machine, all at once.
func (f *Farm) startHosts(ctx context.Context) error {
	first := filepath.Join(f.Dir, "dev", "tmp", f.config.Release)
	if err := f.checkOut(ctx, first); err != nil {
		return err
	}
	for _, name := range f.Web {
		if err := f.addHost(name, first); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if err := f.addHost(f.Balancer, ""); err != nil {
		return err
	}
	var starting sync.WaitGroup
	failed := make(chan error, len(f.hosts))
	for name, h := range f.hosts {
		starting.Go(func() {
			if err := h.start(); err != nil {
				failed <- fmt.Errorf("%s: %w", name, err)
			}
		})
	}
	starting.Wait()
	close(failed)
	return <-failed
}

// startBalancer starts the balancer in front of all web servers.
func (f *Farm) startBalancer() (err error) {
	var webs []*host
	for _, name := range f.Web {
		webs = append(webs, f.hosts[name])
	}
	f.balancer, err = newBalancer(newPool(webs), f.config, httpSocket(f.net(), f.Balancer), adminSocket(f.net()))
	if err == nil {
		f.URL = "http://" + f.balancer.page.Addr().String() + "/"
		err = giveTo(f.owners.hosts, f.net())
	}
	return err
}

// checkOut pulls the first release from the repository, as a host would. One
// checkout does for all hosts: it takes as long as cvs waits for the clock.
func (f *Farm) checkOut(ctx context.Context, dir string) error {
	_, number, _ := net.SplitHostPort(f.CVSAddr)
	client := cvs.Client{Root: f.CVSRoot, Runner: local.Shell{
		Dir: filepath.Dir(dir),
		Env: append(f.dev.env(), "CVS_CLIENT_PORT="+number),
	}}
	_, err := client.Checkout(ctx, cvs.CheckoutOptions{
		Module: "site", Tag: "Snapshot-" + f.config.Release, Dir: filepath.Base(dir),
	})
	return err
}

// Close ends everything the farm started, and removes its directory. It may be
// called more than once.
func (f *Farm) Close() error {
	f.forget()
	return f.shut()
}

func (f *Farm) shut() error {
	f.closing.Do(func() {
		if f.balancer != nil {
			f.balancer.close()
		}
		for _, h := range f.hosts {
			h.close()
		}
		if f.dev != nil {
			f.dev.close()
		}
		endStrays(f.Dir)
		f.closed = errors.Join(removeDir(f.Dir), f.held.Close())
	})
	return f.closed
}

// net is the directory of the sockets by which the machines of the farm reach
// each other, whatever network each has.
func (f *Farm) net() string { return filepath.Join(f.Dir, "net") }

func (f *Farm) makeNet() error {
	if err := os.Mkdir(f.net(), 0o700); err != nil {
		return err
	}
	return giveTo(f.owners.hosts, f.net())
}

// path are the directories of programs that are not the hosts' own.
func (f *Farm) path() string {
	if f.config.Shared {
		return ""
	}
	return os.Getenv("PATH")
}

// owners are the users that own the machines' files, by number, -1 where it is
// the user of this process, and the one that the pserver runs as.
type owners struct {
	hosts, dev int
	pserver    string
}

// nobody is the user of machines that share this one where root runs the farm:
// pserver refuses to be root.
const nobody = "nobody"

// sharedOwners are those of machines that share this one. Where these are not
// fenced, only pserver is not the user of this process.
func sharedOwners(me *user.User) owners {
	if os.Getuid() != 0 {
		return owners{-1, -1, me.Username}
	}
	uid := -1
	if u, err := user.Lookup(nobody); err == nil {
		uid, _ = strconv.Atoi(u.Uid)
	}
	if Fences() {
		return owners{uid, uid, nobody}
	}
	return owners{-1, uid, nobody}
}
