package ssh

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"farmrun/modules/ssh/hostkeys"
)

var (
	errCut    = fmt.Errorf("%w: the host cut it", ErrLost)
	errSilent = fmt.Errorf("%w: the host has gone silent", ErrLost)
)

// Dial connects to host and logs in. It returns when that is done or has
// failed, or when ctx is over. As in ssh, ConnectTimeout ends with the exchange
// of keys; where none is configured, that has to be done when the host has said
// nothing for 15 s, or after a minute. Then the login may take two minutes, for
// which sshd waits. The time that an operator takes to answer a question is not
// counted. Its errors are of type
// *Error, but for those of the configuration. The caller closes the Client.
func (d *Dialer) Dial(ctx context.Context, host string, opts Options) (*Client, error) {
	s, err := d.Settings(ctx, host, opts)
	if err != nil {
		return nil, err
	}
	return d.dial(ctx, s, opts, false)
}

// dial logs in, and once more where a second try can do better: the host hung
// up while it had to wait for somebody's password, it is known by a key of
// another type than the one it showed, or it has another password now. A host
// that hangs up before it says anything may have too many logins at once
// (MaxStartups of sshd): it is tried again, later and by fewer at a time.
func (d *Dialer) dial(ctx context.Context, s Settings, opts Options, jump bool) (*Client, error) {
	if err := ctx.Err(); err != nil {
		kind, err := ended(ctx)
		return nil, &Error{Host: s.Host, Stage: StageConnect, Kind: kind, Err: err}
	}
	if err := s.Refusal(); err != nil {
		return nil, &Error{Host: s.Host, Stage: StageConnect, Kind: ErrUnreachable, Err: err}
	}
	d.tellUnsupported(&s)
	var types []string
	pauses := d.waits.withDefaults().load
	for second := false; ; {
		l := &login{dialer: d, settings: &s, opts: opts, jump: jump, types: types}
		leave, err := d.crowds.enter(ctx, fmt.Sprint(s.Addr(), s.ProxyJump, s.ProxyCommand)) // a jump host may be another machine of that address
		if err != nil {
			kind, err := ended(ctx)
			return nil, &Error{Host: s.Host, Stage: StageConnect, Kind: kind, Err: err}
		}
		client, err := l.do(ctx)
		leave(l.dropped)
		switch {
		case err != nil && l.dropped && len(pauses) > 0:
			l.trace("%v; it is tried again", err)
			select {
			case <-time.After(pauses[0]/2 + rand.N(pauses[0])):
			case <-ctx.Done():
				return nil, err
			}
			pauses = pauses[1:]
		case err != nil && l.again && !second:
			second, types = true, l.types
		default:
			return client, err
		}
	}
}

// tellUnsupported warns, once for each host, of options that ssh would heed.
func (d *Dialer) tellUnsupported(s *Settings) {
	names := s.Unsupported()
	if names == nil {
		return
	}
	if _, told := d.told.LoadOrStore("unsupported for "+s.Host, true); !told {
		d.warn(s.Host, "its ssh_config has options that farmrun does not support: "+strings.Join(names, ", "))
	}
}

// login is one try to log in to one host.
type login struct {
	dialer   *Dialer
	settings *Settings
	opts     Options
	jump     bool // to a jump host
	ctx      context.Context
	patience *patience
	stage    string
	refused  error    // what the callbacks said, for x/crypto may hide it
	types    []string // of the host's known keys, where a first try found them
	again    bool     // a second try may succeed
	dropped  bool     // the host hung up before it said its version
	banners  int      // bytes of them
	said     string   // the last of them
	wire     *wire
	hostKey  []byte            // the key that was trusted
	printed  []*hostkeys.Lines // by KnownHostsCommand

	auth    attempt
	renewal Renewal // nil if nothing was asked that one might answer
}

func (l *login) do(ctx context.Context) (*Client, error) {
	l.patience = newPatience(ctx, l.settings.ConnectTimeout)
	defer l.patience.end()
	l.ctx, l.stage = l.patience.ctx, StageConnect
	nc, release, err := l.connect()
	if err != nil {
		return nil, l.fail(nil, err)
	}
	if err := l.takeTurn(); err != nil {
		nc.Close()
		release()
		return nil, l.fail(nil, err)
	}
	defer l.dialer.logins.leave()
	w := newWire(nc)
	l.wire = w
	l.patience.watch(w)
	client, err := l.handshake(w)
	if err != nil {
		w.Close()
		release()
		return nil, l.fail(w, err)
	}
	client.release = release
	l.letGo()
	return client, nil
}

// takeTurn waits until few enough others are logging in. A login that waits
// for its jump host holds no turn, since that has to log in before it.
func (l *login) takeTurn() error {
	defer l.patience.hold()()
	return l.dialer.logins.enter(l.ctx, cmp.Or(l.dialer.AtOnce, DefaultAtOnce))
}

// letGo gives up what only the login itself needed: x/crypto holds on to it as
// long as there is the connection. After a failure it may still be in use.
func (l *login) letGo() {
	l.patience, l.ctx, l.auth, l.renewal, l.opts, l.printed = nil, nil, attempt{}, nil, Options{}, nil
}

// handshake makes a Client of a connection.
func (l *login) handshake(w *wire) (*Client, error) {
	config, err := l.clientConfig()
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(l.ctx, func() { w.Close() })
	conn, channels, requests, err := ssh.NewClientConn(w, l.settings.Addr(), config)
	l.finish(err)
	l.endRenewal(err == nil)
	stop()
	if err == nil && l.ctx.Err() != nil {
		err = context.Cause(l.ctx)
		conn.Close()
	}
	if err != nil {
		return nil, err
	}
	return newClient(l, newMux(conn, w.done, channels, requests), w), nil
}

func (l *login) clientConfig() (*ssh.ClientConfig, error) {
	algorithms, err := l.hostKeyAlgorithms()
	if err != nil {
		return nil, err
	}
	config := &ssh.ClientConfig{
		User:              l.settings.User,
		HostKeyAlgorithms: algorithms,
		HostKeyCallback:   l.checkHostKey,
		AuthCallback:      l.next,
		BannerCallback:    l.banner,
		ClientVersion:     "SSH-2.0-farmrun",
	}
	return config, l.setAlgorithms(&config.Config)
}

// mostBanner is how much of a banner is read before it is taken for malice.
const mostBanner = 1 << 20

// mostSaid is how much of it a Client keeps. What sshd has to say of a password
// comes last, after the notice that all get.
const mostSaid = 4 << 10

func (l *login) banner(text string) error {
	if l.banners += len(text) + 1; l.banners > mostBanner {
		l.refused = &Error{Host: l.settings.Host, Stage: l.stage, Kind: ErrUnreachable, Err: errors.New("the host sends banners without end")}
		return l.refused
	}
	l.said += text
	l.said = l.said[max(0, len(l.said)-mostSaid):]
	if l.banners <= 1<<16 {
		l.dialer.warn(l.settings.Host, strings.TrimRight(text, "\r\n"))
	}
	return nil
}
