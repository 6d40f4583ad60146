package login_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"farmrun/luahost"
	"farmrun/luahost/remote"
	"farmrun/luahost/remote/remotetest"
	"farmrun/luahost/secret"
	"farmrun/modules/expect"
	"farmrun/modules/login"
	"farmrun/modules/rlogin"
	"farmrun/modules/sudo"
	"farmrun/modules/telnet"
	"farmrun/testdata/farm"
)

func TestMain(m *testing.M) { farm.Main(m, 2) }

// protocols are the ways to a web server of the farm.
var protocols = map[string]func(ctx context.Context, host, user string, o remote.TerminalOptions) (remote.Terminal, error){
	"telnet": func(ctx context.Context, host, _ string, o remote.TerminalOptions) (remote.Terminal, error) {
		return telnet.Dial(ctx, "tcp", host+":23", o)
	},
	"rlogin": func(ctx context.Context, host, user string, o remote.TerminalOptions) (remote.Terminal, error) {
		return rlogin.Dial(ctx, "tcp", host+":513", rlogin.Options{User: user, Terminal: o})
	},
}

// keyring is one whose operator types word.
func keyring(word string, asked *int) *secret.Keyring {
	return &secret.Keyring{Ask: func(context.Context, string) (secret.Secret, error) {
		*asked++
		return secret.New(word), nil
	}}
}

