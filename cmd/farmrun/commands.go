package main

import (
	"maps"
	"slices"

	"github.com/spf13/pflag"

	"farmrun/modules/cli"
)

// command is a word that is no script.
type command struct {
	job     func(f flags, args []string) (job, error)
	help    string                // what "farmrun help" says of it; "" for the usage of farmrun itself
	options func() *pflag.FlagSet // makes those that it has; nil where it has none
}

// commands returns all of them, by their names.
func commands() map[string]command {
	return map[string]command{
		"abandon": {abandonJob, abandonHelp, nil},
		"check":   {checkJob, checkHelp, nil},
		"clean":   {cleanJob, cleanHelp, nil},
		"demo":    {demoJob, demoHelp, new(demo).set},
		"help":    {helpJob, "", nil},
		"init":    {initJob, initHelp, nil},
		"record":  {recordJob, recordHelp, nil},
		"report":  {reportJob, reportHelp, nil},
		"resume":  {resumeJob, resumeHelp, new(resume).set},
		"runs":    {runsJob, runsHelp, nil},
		"show":    {showJob, showHelp, new(replay).set},
		"unlock":  {unlockJob, unlockHelp, nil},
	}
}

func commandNames() []string { return slices.Sorted(maps.Keys(commands())) }

// text is its help.
func (c command) text(f flags) string {
	switch {
	case c.help == "":
		return usageText(f)
	case c.options == nil:
		return c.help
	}
	return c.help + "\nOptions:\n" + cli.FlagHelp(c.options())
}

const demoHelp = `Usage: farmrun [flags] demo [--install] [-n N] [SCRIPT.lua ARG...]

Starts a practice farm in this process, on loopback: web servers behind a load
balancer, and a CVS server that they reach only through a tunnel. With a script
it runs that on the farm, while a visitor asks the web site for pages, and
reports what the visitor saw. Without one it keeps the farm up until ^C, and
prints how to reach it from elsewhere. The farm is gone when it ends.

The farm needs cvs, and some scripts need git, patch or rsync. --install installs
those that are missing, after naming them.

On Linux each host has namespaces of its own: its programs see the system's
files read-only, and no process, network or terminal of this machine. They can
use up its memory, disk and processors. Where the kernel allows no namespaces,
the first line says so: then programs run as you, on your files and processes,
and hosts offer only a short list of them.
`

const initHelp = `Usage: farmrun init DIR

Writes copies of the scripts that come with farmrun into DIR, for you to edit:
site.lua first. What is for editors comes with them: .luarc.json and .luacheckrc,
and in .farmrun/ the functions of all modules. A file that is there already is left
as it is, and named if it is not the one that comes with this farmrun; only what is
in .farmrun/ is brought up to date.
`

const checkHelp = `Usage: farmrun check FILE...

Says where a file is no Lua, without running it. Names that are misspelt are found
when they are used, or before that by luacheck, with the .luacheckrc that farmrun
init writes.
`

const runsHelp = `Usage: farmrun runs

Lists the runs that are remembered, the newest last, and what became of them:
those that had a rollout, a recorded session, or something to remember. The
newest 100 are kept, and older ones that can be resumed.
`

const recordHelp = `Usage: farmrun [flags] record HOST [FILE.lua]

Gives you a session on HOST, until it ends or you type ~. at the beginning of a
line, and makes a script of it that does the same again: HOST.lua, or FILE.lua.
What you type where nothing is shown, such as a password, is not written down; the
script asks for it. Programs that draw on the whole screen are left to you again.

The script prints the output as it goes. It stops when a command fails, or when a
prompt or question differs, and shows the recorded line above the line it got.
`

const showHelp = `Usage: farmrun show [--speed N] [--idle TIME] [RUN [HOST]]

Shows what a run did on each host. RUN is as in farmrun runs, or the beginning of
it; without it, it is the newest. With HOST it replays the sessions there: the
space bar halts it, and goes on; q or ^C ends it. Each line begins with the name
of the session. Only where a program draws on the screen is it shown as it was:
farmrun says so before, and which line of its own ends it.
`

const reportHelp = `Usage: farmrun report [RUN]

Makes the page of a run, of the newest if none is named, and says which file it
is. It is one file, for a browser, and can be mailed.
`

const resumeHelp = `Usage: farmrun [flags] resume [--changed] [RUN]

Goes on with a run that was halted or killed, the newest such if none is named. It
looks at the hosts that were in the middle first, and leaves alone those that are
done. It takes the run's own flags and arguments; only --lock-wait can be given
anew.
`

const abandonHelp = `Usage: farmrun [flags] abandon RUN

Gives up a run that was halted or killed: ends the commands that it has left
running, and removes its marks from the hosts, and its lock. It cannot be resumed
any more. The hosts stay as they are. RUN is as in farmrun runs, or the beginning
of it.
`

const cleanHelp = `Usage: farmrun [flags] clean SET...

Removes the marks that dead runs have left on hosts, and ends the commands that
they have left running there. Of a run that was begun elsewhere it asks you
whether it is over; a run of yours that can be resumed is left alone.
`

const unlockHelp = `Usage: farmrun [flags] unlock

Shows who holds the farm's lock, which the site file names, and takes it away if
you say so.
`
