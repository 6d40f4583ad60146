package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"farmrun/luahost"
	"farmrun/luahost/console"
	"farmrun/modules/cli"
	"farmrun/modules/farm"
)

const usage = `Usage:
  farmrun [flags] SCRIPT.lua [ARG...]      run a script
  farmrun [flags] -c 'COMMAND' [SET...]    run one command, farm-wide
  farmrun [flags] -e 'LUA' [ARG...]        run a line of Lua
  farmrun demo [SCRIPT.lua ARG...]         try a script on a practice farm in this process
  farmrun init DIR                         make editable copies of the scripts
  farmrun check FILE...                    look for errors in scripts
  farmrun runs                             the rollouts of late, and what became of them
  farmrun show [RUN [HOST]]                what a run did on each host; replay what was said there
  farmrun record HOST [FILE.lua]           do something by hand, and have it as a script
  farmrun report [RUN]                     a page of a run for the browser, and where it is
  farmrun resume [--changed] [RUN]         go on with a run that was halted or killed
  farmrun abandon RUN                      give up a run that was halted or killed
  farmrun clean SET...                     remove what dead runs have left on hosts
  farmrun unlock                           show who holds the farm's lock, and take it away
  farmrun help NAME                        what a function or a script does: farmrun help farm.each

A bare word that is no command is looked up as a script: farmrun cutover 2000-09-19.
Scripts take --help: farmrun cutover --help.

Flags:
`

const statuses = `
Exit status: 0 all well; 1 some host failed; 2 the command or the script is wrong;
3 a rollout halted and can be resumed; 130 interrupted.
`

// flags are the options of farmrun itself.
type flags struct {
	typed    []string // all that farmrun was called with
	command  string   // -c
	line     string   // -e
	dir      string
	site     string
	dryRun   bool
	timeout  string
	whole    string // --run-timeout
	memory   string
	lockWait string
	yes      bool
	keep     bool // --keep-going
	serial   bool
	parallel int
	user     string
	ssh      string // -F
	options  []string
	plain    bool
	verbose  bool
	json     bool
	raw      bool
	askFor   string // --password-command
	help     bool
	version  bool

	resume   *resumption // the run to go on with; nil is a new one
	practice bool        // the farm is gone with the run
}

func (f *flags) set() *pflag.FlagSet {
	set := pflag.NewFlagSet("farmrun", pflag.ContinueOnError)
	set.SetInterspersed(false)
	set.SortFlags = false
	set.Usage = func() {}
	set.StringVarP(&f.command, "command", "c", "", "run this shell command: on one host first, then on the rest")
	set.StringVarP(&f.line, "lua", "e", "", "run this line of Lua")
	set.StringVarP(&f.dir, "dir", "d", "", "with -c: the directory to run in")
	set.BoolVar(&f.keep, "keep-going", false, "with -c: on all hosts at once, whatever the first one says")
	set.BoolVar(&f.serial, "serial", false, "with -c: one host after the other")
	set.IntVar(&f.parallel, "parallel", 0, "with -c: on so many hosts at once (default 32)")
	set.StringVarP(&f.timeout, "timeout", "t", "", `with -c: the time each host has (default "10m")`)
	set.StringVar(&f.whole, "run-timeout", "", `the time that the whole run has (default "24h")`)
	set.StringVar(&f.memory, "memory", "", `how much memory the script may use (default "1GiB")`)
	set.StringVar(&f.lockWait, "lock-wait", "", `how long to wait for the lock of another rollout (default: not at all)`)
	set.BoolVarP(&f.dryRun, "dry-run", "n", false, "only look; print what would be changed")
	set.StringVar(&f.site, "site", "", "the site file (default: site.lua here, beside the script, or in ~/.config/farmrun)")
	set.StringVarP(&f.user, "user", "l", "", "the user to log in as (default: as ssh does)")
	set.StringVarP(&f.ssh, "ssh-config", "F", "", "an ssh_config instead of the usual ones")
	set.StringArrayVarP(&f.options, "option", "o", nil, "an ssh_config option for all hosts: -o Port=2222")
	set.BoolVarP(&f.yes, "yes", "y", false, "answer yes to what a script asks to confirm, and stop where a step fails")
	set.BoolVar(&f.json, "json", false, "what happens as JSON, an object a line: farmrun help json")
	set.BoolVar(&f.raw, "raw", false, "with -c: one host's standard output, byte for byte, and not to a terminal")
	set.StringVar(&f.askFor, "password-command", "", "take passwords from this command instead of asking: farmrun help passwords")
	set.BoolVarP(&f.verbose, "verbose", "v", false, "show which keys and methods each ssh login tries, and the outcome")
	set.BoolVar(&f.plain, "plain", false, "on a terminal, too, a line for each event and no colours")
	set.BoolVarP(&f.help, "help", "h", false, "show this help")
	set.BoolVar(&f.version, "version", false, "show the version")
	return set
}