// dialFarm logs in to a web server.
func dialFarm(t *testing.T, protocol, host, user string, passwords login.Passwords) (*login.Client, error) {
	t.Helper()
	farm.Need(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	c, err := login.Dial(ctx, login.Options{
		Host: host, User: user, Converse: converse, Passwords: passwords,
		Open: func(ctx context.Context, o remote.TerminalOptions) (remote.Terminal, error) {
			return protocols[protocol](ctx, host, user, o)
		},
	})
	if err == nil {
		t.Cleanup(func() { c.Close() })
	}
	return c, err
}

// TestFarmLogins logs in to two servers by each protocol and each shell, and has
// every byte pass both ways.
func TestFarmLogins(t *testing.T) {
	farm.Need(t)
	for protocol := range protocols {
		for _, user := range []string{"web", "csh"} {
			t.Run(protocol+" "+user, func(t *testing.T) {
				asked := 0
				ring := keyring(farm.Password, &asked)
				for _, host := range []string{"webserv1", "webserv2"} {
					c, err := dialFarm(t, protocol, host, user, ring)
					check(t, err)
					data := strings.Repeat(allBytes, 400)
					r, err := run(t, c, remote.Cmd{Line: "hostname; cat; id -un >&2; exit 3", Stdin: strings.NewReader(data)})
					check(t, err)
					if string(r.Stdout) != host+"\n"+data || string(r.Stderr) != user+"\n" || r.Code != 3 {
						t.Errorf("got %d bytes, %q and the status %d", len(r.Stdout), r.Stderr, r.Code)
					}
				}
				if asked != 1 {
					t.Errorf("asked %d times, want once", asked)
				}
			})
		}
	}
}

// TestFarmRefusals has hosts let nobody in, for one reason or another.
func TestFarmRefusals(t *testing.T) {
	farm.Need(t)
	for _, x := range []struct {
		name, protocol, user, word string
		fault                      []string
		reason                     error
		kind                       string
		says                       string
	}{
		{name: "wrong password", protocol: "telnet", word: "wrong", reason: secret.ErrRejected, kind: "login"},
		{name: "wrong password", protocol: "rlogin", word: "wrong", reason: secret.ErrRejected, kind: "login"},
		{name: "nologin", protocol: "telnet", fault: []string{"nologin"}, reason: login.ErrName, kind: "login", says: "closed for repairs"},
		{name: "nologin", protocol: "rlogin", fault: []string{"nologin"}, reason: login.ErrNotNow, kind: "login", says: "closed for repairs"},
		{name: "expired", protocol: "telnet", fault: []string{"expire", "web"}, reason: login.ErrExpired, kind: "login", says: "required to change"},
		{name: "expired", protocol: "rlogin", fault: []string{"expire", "web"}, reason: login.ErrExpired, kind: "login", says: "required to change"},
	} {
		t.Run(x.protocol+" "+x.name, func(t *testing.T) {
			if x.fault != nil {
				farm.Fault(t, x.fault[0], "webserv2", x.fault[1:]...)
			}
			word := x.word
			if word == "" {
				word = farm.Password
			}
			asked := 0
			_, err := dialFarm(t, x.protocol, "webserv2", "web", keyring(word, &asked))
			t.Logf("%v\n%s", err, luahost.OutputOf(err))
			var e *login.Error
			if !errors.As(err, &e) || !errors.Is(err, x.reason) || e.Kind() != x.kind || !strings.Contains(e.Error()+e.Output(), x.says) {
				t.Errorf("got %v, want %v", err, x.reason)
			}
			if asked > 1 || strings.Contains(e.Error()+e.Output(), word) {
				t.Errorf("asked %d times; the password may be shown", asked)
			}
		})
	}
}

// TestFarmNoShell is an account whose shell lets nobody in.
func TestFarmNoShell(t *testing.T) {
	farm.Need(t)
	farm.Exec(t, "webserv2", "usermod", "--shell", "/usr/sbin/nologin", "csh")
	asked := 0
	for protocol := range protocols {
		_, err := dialFarm(t, protocol, "webserv2", "csh", keyring(farm.Password, &asked))
		if !errors.Is(err, login.ErrRefused) || !strings.Contains(err.Error(), "not available") {
			t.Errorf("%s: got %v", protocol, err)
		}
	}
	farm.Exec(t, "webserv2", "usermod", "--shell", "/bin/csh", "csh")
}

// TestFarmEnds has commands ended on the hosts, those of root too.
func TestFarmEnds(t *testing.T) {
	farm.Need(t)
	farm.Exec(t, "webserv1", "sh", "-c", "echo 'web ALL=(root) ALL' >>/etc/sudoers")
	for protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			asked := 0
			ring := keyring(farm.Password, &asked)
			c, err := dialFarm(t, protocol, "webserv1", "web", ring)
			check(t, err)
			begun := make(remotetest.Signal, 1)
			for _, end := range []func(ctx context.Context) error{
				func(ctx context.Context) error {
					_, err := c.Run(ctx, remote.Cmd{Line: "echo; trap '' TERM HUP INT; setsid sleep 1900001 & sleep 1900001; sleep 1900001", Stdout: begun})
					return err
				},
				func(ctx context.Context) error {
					_, err := sudo.Run(ctx, c, remote.Cmd{Line: "echo; sleep 1900001; sleep 1900001", Stdout: begun}, sudo.Options{Account: "web", Take: ring.Take})
					return err
				},
			} {
				begun = make(remotetest.Signal, 1)
				ctx, cancel := context.WithCancelCause(t.Context())
				go func() {
					<-begun
					cancel(context.DeadlineExceeded)
				}()
				if err := end(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v", err)
				}
				left := "?" // on a busy host what is root's takes a second login, which goes on behind
				for end := time.Now().Add(time.Minute); left != "" && time.Now().Before(end); {
					left = farm.Exec(t, "webserv1", "sh", "-c", "pgrep -af '[s]leep 190000' || :")
				}
				if left != "" {
					t.Errorf("still running: %s", left)
				}
			}
			r, err := run(t, c, remote.Cmd{Line: "echo again"})
			if check(t, err); string(r.Stdout) != "again\n" {
				t.Errorf("got %q", r.Stdout)
			}
		})
	}
}

// TestFarmLost has the host hang up in the middle of a command.
func TestFarmLost(t *testing.T) {
	farm.Need(t)
	for protocol, daemon := range map[string]string{"telnet": "telnetd", "rlogin": "in.rlogind"} {
		asked := 0
		c, err := dialFarm(t, protocol, "webserv2", "web", keyring(farm.Password, &asked))
		check(t, err)
		begun := make(remotetest.Signal, 1)
		ended := make(chan error, 1)
		go func() {
			_, err := c.Run(context.Background(), remote.Cmd{Line: "echo; sleep 3600", Stdout: begun})
			ended <- err
		}()
		<-begun
		farm.Exec(t, "webserv2", "pkill", "-KILL", daemon)
		if err := <-ended; !errors.Is(err, login.ErrLost) {
			t.Errorf("%s: got %v, want ErrLost", protocol, err)
		}
		<-c.Done()
	}
}

