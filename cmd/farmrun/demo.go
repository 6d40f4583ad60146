package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"farmrun/cmd/internal/practice"
	"farmrun/luahost"
	"farmrun/luahost/console"
	"farmrun/luahost/remote"
	"farmrun/modules/cli"
	"farmrun/scripts"
)

// visitsPerSecond is how often the demo's visitor asks for a page.
const visitsPerSecond = 50

// demo is a practice farm and, perhaps, a script to run on it.
type demo struct {
	flags   flags
	servers int
	install bool
	again   string // the same command with --install
	script  string // "" waits for ^C
	args    []string
}

// set is the options of farmrun demo.
func (d *demo) set() *pflag.FlagSet {
	set := pflag.NewFlagSet("demo", pflag.ContinueOnError)
	set.SetInterspersed(false)
	set.Usage = func() {}
	set.IntVarP(&d.servers, "servers", "n", 3, "how many web servers")
	set.BoolVar(&d.install, "install", false, "install the programs that are missing (apt, as root or by sudo)")
	return set
}

func demoJob(f flags, args []string) (job, error) {
	before := f.typed[:len(f.typed)-len(args)]
	d := demo{flags: f, again: "farmrun " + remote.QuoteAll(slices.Concat(before, []string{"--install"}, args))}
	set := d.set()
	if err := set.Parse(args); err != nil {
		return nil, usageError("farmrun demo: %v", cli.FlagError(set, f.own(), err))
	}
	if d.servers < 1 || d.servers > 50 {
		return nil, usageError("a practice farm has 1 to 50 web servers, not %d", d.servers)
	}
	if set.NArg() > 0 {
		d.script, d.args = set.Arg(0), set.Args()[1:]
		if _, _, _, err := findScript(f.site, d.script); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func (d demo) run(ctx context.Context, out *console.Console) (err error) {
	if err := d.provide(ctx, out); err != nil {
		return err
	}
	open := practice.Isolates()
	note(out, "starting a practice farm%s: %s, a load balancer, a CVS server", notIsolated(open), plural(d.servers, "web server"))
	farm, err := practice.Start(ctx, practice.Config{WebServers: d.servers, Shared: open != nil})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, farm.Close()) }()
	if d.flags.site, err = d.site(farm); err != nil {
		return err
	}
	d.flags.ssh, d.flags.practice = farm.SSHConfig, true
	if d.script == "" {
		return d.wait(ctx, out, farm)
	}
	return d.play(ctx, out, farm)
}

// provide sees to it that the programs are there that the farm and the script
// need. With --install it gets those, too, that other scripts would need.
func (d demo) provide(ctx context.Context, out *console.Console) error {
	missing := practice.Missing()
	if d.install && len(missing) > 0 && practice.CanInstall() {
		note(out, "installing %s: %s", practice.Names(missing), practice.InstallCommand(missing))
		out.Flush(ctx)
		if err := practice.Install(missing, os.Stderr); err != nil {
			note(out, "the installation failed: %v", err)
		}
	}
	err := practice.Need(strings.TrimSuffix(filepath.Base(d.script), ".lua"))
	if lacks, ok := errors.AsType[*practice.MissingError](err); ok {
		return &luahost.Error{Kind: luahost.Failed, Message: err.Error(), Hint: d.hint(lacks.Programs)}
	}
	return err
}

// hint says how programs are installed.
func (d demo) hint(programs []practice.Program) string {
	switch line := practice.InstallCommand(programs); {
	case !d.install && practice.CanInstall():
		return d.again
	case line != "":
		return line
	}
	return fmt.Sprintf("install %s with this system's package manager", practice.Names(programs))
}

// notIsolated describes how far the hosts' programs can reach into this machine
// when err has kept the hosts from being isolated.
func notIsolated(err error) string {
	if err == nil {
		return ""
	}
	reach := "run as you on this machine's files and processes"
	if practice.Fences() {
		reach = "can write to the farm's files only"
	}
	return fmt.Sprintf(" that is not isolated (%v), with a short list of programs, which %s", err, reach)
}

// site writes the site file of the practice farm: the one that comes with
// farmrun, with what is particular to this farm put into it.
func (d demo) site(farm *practice.Farm) (path string, err error) {
	if d.flags.site != "" {
		return d.flags.site, nil
	}
	text, err := scripts.Files.ReadFile("site.lua")
	if err != nil {
		return "", err
	}
	site := string(text)
	for was, is := range map[string]string{
		"webserv[1-3]":                         fmt.Sprintf("webserv[1-%d]", d.servers),
		":pserver:anon@127.0.0.1:2401/cvsroot": farm.CVSRoot,
		":pserver:rel@127.0.0.1:2401/cvsroot":  strings.Replace(farm.CVSRoot, practice.Anon, practice.Rel, 1),
		"dev:2401":                             farm.CVSAddr,
	} {
		if strings.Count(site, strconv.Quote(was)) != 1 {
			return "", fmt.Errorf("the site file does not have %q in it once", was)
		}
		site = strings.Replace(site, strconv.Quote(was), strconv.Quote(is), 1)
	}
	path = filepath.Join(farm.Dir, "site.lua")
	return path, os.WriteFile(path, []byte(site), 0o666)
}

// play runs the script while somebody looks at the web site.
func (d demo) play(ctx context.Context, out *console.Console, farm *practice.Farm) error {
	s, err := newScript(d.flags, d.script, d.args)
	if err != nil {
		return err
	}
	note(out, "a visitor asks the web site %s for a page %d times a second", farm.URL, visitsPerSecond)
	visit := farm.Visit(visitsPerSecond)
	err = s.run(ctx, out)
	for line := range strings.SplitSeq(strings.TrimSpace(visit.Stop().String()), "\n") {
		note(out, "%s", line)
	}
	return err
}

// wait keeps the farm up until the operator has had enough.
func (d demo) wait(ctx context.Context, out *console.Console, farm *practice.Farm) error {
	out.Print("", fmt.Sprintf(`The practice farm is up until you press ^C. Elsewhere, try:

  farmrun -F %s --site %s -c uptime @web
  farmrun -F %[1]s --site %[2]s cutover --pull 2000-09-19
  ssh -F %[1]s %[3]s
  curl %[4]s

The password of rel, who may commit to CVS, is %[5]s
`, farm.SSHConfig, d.flags.site, farm.Web[0], farm.URL, farm.RelPassword))
	ctx, stop := interruptible(ctx, idle{}, out)
	defer stop()
	<-ctx.Done()
	return nil
}

// idle is a farm on which nobody works.
type idle struct{}

func (idle) Busy() bool         { return false }
func (idle) Standing() []string { return nil }
func (idle) Working() []string  { return nil }
func (idle) Stop()              {}
func (idle) Asking() bool       { return false }
func (idle) Decline(error)      {}
