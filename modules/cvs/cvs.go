// Package cvs runs the cvs of a host: it pulls a release, brings a working
// copy up to date, and looks at and sets tags. A Client is for one host; what
// it does there it does through a Runner, so any login will do, and the host
// gets at the repository as its CVSROOT says, through a tunnel as a rule.
//
// The cvs on the host is the real one and its answers are parsed. Several
// things that it reports as a success are failures here: an update that would
// run into a conflict, a checkout that leaves nothing or leaves half a file, a
// tag that is set on no file. Failures come as *Error, which tells by a
// sentinel what is the matter; cvs itself has exit status 1 for all of them.
//
// cvs waits for ever, on a lock or for a server that lost power. The deadline
// of the context ends that; what cvs was waiting for is in the error.
package cvs

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"strings"

	"farmrun/luahost/remote"
)

// Runner runs a command on a host.
type Runner interface {
	Run(ctx context.Context, cmd remote.Cmd) (remote.Result, error)
}

// Client runs cvs on one host. Runner must be set; a Client may be shared
// between goroutines if the Runner may.
type Client struct {
	Runner Runner
	// Host is its name, for the question about a password, and for which hosts
	// share one.
	Host string
	// Root is the CVSROOT, such as ":pserver:anon@127.0.0.1:2401/cvsroot", with
	// no password in it. "" is what the working copy says, which will do for
	// all but Checkout, Rtag, and Tags and FindTag of a module; a pserver's
	// password then goes only to an account that was named before as the Root
	// for cvs on the same host.
	Root string
	// Passwords are for a pserver that wants one; nil has none but those in
	// ~/.cvspass on the host.
	Passwords *Passwords
}

// call is one cvs command.
type call struct {
	do     string   // what it is, for errors and dry runs: "cvs update in www"
	args   []string // after "cvs -f -d ROOT"
	dir    string   // where; "" is where the login starts
	query  bool
	stdout io.Writer // gets all of stdout; nil leaves it to the Result
	merged bool      // so does stderr, in the order in which cvs says things
	shown  bool      // the operator sees what cvs says
}

//go:embed password.sh
var passwordScript string

// callScript runs cvs with the words that follow its first three.
var callScript = "# cvs with a password, or with its answers in order\n" + passwordScript + `
pass=$1 merged=$2 root=$3
shift 3
[ "$merged" = yes ] && exec 2>&1
cvs "$@"
`

// run runs c and makes of a failure an *Error. A failure of stdout's writer is
// its own affair.
func (c *Client) run(ctx context.Context, k call) (remote.Result, error) {
	if err := checkRoot(c.Root); err != nil {
		return remote.Result{}, fmt.Errorf("%s: %w", k.do, err)
	}
	if c.Root != "" {
		k.args = append([]string{"-d", c.Root}, k.args...)
	}
	res, err := c.Passwords.try(ctx, c.Host, c.Root, func(pass io.Reader) (remote.Result, error) {
		return c.finish(ctx, k.cmd(c.Root, pass), k.merged)
	})
	if out, ok := k.stdout.(*lines); ok && err == nil && out.err() != nil {
		err = fmt.Errorf("%s: %w", k.do, out.err())
	}
	return res, err
}

func (k call) cmd(root string, pass io.Reader) remote.Cmd {
	cmd := remote.Cmd{
		Title:  k.do,
		Args:   append([]string{"cvs", "-f"}, k.args...),
		Dir:    k.dir,
		Env:    map[string]string{"LC_ALL": "C"},
		Stdin:  pass,
		Stdout: k.stdout,
		Query:  k.query,
		Quiet:  !k.shown,
	}
	if pass != nil || k.merged {
		cmd.Args = append([]string{"sh", "-c", callScript, "sh", yes(pass != nil), yes(k.merged), root}, k.args...)
	}
	return cmd
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// finish runs cmd and explains how it failed. What cvs says is kept beside the
// Result, since a command that is ended by its deadline has none.
func (c *Client) finish(ctx context.Context, cmd remote.Cmd, merged bool) (remote.Result, error) {
	said := &remote.Output{Keep: 64 << 10}
	cmd.Stderr = said
	if merged {
		cmd.Stdout = io.MultiWriter(cmd.Stdout, said)
	}
	res, err := c.Runner.Run(ctx, cmd)
	if err != nil {
		return res, interrupted(cmd.Title, said.Bytes(), err)
	}
	if res.Code == 0 && res.Signal == "" {
		return res, nil
	}
	return res, c.explain(ctx, cmd, res, said.Bytes())
}

// checkRoot refuses a CVSROOT that carries a password, which everyone on the
// host could read in the list of processes, and what cannot be one.
func checkRoot(root string) error {
	if strings.ContainsAny(root, "\x00\n\r") || strings.HasPrefix(root, "-") {
		return fmt.Errorf("%q cannot be a CVSROOT", root)
	}
	rest, ok := strings.CutPrefix(root, ":pserver:")
	if !ok {
		return nil
	}
	login, _, found := strings.Cut(rest, "@")
	if user, _, colon := strings.Cut(login, ":"); found && colon {
		return fmt.Errorf("the CVSROOT of %s has a password in it: leave it out, it is asked for", user)
	}
	return nil
}

// checkWord refuses what cvs would take for an option or what is empty.
func checkWord(what, word string) error {
	if word == "" || strings.HasPrefix(word, "-") || strings.ContainsAny(word, "\x00\n\r") {
		return fmt.Errorf("%q cannot be a %s", word, what)
	}
	return nil
}

// CheckTag tells why tag cannot be the name of a tag, and returns nil if it
// can: cvs wants letters, digits, "-" and "_" after a letter, and dies on the
// names HEAD and BASE, which it has for itself.
func CheckTag(tag string) error {
	bad := func(r rune) bool {
		return !(r == '-' || r == '_' || '0' <= r && r <= '9' || letter(r))
	}
	switch {
	case tag == "" || !letter(rune(tag[0])) || strings.IndexFunc(tag, bad) >= 0:
		return fmt.Errorf("%q cannot be a tag: it takes letters, digits, - and _, a letter first", tag)
	case tag == "HEAD" || tag == "BASE":
		return fmt.Errorf("the tag %s is cvs's own", tag)
	}
	return nil
}

func letter(r rune) bool { return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' }
