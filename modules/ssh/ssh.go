// Package ssh connects to hosts as OpenSSH's client would, runs commands there
// and opens connections from there. It knows no Lua.
//
// A [Dialer] is made once for a run and reads the operator's configuration,
// keys and known_hosts once for all hosts. [Dialer.Dial] logs in to one:
//
//	dialer := &ssh.Dialer{Passwords: keyring}
//	client, err := dialer.Dial(ctx, "webserv1", ssh.Options{})
//	defer client.Close()
//	result, err := client.Run(ctx, remote.Cmd{Line: "uptime"})
//
// It is built on golang.org/x/crypto/ssh, and promises more: every wait ends,
// with the context or before, in the host's silence too; a command whose time is
// over is ended on the host with its children; a host key that has changed is
// always refused; a password is shown to no second host after a first has
// rejected it.
//
// Its files, in the order of a connection's life: dial.go and jump.go connect,
// with patience.go as the clock and crowd.go for busy hosts; hostkey.go,
// algorithms.go, auth.go, keys.go and agent.go log in; client.go, wire.go, mux.go
// and keepalive.go are the connection; run.go and spare.go a command's
// life, begin.go its marks, kill.go its end and waits.go the times that bound them; terminal.go has
// interactive sessions, forward.go and hostconn.go connections through the host,
// and timed.go the deadlines of both; errors.go and explain.go describe failures.
package ssh

import (
	"context"
	"net"
	"sync"
	"time"

	"farmrun/luahost/secret"
	"farmrun/modules/ssh/hostkeys"
	"farmrun/modules/ssh/sshconfig"
)

// Settings is what the configuration says of one host, as ssh -G prints it.
type Settings = sshconfig.Settings

// Passwords gives out passwords and passphrases, and is told what became of
// them. *secret.Keyring is one.
type Passwords interface {
	Take(ctx context.Context, account string) (secret.Secret, secret.Report, error)
	Passphrase(ctx context.Context, path string) (secret.Secret, secret.Report, error)
	// Answer asks the operator a question of the host of ctx that is not for a
	// password; echo is that the answer may be seen.
	Answer(ctx context.Context, question string, echo bool) (secret.Secret, error)
}

// Meaning is what a question stands for.
type Meaning int

// The Meanings. What is not known is the password's by its words, or the operator's.
const (
	NotKnown     Meaning = iota
	AsksPassword         // of the user
	AsksOperator         // who answers it for this host alone
	Answered             // the same each time
)

// Renewal answers what a host asks in keyboard-interactive (RFC 4256) that has a
// password changed which has expired. It is one login's, for one goroutine.
type Renewal interface {
	// Concerns tells whether a question, with what the host says ahead of it, is
	// one of those. No other is answered by a Renewal.
	Concerns(question string) bool
	// Answer returns what to answer to it. After an error the login ends.
	Answer(ctx context.Context, question string) (string, error)
	// End is told that the login is over, and whether the user is in. It returns
	// why not, nil if that has nothing to do with the questions.
	End(ctx context.Context, in bool) error
	// Again tells, after an error, whether a second login gets further.
	Again() bool
}

