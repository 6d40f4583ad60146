package cvs

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"farmrun/luahost/lazyregexp"
	"farmrun/luahost/remote"
	"farmrun/luahost/secret"
)

// What is the matter when cvs failed, as far as its words tell. An *Error wraps
// one of them.
var (
	ErrNoCVS       = errors.New("there is no cvs on the host")
	ErrNoTag       = errors.New("there is no such tag")
	ErrTagExists   = errors.New("the tag exists already")
	ErrNoModule    = errors.New("there is no such module")
	ErrNothing     = errors.New("no file answers to that")
	ErrBadDate     = errors.New("cvs cannot read the date")
	ErrNotCheckout = errors.New("the directory is no working copy")
	ErrNoDirectory = errors.New("there is no such directory")
	ErrExists      = errors.New("the directory exists already")
	ErrBusy        = errors.New("another pull of it is at work")
	ErrIncomplete  = errors.New("the checkout is not complete")
	ErrModified    = errors.New("files are locally changed")
	ErrConflict    = errors.New("conflict")
	ErrAuth        = errors.New("the cvs server would not let us in")
	ErrUnreachable = errors.New("the cvs server cannot be reached")
	ErrLost        = errors.New("the connection to the cvs server broke")
	ErrBadRoot     = errors.New("the cvs server has no such repository")
	ErrLocked      = errors.New("the repository is locked")
	ErrDiskFull    = errors.New("the disk is full")
)

// clue is a text by which cvs gives itself away.
type clue struct {
	text   func() *regexp.Regexp
	reason error
	// spoke says that the server had checked who we are when it said that.
	spoke bool
}

// clues are tried in order: what explains another comes before it.
var clues = []clue{
	{lazyregexp.New(`No space left on device|[Dd]isk quota exceeded`), ErrDiskFull, true},
	{lazyregexp.New(`no such tag|is not a branch tag`), ErrNoTag, true},
	{lazyregexp.New(`cannot find module|cannot expand modules`), ErrNoModule, true},
	{lazyregexp.New(`Can't parse date`), ErrBadDate, true},
	{lazyregexp.New(`there is no version here|No CVSROOT specified`), ErrNotCheckout, false},
	{lazyregexp.New(`(?m)^.*: (line )?\d+: cd: |can't cd to|^\S*sh: cd: `), ErrNoDirectory, false},
	{lazyregexp.New(`authorization failed|no such user|rejected access|I HATE YOU`), ErrAuth, false},
	{lazyregexp.New(`connect to .* failed|Unknown host|unknown host|No route to host|Network is unreachable`), ErrUnreachable, false},
	{lazyregexp.New(`unrecognized auth response|Bad CVSROOT|CVSROOT must be|no such repository`), ErrBadRoot, false},
	{lazyregexp.New(`end of file from server|reading from server|writing to server|received broken pipe|Connection reset by peer`), ErrLost, false},
	{lazyregexp.New(`waiting for .* lock in`), ErrLocked, true},
	{lazyregexp.New(`correct the above errors first`), ErrModified, true},
	{lazyregexp.New(`cvs: (command )?not found|env: .*cvs`), ErrNoCVS, false},
}

// kinds and hints are what luahost asks an error for, by its reason.
var kinds = map[error]string{
	ErrNoCVS: "refused", ErrNoTag: "refused", ErrTagExists: "refused", ErrNoModule: "refused",
	ErrNothing: "refused", ErrBadDate: "refused", ErrNotCheckout: "refused", ErrNoDirectory: "refused",
	ErrExists: "refused", ErrBusy: "refused", ErrModified: "refused", ErrBadRoot: "refused",
	ErrAuth: "login", ErrUnreachable: "unreachable", ErrLost: "unreachable",
}

var hints = map[error]string{
	ErrNoCVS:       "install cvs on the host, or put it in the PATH of a login without a terminal",
	ErrNotCheckout: "name a directory that cvs checkout has made",
	ErrExists:      "give it another name, or remove it if nothing uses it",
	ErrAuth:        "look at the user in CVSROOT, and at CVSROOT/passwd on the server",
	ErrUnreachable: "is the tunnel open?",
	ErrLost:        "was the tunnel cut? a CVSROOT with the wrong directory ends like this as well",
	ErrBadRoot:     "look at the host, port and directory in CVSROOT",
	ErrLocked:      "wait for whoever holds the lock, or remove a stale one from the repository",
	ErrDiskFull:    "make room, by removing old releases for example",
	ErrModified:    "commit or undo the local changes first",
	ErrTagExists:   "choose another name, or ask for the tag to be moved",
}

// Error is a cvs command that failed. It wraps the sentinel that says why, if
// cvs's words told, and the *remote.ExitError if the command ran to its end.
type Error struct {
	Do     string // what was done: "cvs update in www"
	Reason error  // one of the sentinels, or nil
	Said   string // the line in which cvs says so, or its last lines; may be ""
	Err    error  // the *remote.ExitError, or why the command was ended; may be nil

	account string             // what wants a password, if that is the reason
	other   *secret.OtherError // why it got none
	spoke   bool               // the server had checked who we are
}

func (e *Error) Error() string {
	parts := []string{e.Do}
	switch {
	case e.Reason != nil:
		parts = append(parts, e.Reason.Error())
	case e.Err != nil:
		parts = append(parts, strings.TrimPrefix(e.Err.Error(), e.Do+": ")) // an ExitError has it, too
	}
	if e.Said != "" {
		parts = append(parts, e.Said)
	}
	if e.other != nil {
		parts = append(parts, e.other.Error())
	}
	return strings.Join(parts, ": ")
}