// TestFarmFrozen has the daemons stand still while the time of a command passes.
// It ends although nobody can tell the host to end it: at its time by the host
// itself, or when the daemon goes on and finds that its client is gone.
func TestFarmFrozen(t *testing.T) {
	farm.Need(t)
	for _, x := range []struct{ protocol, host, daemon string }{{"telnet", "webserv1", "telnetd"}, {"rlogin", "webserv2", "in.rlogind"}} {
		t.Run(x.protocol, func(t *testing.T) {
			t.Parallel() // they wait
			for _, thaws := range []bool{false, true} {
				frozen(t, x.protocol, x.host, x.daemon, thaws)
			}
		})
	}
}

func frozen(t *testing.T, protocol, host, daemon string, thaws bool) {
	asked := 0
	c, err := dialFarm(t, protocol, host, "web", keyring(farm.Password, &asked))
	check(t, err)
	put := func(into string) { farm.Exec(t, host, "sh", "-c", "pkill -"+into+" '^("+daemon+"|socat)$'") }
	cmd := remote.Cmd{Line: "trap '' TERM HUP; echo; sleep 1800001; sleep 1800002"}
	err = runUntil(c, cmd, time.Second, func() { put("STOP") })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if thaws {
		go c.Close()
		put("CONT")
	}
	left := "?"
	for end := time.Now().Add(time.Minute); left != "" && time.Now().Before(end); {
		left = farm.Exec(t, host, "sh", "-c", "pgrep -af '[s]leep 180000' || :")
	}
	if left != "" {
		t.Errorf("still running: %s", left)
	}
	put("CONT")
}

// TestFarmTunnel has a host get at a service by the terminal.
func TestFarmTunnel(t *testing.T) {
	farm.Need(t)
	asked := 0
	c, err := dialFarm(t, "telnet", "webserv1", "web", keyring(farm.Password, &asked))
	check(t, err)
	l, err := c.Listen(t.Context(), "tcp", "127.0.0.1:2401")
	check(t, err)
	defer l.Close()
	data := bytes.Repeat([]byte(allBytes), 2000)
	go func() {
		far, err := l.Accept()
		if err == nil {
			far.Write(data)
			far.Close()
		}
	}()
	r, err := run(t, c, remote.Cmd{Line: "cat </dev/null; exec bash -c 'exec 3<>/dev/tcp/127.0.0.1/2401; cat <&3'", Keep: 2 * len(data)})
	if check(t, err); !bytes.Equal(r.Stdout, data) {
		t.Errorf("got %d bytes, want %d", len(r.Stdout), len(data))
	}
}

// TestFarmSu becomes root in a session, and is refused before.
func TestFarmSu(t *testing.T) {
	farm.Need(t)
	farm.Exec(t, "webserv2", "sh", "-c", "echo root:r00t-pw | chpasswd")
	for protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			asked := 0
			c, err := dialFarm(t, protocol, "webserv2", "web", keyring(farm.Password, &asked))
			check(t, err)
			terminal, err := c.Terminal(t.Context(), remote.TerminalOptions{})
			check(t, err)
			s := expect.New(terminal, expect.Options{})
			defer s.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			defer cancel()
			if err := s.Su(ctx, "", keyring("wrong", &asked).Take, nil); !errors.Is(err, secret.ErrRejected) {
				t.Errorf("got %v", err)
			}
			for _, user := range []string{"web", "root"} {
				r, err := s.Run(ctx, remote.Cmd{Line: "id -un"})
				if check(t, err); string(r.Stdout) != user+"\n" {
					t.Errorf("%q is logged in, want %s", r.Stdout, user)
				}
				if user == "web" {
					check(t, s.Su(ctx, "", keyring("r00t-pw", &asked).Take, nil))
				}
			}
			check(t, s.Su(ctx, "web", nil, nil)) // root is asked for no password
			if r, err := s.Run(ctx, remote.Cmd{Line: "id -un"}); err != nil || string(r.Stdout) != "web\n" {
				t.Errorf("got %q, %v", r.Stdout, err)
			}
			if err := s.Su(ctx, "nobody-there", nil, nil); err == nil || !strings.Contains(err.Error(), "nobody-there") {
				t.Errorf("got %v", err)
			}
		})
	}
}