// Dialer connects to hosts. The zero value reads ~/.ssh/config and
// /etc/ssh/ssh_config and can use keys and the agent, but has no passwords and
// refuses unknown host keys. It is shared by all hosts of a run, may be used
// by many goroutines, and must not be copied or changed once it is in use.
type Dialer struct {
	// ConfigFile is read instead of the user's and the system's files, as by
	// ssh -F; "none" is no file.
	ConfigFile string
	// Home is the operator's home directory; "" is that of this process.
	Home string
	// Set are options as ssh -o takes them, "ConnectTimeout=5". Like those,
	// they do not hold for the hosts of a ProxyJump.
	Set []string
	// Passwords is asked when a host wants a password, for the account
	// Options.Account, and for the passphrase of a key. nil has none.
	Passwords Passwords
	// Confirm shows the operator the unknown key of a host and asks whether to
	// trust it; one question at a time. nil refuses.
	Confirm func(ctx context.Context, question string) (bool, error)
	// Lend gives the operator's terminal to a process group until back is called: to
	// a ProxyCommand that asks on it. nil has none, and such a login fails.
	Lend func(ctx context.Context, group int) (back func(), err error)
	// Warn takes what the operator should see of host: its banner, an added
	// key. nil drops it. It may be called by several goroutines.
	Warn func(host, text string)
	// Trace takes which keys and methods a login on host tries, and the outcome
	// of each. nil drops it. It may be called by several goroutines.
	Trace func(host, text string)
	// AtOnce is how many hosts may be logging in at the same time; 0 is
	// DefaultAtOnce. The others have to wait once they are connected, which
	// does not count as time of theirs.
	AtOnce int

	// connect opens connections from this machine; nil is a net.Dialer.
	connect func(ctx context.Context, network, addr string) (net.Conn, error)
	waits   waits

	load   sync.Once
	config *sshconfig.Config
	err    error
	known  hostkeys.DB
	keys   identities
	agents agents
	jumps  jumps
	asking gate
	touch  gate // of a security key
	logins gate
	crowds crowds
	told   sync.Map // what was shown that concerns all hosts
}

// Options are what the caller knows better than the configuration. The zero
// value leaves all to it.
type Options struct {
	User string   // "" is the configuration's
	Port int      // 0 is the configuration's
	Set  []string // further options as ssh -o takes them, before those of the Dialer
	// Account is the name under which Passwords knows the password; "" is the
	// name of the user, so that one password serves the farm.
	Account string
	// Renewal begins to answer for a login of user on host, which may be one of
	// the jump hosts. nil leaves an expired password to somebody else, and the
	// login fails.
	Renewal func(host, user string) Renewal
	// Taught tells what the site knows of a question of the host's in
	// keyboard-interactive (RFC 4256), and what to answer if that is Answered. It is not
	// asked on jump hosts. nil knows nothing.
	Taught func(question string) (is Meaning, answer string)
	// Bare sends commands as they are, for a host whose login shell is none:
	// Cmd.Dir and Cmd.Env are refused, and a command whose time is over can
	// only be signalled, not swept up after.
	Bare bool
}

// Settings returns what the configuration says of host with opts over it. The
// files are read once, when the first host is asked for.
func (d *Dialer) Settings(ctx context.Context, host string, opts Options) (Settings, error) {
	d.load.Do(func() {
		d.config, d.err = sshconfig.Load(sshconfig.Sources{File: d.ConfigFile, Home: d.Home})
	})
	if d.err != nil {
		return Settings{}, d.err
	}
	set := opts.Set
	if len(d.Set) > 0 {
		set = append(set[:len(set):len(set)], d.Set...)
	}
	return d.config.Settings(ctx, host, sshconfig.Override{User: opts.User, Port: opts.Port, Set: set})
}

// connection connects from this machine.
func (d *Dialer) connection(ctx context.Context, network, addr string) (net.Conn, error) {
	if d.connect != nil {
		return d.connect(ctx, network, addr)
	}
	return new(net.Dialer).DialContext(ctx, network, addr)
}

func (d *Dialer) warn(host, text string) {
	if d.Warn != nil && text != "" {
		d.Warn(host, text)
	}
}

// DefaultAtOnce is enough to keep all processors busy although each login
// mostly waits for its host. More of them would only share the processors, so
// that of ten thousand the first took as long as the last, and the memory
// that logging in takes would be needed for all of them at the same time.
const DefaultAtOnce = 256

// gate lets a few through at a time, the same number whenever it is asked, and
// makes no one wait for longer than its context.
type gate struct {
	once sync.Once
	slot chan struct{}
}

func (g *gate) enter(ctx context.Context, few int) error {
	g.once.Do(func() { g.slot = make(chan struct{}, few) })
	select {
	case g.slot <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (g *gate) leave() { <-g.slot }

// defaultConnectTimeout is for how long a host may be silent before the login,
// where the configuration has no ConnectTimeout.
const defaultConnectTimeout = 15 * time.Second

// Close gives up what a Dialer holds besides its Clients: the connections to
// ssh-agents. It may be used again after that.
func (d *Dialer) Close() error {
	d.agents.close()
	return nil
}
