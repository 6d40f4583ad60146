package practice

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// Releases are the dates of the snapshots that dev has, oldest first. The
// branch tag of each is "Snapshot-" and its date.
func Releases() []string { return []string{"2000-09-12", "2000-09-19", "2000-09-26"} }

// The users of the repository: Anon may read and has no password, Rel may
// commit, but not to CVSROOT, and has Farm.RelPassword.
const (
	Anon = "anon"
	Rel  = "rel"
)

// site is the module's content. @RELEASE@ is the date of the release, and a
// file whose name is a date is in it from that date on.
//
//go:embed site
var site embed.FS

// dev is the developers' machine: a CVS repository, which a pserver serves.
type dev struct {
	host
}

// startDev makes the repository and serves it.
func (f *Farm) startDev(ctx context.Context) error {
	f.dev = &dev{host: host{farm: f, spec: f.spec("dev")}}
	d := f.dev
	d.spec.Repository = true
	for _, dir := range []string{"bin", "etc/init.d", "home", "run/farm", "tmp", "root"} {
		if err := os.MkdirAll(filepath.Join(d.spec.Dir, dir), 0o755); err != nil {
			return err
		}
	}
	if err := os.Chmod(d.spec.Dir, 0o700); err != nil {
		return err
	}
	if err := d.makeRepository(ctx); err != nil {
		return fmt.Errorf("make the repository: %w", err)
	}
	return d.start()
}

func (d *dev) repository() string { return filepath.Join(d.spec.Dir, "cvsroot") }
func (d *dev) tmp() string        { return filepath.Join(d.spec.Dir, "tmp") }
func (d *dev) admin() string      { return filepath.Join(d.repository(), "CVSROOT") }

func (d *dev) makeRepository(ctx context.Context) error {
	if err := d.fill(ctx); err != nil {
		return err
	}
	if err := d.admit(); err != nil {
		return err
	}
	if err := giveTo(d.farm.owners.dev, d.spec.Dir); err != nil {
		return err
	}
	return d.lockAdmin()
}

// fill makes the repository and imports the releases, each dated with its day
// and made a branch. Imports, unlike commits, do not wait for the clock.
func (d *dev) fill(ctx context.Context) error {
	if err := d.cvs(ctx, d.spec.Dir, "init"); err != nil {
		return err
	}
	for _, date := range Releases() {
		tree := filepath.Join(d.tmp(), date)
		if err := writeRelease(tree, date); err != nil {
			return err
		}
		imported := "Import-" + date
		if err := d.cvs(ctx, tree, "import", "-d", "-W", `*.gif -k "b"`, "-m", "the site of "+date, "site", "WEB", imported); err != nil {
			return err
		}
		if err := d.cvs(ctx, d.spec.Dir, "rtag", "-b", "-r", imported, "Snapshot-"+date, "site"); err != nil {
			return err
		}
		if err := os.RemoveAll(tree); err != nil {
			return err
		}
	}
	return nil
}

// cvs runs cvs on the repository itself.
func (d *dev) cvs(ctx context.Context, dir string, args ...string) error {
	cmd := exec.CommandContext(ctx, "cvs", append([]string{"-f", "-Q", "-d", d.repository()}, args...)...)
	cmd.Dir, cmd.Env = dir, d.env()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cvs %s: %w: %s", args[0], err, strings.TrimSpace(string(out)))
	}
	return nil
}

func (d *dev) env() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + d.tmp(), "TMPDIR=" + d.tmp()}
}

// writeRelease writes the site as it was on that day.
func writeRelease(tree, date string) error {
	day, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return err
	}
	noon := day.Add(12 * time.Hour)
	return fs.WalkDir(site, "site", func(path string, entry fs.DirEntry, err error) error {
		rel := strings.TrimPrefix(strings.TrimPrefix(path, "site"), "/")
		to := filepath.Join(tree, filepath.FromSlash(rel))
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return os.MkdirAll(to, 0o755)
		case isLater(entry.Name(), date):
			return nil
		}
		text, err := site.ReadFile(path)
		if err != nil {
			return err
		}
		text = []byte(strings.ReplaceAll(string(text), "@RELEASE@", date))
		if err := os.WriteFile(to, text, 0o644); err != nil {
			return err
		}
		return os.Chtimes(to, noon, noon)
	})
}

// isLater tells whether a file's name is a date after that of the release.
func isLater(name, date string) bool {
	name, _, _ = strings.Cut(name, ".")
	_, err := time.Parse(time.DateOnly, name)
	return err == nil && name > date
}

// admit makes the users.
func (d *dev) admit() error {
	crypt, err := bcrypt.GenerateFromPassword([]byte(d.farm.RelPassword), bcrypt.MinCost) // nobody guesses a random one
	if err != nil {
		return err
	}
	runs := d.farm.owners.pserver
	for name, text := range map[string]string{
		"passwd":  fmt.Sprintf("%s::%s\n%s:%s:%s\n", Anon, runs, Rel, crypt, runs),
		"readers": Anon + "\n",
		"config":  "SystemAuth=no\nLogHistory=\n", // a history would need a lock in CVSROOT
	} {
		path := filepath.Join(d.admin(), name)
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) { // cvs made it read-only
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o444); err != nil {
			return err
		}
	}
	return nil
}

// lockAdmin leaves CVSROOT to this process: whoever commits there says which
// programs the server runs. cvs itself adds the tags that it has met to val-tags.
func (d *dev) lockAdmin() error {
	if err := giveTo(os.Getuid(), d.admin()); err != nil {
		return err
	}
	if err := os.Chmod(filepath.Join(d.admin(), "val-tags"), 0o666); err != nil {
		return err
	}
	return os.Chmod(d.admin(), 0o555)
}

// giveTo makes that user the owner of dir and of all in it; -1 is nobody new.
func giveTo(uid int, dir string) error {
	if uid < 0 {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, -1)
	})
}

// pserver is the server of a repository.
type pserver struct {
	listener   net.Listener
	repository string
	dir        string // where the servers run
	env        []string

	mu      sync.Mutex
	servers map[*exec.Cmd]bool
	closed  bool
	busy    sync.WaitGroup
}

// newPserver serves the repository at l, which it closes.
func newPserver(l net.Listener, repository, dir string, env []string) *pserver {
	p := &pserver{listener: l, repository: repository, dir: dir, env: env, servers: map[*exec.Cmd]bool{}}
	p.busy.Go(p.serve)
	return p
}

// serve has one pserver for each connection.
func (p *pserver) serve() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.start(c.(*net.TCPConn))
	}
}

// start hands the connection itself to a new server, as inetd does.
func (p *pserver) start(c *net.TCPConn) {
	defer c.Close()
	f, err := c.File()
	if err != nil {
		return
	}
	defer f.Close()
	cmd := exec.Command("cvs", "-f", "--allow-root="+p.repository, "pserver")
	cmd.Dir, cmd.Env = p.dir, p.env
	cmd.Stdin, cmd.Stdout = f, f
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || cmd.Start() != nil {
		return
	}
	p.servers[cmd] = true
	p.busy.Go(func() {
		cmd.Wait()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.servers, cmd)
	})
}

func (p *pserver) close() {
	p.listener.Close()
	p.mu.Lock()
	p.closed = true
	for cmd := range p.servers {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	p.mu.Unlock()
	p.busy.Wait()
}