// Unwrap returns the reason and the cause, as far as there are.
func (e *Error) Unwrap() []error {
	var all []error
	for _, err := range []error{e.Reason, e.Err} {
		if err != nil {
			all = append(all, err)
		}
	}
	if e.other != nil {
		all = append(all, e.other)
	}
	return all
}

// Kind is "login", "unreachable", "refused" where nothing was changed, or else
// "exit".
func (e *Error) Kind() string {
	if kind := kinds[e.Reason]; kind != "" {
		return kind
	}
	return "exit"
}

// Hint says what to do next, or "".
func (e *Error) Hint() string {
	switch {
	case e.other == nil:
		return hints[e.Reason]
	case e.other.Gives == "":
		return "name the account in the script, by the option root: the working copy on the host does not decide whose password it gets"
	}
	return "the host's cvs does not ask for the account of the root that it was given: look at the cvs on the host"
}

// A ConflictError is an update that ran, or would run, into conflicts. It wraps
// ErrConflict.
type ConflictError struct {
	Do      string
	Files   []File // those with status "C"
	Changed bool   // false: this was foreseen, nothing has been changed
}

func (e *ConflictError) Error() string {
	const most = 5
	var names []string
	for i, f := range e.Files {
		if i == most {
			names = append(names, fmt.Sprintf("and %d more", len(e.Files)-most))
			break
		}
		names = append(names, f.Path)
	}
	return fmt.Sprintf("%s: conflict in %s", e.Do, strings.Join(names, ", "))
}

// Unwrap returns ErrConflict.
func (e *ConflictError) Unwrap() error { return ErrConflict }

// Kind is "refused" for a conflict that was foreseen and "failed" for one that
// is there.
func (e *ConflictError) Kind() string {
	if e.Changed {
		return "failed"
	}
	return "refused"
}

// Hint says what to do next.
func (e *ConflictError) Hint() string {
	if e.Changed {
		return "the files have both versions in them now: repair them, or get the repository's by an update that is clean"
	}
	return "nothing was changed: undo the local changes, or bring them into the repository, then try again"
}

// explain makes an *Error of a command that failed.
func explain(cmd remote.Cmd, res remote.Result, said []byte) *Error {
	e := &Error{Do: cmd.Title, Err: res.Err(cmd), Said: remote.LastLines(said, 3)}
	text := string(said)
	for _, c := range clues {
		if at := c.text().FindStringIndex(text); at != nil {
			e.Reason, e.spoke, e.Said = c.reason, c.spoke, lineAt(text, at[0], at[1])
			break
		}
	}
	if e.Reason == ErrAuth {
		e.account = account(text)
	}
	return e
}

// lineAt returns the line of text that holds text[from:to].
func lineAt(text string, from, to int) string {
	from = strings.LastIndexByte(text[:from], '\n') + 1
	if end := strings.IndexByte(text[to:], '\n'); end >= 0 {
		return strings.TrimSpace(text[from : to+end])
	}
	return strings.TrimSpace(text[from:])
}

var rejected = lazyregexp.New(`authorization failed: server (\S+) rejected access to (\S+) for user (\S+)`)

// account names the account that the server rejected for its password, or "".
func account(said string) string {
	m := rejected().FindStringSubmatch(said)
	if m == nil {
		return ""
	}
	return m[3] + "@" + m[1] + ":" + m[2]
}

// full is how little room counts as none when cvs says that a file that it
// writes is not there, which is how it puts a disk that fills up midway.
const full = 64 // kB

// explain is the function of that name with a look at the disk where cvs's
// words may mislead.
func (c *Client) explain(ctx context.Context, cmd remote.Cmd, res remote.Result, said []byte) error {
	e := explain(cmd, res, said)
	if e.Reason == nil && strings.Contains(string(said), "No such file or directory") && c.diskFull(ctx, cmd.Dir, said) {
		e.Reason, e.spoke = ErrDiskFull, true
	}
	return e
}

// free is the line by which a script says how much room there was.
var free = lazyregexp.New(`(?m)^farmrun: (\d+) kB free$`)

func (c *Client) diskFull(ctx context.Context, dir string, said []byte) bool {
	m := free().FindSubmatch(said)
	if m == nil {
		res, err := c.Runner.Run(ctx, remote.Cmd{Line: freeLine, Dir: dir, Query: true, Quiet: true})
		if err != nil {
			return false
		}
		m = free().FindSubmatch(res.Stdout)
	}
	if m == nil {
		return false
	}
	kB, err := strconv.Atoi(string(m[1]))
	return err == nil && kB < full
}

// freeLine says how much room there is where it runs, as free reads it.
const freeLine = `df -Pk . | awk 'NR == 2 { print "farmrun: " $4 " kB free" }'`

var waiting = lazyregexp.New(`waiting for (.*)'s lock in (.*)`)

// interrupted explains a command that was ended, or whose connection broke.
func interrupted(do string, said []byte, err error) error {
	all := waiting().FindAllSubmatch(said, -1)
	if all == nil {
		return fmt.Errorf("%s: %w", do, err)
	}
	last := all[len(all)-1]
	return &Error{Do: do, Reason: ErrLocked, Said: fmt.Sprintf("cvs waited for %s's lock in %s", last[1], last[2]), Err: err}
}
