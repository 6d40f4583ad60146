package sudo

import (
	"cmp"
	"context"
	"strings"
	"time"

	"farmrun/luahost"
	"farmrun/luahost/command"
	"farmrun/luahost/remote"
)

// Host is a host whose commands can be run by somebody who answers for them.
type Host interface {
	Name() string
	RunBy(ctx context.Context, cmd remote.Cmd,
		how func(ctx context.Context, login remote.Runner, cmd remote.Cmd) (remote.Result, error)) (remote.Result, error)
}

// Methods are the methods of hosts that run commands by sudo. take and answer are
// those of a secret.Keyring; nil has no passwords.
func Methods(take Take, answer Answer) map[string]luahost.Func {
	return map[string]luahost.Func{"sudo": binding{take, answer}.sudo}
}

type binding struct {
	take   Take
	answer Answer
}

// options are those of host:sudo.
type options struct {
	User    string
	Dir     string
	Env     map[string]string
	Stdin   string
	Timeout time.Duration
	Check   *bool
	Quiet   *bool
	Keep    int
	Look    bool
}

const timeout = 10 * time.Minute

// host:sudo(command [, options]) -> result
//
// Runs a command as root, by the host's sudo. It is like host:run. A list of
// words is run by sudo itself, so that a rule in sudoers that allows just that
// program will do: host:sudo{"/etc/init.d/httpd", "restart"}. A line is for
// root's shell, so that its pipes and redirections are root's too; sudoers has
// to allow the shell for that.
//
// The password is asked for when sudo wants one, once for all hosts: it is that
// of the user who is logged in, or of the account that the site file has for
// sudo_account. A sudo that asks for another account's password gets none. One
// host tries it before the others do, and none tries it twice. The operator answers
// sudo's other questions, such as one for a code, for each host. A password that is
// rejected is an error of kind "login", and a command that the user may not run one
// of kind "refused", whatever check says. Options are those of host:run, and:
//
//   - user ("root"): whom to become
//   - look (false): run nothing, only ask sudo whether it would, so that a
//     password that is wrong or a rule that is missing shows before it matters;
//     a dry run does this, too
//   - dir, env, stdin, timeout ("10m"), check, quiet, keep: as for host:run
func (b binding) sudo(c *luahost.Call) {
	host, cmd := luahost.Arg[Host](c, 1, "a host"), command.Take(c, 2)
	o := luahost.Options[options](c, 3)
	cmd.Title = Title(cmd, o.User)
	if o.Look {
		cmd.Title, cmd.Query, cmd.Quiet = "sudo -l"+strings.TrimPrefix(cmd.Title, "sudo"), true, true
	}
	shared := command.Options{
		Dir: o.Dir, Env: o.Env, Stdin: o.Stdin, Timeout: cmp.Or(o.Timeout, timeout),
		Check: o.Check, Quiet: o.Quiet, Keep: o.Keep,
	}
	command.Run(c, host.Name(), cmd, shared, func(ctx context.Context, cmd remote.Cmd) (remote.Result, error) {
		return host.RunBy(ctx, cmd, func(ctx context.Context, login remote.Runner, cmd remote.Cmd) (remote.Result, error) {
			return Run(ctx, login, cmd, Options{User: o.User, Account: account(login), Take: b.take, Answer: b.answer, Look: o.Look})
		})
	})
}

// account returns whose password sudo is to get: the site's word, or else the
// user who is logged in, as far as the login can tell.
func account(login remote.Runner) string {
	if l, ok := login.(interface{ SudoAccount() string }); ok && l.SudoAccount() != "" {
		return l.SudoAccount()
	}
	if l, ok := login.(interface{ User() string }); ok {
		return l.User()
	}
	return ""
}
