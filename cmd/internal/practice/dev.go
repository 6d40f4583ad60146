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
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Releases are the dates of the snapshots that dev has, oldest first. The
// branch tag of each is "Snapshot-" and its date.
func Releases() []string { return []string{"2000-09-12", "2000-09-19", "2000-09-26"} }

// The users of the repository: Anon may read and has no password, Rel may
// commit and has this one.
const (
	Anon        = "anon"
	Rel         = "rel"
	RelPassword = "rel pw"
)

// The password of Rel as crypt(3) has it, in its oldest form, which every libc
// knows.
const relCrypt = "frbTDouRuM3zU"

// site is the module's content. @RELEASE@ is the date of the release, and a
// file whose name is a date is in it from that date on.
//
//go:embed site
var site embed.FS

// dev is the developers' machine: a CVS repository, and a pserver.
type dev struct {
	dir      string // of the repository, and of the servers' temporary files
	listener net.Listener

	mu      sync.Mutex
	servers map[*exec.Cmd]bool
	closed  bool
	busy    sync.WaitGroup
}

// newDev makes the repository under dir and serves it on a loopback port.
func newDev(ctx context.Context, dir string) (*dev, error) {
	d := &dev{dir: dir, servers: map[*exec.Cmd]bool{}}
	if err := os.MkdirAll(d.tmp(), 0o700); err != nil {
		return nil, err
	}
	if err := d.fill(ctx); err != nil {
		return nil, fmt.Errorf("make the repository: %w", err)
	}
	if err := d.admit(); err != nil {
		return nil, fmt.Errorf("make the repository: %w", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d.listener = l
	d.busy.Go(d.serve)
	return d, nil
}

func (d *dev) repository() string { return filepath.Join(d.dir, "cvsroot") }
func (d *dev) tmp() string        { return filepath.Join(d.dir, "tmp") }

// fill makes the repository and imports the releases, each dated with its day
// and made a branch. Imports, unlike commits, do not wait for the clock.
func (d *dev) fill(ctx context.Context) error {
	if err := d.cvs(ctx, d.dir, "init"); err != nil {
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
		if err := d.cvs(ctx, d.dir, "rtag", "-b", "-r", imported, "Snapshot-"+date, "site"); err != nil {
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

// admit makes the users. pserver runs as the user of this process, except that
// it refuses to be root: for root it is nobody, to whom the repository is given.
func (d *dev) admit() error {
	me, err := user.Current()
	if err != nil {
		return err
	}
	runs := me.Username
	if os.Getuid() == 0 {
		runs = "nobody"
	}
	admin := func(name, text string) error {
		path := filepath.Join(d.repository(), "CVSROOT", name)
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) { // cvs made it read-only
			return err
		}
		return os.WriteFile(path, []byte(text), 0o600)
	}
	if err := admin("passwd", fmt.Sprintf("%s::%s\n%s:%s:%s\n", Anon, runs, Rel, relCrypt, runs)); err != nil {
		return err
	}
	if err := admin("readers", Anon+"\n"); err != nil {
		return err
	}
	if err := admin("config", "SystemAuth=no\n"); err != nil {
		return err
	}
	if runs == me.Username {
		return nil
	}
	return giveTo(runs, d.dir)
}

// giveTo makes name the owner of dir and of all in it.
func giveTo(name, dir string) error {
	u, err := user.Lookup(name)
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return err
	}
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, -1)
	})
}

// serve has one pserver for each connection.
func (d *dev) serve() {
	for {
		c, err := d.listener.Accept()
		if err != nil {
			return
		}
		d.pserver(c.(*net.TCPConn))
	}
}

// pserver hands the connection itself to a new server, as inetd does.
func (d *dev) pserver(c *net.TCPConn) {
	defer c.Close()
	f, err := c.File()
	if err != nil {
		return
	}
	defer f.Close()
	cmd := exec.Command("cvs", "-f", "--allow-root="+d.repository(), "pserver")
	cmd.Dir, cmd.Env = d.tmp(), d.env()
	cmd.Stdin, cmd.Stdout = f, f
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || cmd.Start() != nil {
		return
	}
	d.servers[cmd] = true
	d.busy.Go(func() {
		cmd.Wait()
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.servers, cmd)
	})
}

func (d *dev) close() {
	d.listener.Close()
	d.mu.Lock()
	d.closed = true
	for cmd := range d.servers {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	d.mu.Unlock()
	d.busy.Wait()
}