// own returns how farmrun's own options are written.
func (f flags) own() (written []string) {
	f.set().VisitAll(func(o *pflag.Flag) {
		written = append(written, "--"+o.Name)
		if o.Shorthand != "" {
			written = append(written, "-"+o.Shorthand)
		}
	})
	return written
}

// job is what farmrun was asked to do.
type job interface {
	run(ctx context.Context, out *console.Console) error
}

// jobFunc is a job that is a function.
type jobFunc func(ctx context.Context, out *console.Console) error

func (f jobFunc) run(ctx context.Context, out *console.Console) error { return f(ctx, out) }

// usageError is a command line that makes no sense.
func usageError(format string, args ...any) error {
	return &luahost.Error{Kind: luahost.Usage, Message: fmt.Sprintf(format, args...), Hint: "farmrun --help shows how it is called"}
}

// parse reads the command line.
func parse(args []string) (job, error) {
	f := flags{typed: args}
	set := f.set()
	if err := set.Parse(args); err != nil {
		return nil, usageError("%v", cli.FlagError(set, nil, err))
	}
	switch {
	case f.help:
		return say(usageText(f)), nil
	case f.version:
		return say("farmrun " + version() + "\n"), nil
	}
	if err := f.check(set); err != nil {
		return nil, err
	}
	return f.job(set.Args())
}

// job chooses what to do by the flags and the first word.
func (f flags) job(args []string) (job, error) {
	switch {
	case f.command != "":
		return commandJob(f, args)
	case f.line != "":
		return lineJob(f, args), nil
	case len(args) == 0:
		return nil, usageError("there is nothing to do: name a script, or give -c a command")
	}
	c, ok := commands()[args[0]]
	switch {
	case !ok:
		return scriptJob(f, args[0], args[1:])
	case len(args) > 1 && (args[1] == "--help" || args[1] == "-h"):
		return say(c.text(f)), nil
	}
	return c.job(f, args[1:])
}

// check refuses combinations that make no sense.
func (f flags) check(set *pflag.FlagSet) error {
	if _, err := os.Stat(f.site); f.site != "" && err != nil {
		return usageError("--site: %v", err)
	}
	if f.command != "" && f.line != "" {
		return usageError("-c and -e do not go together")
	}
	if set.Changed("command") && strings.TrimSpace(f.command) == "" {
		return usageError("the command of -c is empty")
	}
	if set.Changed("lua") && strings.TrimSpace(f.line) == "" {
		return usageError("the Lua of -e is empty")
	}
	for _, name := range []string{"dir", "keep-going", "serial", "parallel", "timeout", "raw"} {
		if set.Changed(name) && f.command == "" {
			return usageError("--%s goes with -c", name)
		}
	}
	if f.raw && f.json {
		return usageError("--raw and --json do not go together")
	}
	if f.serial && f.parallel > 1 {
		return usageError("--serial and --parallel do not go together")
	}
	if f.parallel < 0 || set.Changed("parallel") && f.parallel == 0 {
		return usageError("--parallel takes a number above zero")
	}
	for _, name := range []string{"timeout", "run-timeout", "lock-wait"} {
		text := set.Lookup(name).Value.String()
		if d, err := luahost.ParseDuration(text); set.Changed(name) && (err != nil || d < time.Millisecond) {
			return usageError(`--%s takes a time such as "90s"`, name)
		}
	}
	if _, ok := parseMemory(f.memory); set.Changed("memory") && !ok {
		return usageError(`--memory takes an amount from 16MiB on, such as "512MiB" or "2GiB"`)
	}
	return nil
}

// lockPatience is --lock-wait; check has read it.
func (f flags) lockPatience() time.Duration {
	d, _ := luahost.ParseDuration(f.lockWait)
	return d
}

// idle is how many hosts stay logged in to when their part is over. After the
// command of -c nobody needs them any more, and each takes 40 KiB; but a few of
// them keep the connection to a jump host that the next ones need as well.
func (f flags) idle() int {
	if f.command != "" {
		return 8
	}
	return farm.DefaultIdle
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(unknown)"
}

// exists tells whether there is a file at path.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
