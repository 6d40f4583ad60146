package sshserver_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"

	"farmrun/modules/ssh/sshserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newKey(t testing.TB) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// start serves s on a loopback port until the test ends.
func start(t testing.TB, s *sshserver.Server) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	startOn(t, l, s)
	return l.Addr().String()
}

// startOn serves s on l until the test ends.
func startOn(t testing.TB, l net.Listener, s *sshserver.Server) {
	t.Helper()
	if s.HostKeys == nil {
		s.HostKeys = []ssh.Signer{newKey(t)}
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Close()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

func anyone(string) bool { return true }

// dial connects as user web with what methods there are.
func dial(addr string, methods ...ssh.AuthMethod) (*ssh.Client, error) {
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	config := &ssh.ClientConfig{User: "web", Auth: methods, HostKeyCallback: ssh.InsecureIgnoreHostKey()}
	cc, channels, requests, err := ssh.NewClientConn(nc, addr, config)
	if err != nil {
		nc.Close()
		return nil, err
	}
	return ssh.NewClient(cc, channels, requests), nil
}

// connect is dial for tests of what comes after the login.
func connect(t testing.TB, addr string) *ssh.Client {
	t.Helper()
	client, err := dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func session(t testing.TB, client *ssh.Client) *ssh.Session {
	t.Helper()
	s, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAuth(t *testing.T) {
	good, bad, ca := newKey(t), newKey(t), newKey(t)
	passwords := sshserver.Passwords{"web": "right"}
	answer := func(text string) ssh.AuthMethod {
		return ssh.KeyboardInteractive(func(_, _ string, questions []string, _ []bool) ([]string, error) {
			answers := make([]string, len(questions))
			for i := range answers {
				answers[i] = text
			}
			return answers, nil
		})
	}
	passwordAuth := sshserver.Auth{Password: passwords.Check}
	questionAuth := sshserver.Auth{Questions: sshserver.AskPassword(passwords.Check)}
	keyAuth := sshserver.Auth{Key: sshserver.Keys(good.PublicKey())}
	caAuth := sshserver.Auth{UserCA: sshserver.CA(ca.PublicKey())}
	for _, test := range []struct {
		name   string
		auth   sshserver.Auth
		method ssh.AuthMethod
		ok     bool
	}{
		{"zero value", sshserver.Auth{}, ssh.Password("right"), false},
		{"none", sshserver.Auth{None: anyone}, nil, true},
		{"password", passwordAuth, ssh.Password("right"), true},
		{"wrong password", passwordAuth, ssh.Password("wrong"), false},
		{"questions", questionAuth, answer("right"), true},
		{"wrong answer", questionAuth, answer("wrong"), false},
		{"key", keyAuth, ssh.PublicKeys(good), true},
		{"unknown key", keyAuth, ssh.PublicKeys(bad), false},
		{"certificate", caAuth, ssh.PublicKeys(certify(t, ca, good, "web")), true},
		{"certificate of another user", caAuth, ssh.PublicKeys(certify(t, ca, good, "root")), false},
		{"certificate of a stranger", caAuth, ssh.PublicKeys(certify(t, bad, good, "web")), false},
		{"certificate where keys are wanted", keyAuth, ssh.PublicKeys(certify(t, ca, good, "web")), false},
		{"key where certificates are wanted", caAuth, ssh.PublicKeys(good), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			addr := start(t, &sshserver.Server{Auth: test.auth})
			var methods []ssh.AuthMethod
			if test.method != nil {
				methods = append(methods, test.method)
			}
			client, err := dial(addr, methods...)
			if got := err == nil; got != test.ok {
				t.Fatalf("logged in: got %v, want %v (%v)", got, test.ok, err)
			}
			if client != nil {
				client.Close()
			}
		})
	}
}

// certify has ca sign for key that it stands for user.
func certify(t *testing.T, ca, key ssh.Signer, user string) ssh.Signer {
	t.Helper()
	cert := &ssh.Certificate{
		Key: key.PublicKey(), CertType: ssh.UserCert,
		ValidPrincipals: []string{user}, ValidBefore: ssh.CertTimeInfinity,
	}
	if err := cert.SignCert(rand.Reader, ca); err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewCertSigner(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func TestMaxTries(t *testing.T) {
	tries := 0
	addr := start(t, &sshserver.Server{Auth: sshserver.Auth{
		MaxTries: 2,
		Password: func(string, string) bool { tries++; return false },
	}})
	ask := ssh.PasswordCallback(func() (string, error) { return "wrong", nil })
	if _, err := dial(addr, ssh.RetryableAuthMethod(ask, 5)); err == nil {
		t.Error("a wrong password let the client in")
	}
	if tries != 2 {
		t.Errorf("tries: got %d, want 2", tries)
	}
}

func TestShell(t *testing.T) {
	home := t.TempDir()
	addr := start(t, &sshserver.Server{
		Auth: sshserver.Auth{None: anyone},
		Exec: sshserver.Shell(home, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home}),
	})
	client := connect(t, addr)
	type outcome struct {
		Out, Err string
		Code     int
		Signal   string
	}
	for _, test := range []struct {
		name, command, stdin string
		want                 outcome
	}{
		{"output", "echo out; echo err >&2", "", outcome{Out: "out\n", Err: "err\n"}},
		{"status", "exit 7", "", outcome{Code: 7}},
		{"stdin", "tr a-z A-Z", "hello", outcome{Out: "HELLO"}},
		{"stdin unread", "exit 3", strings.Repeat("x", 1<<20), outcome{Code: 3}},
		{"home", `cd; test "$PWD" = "$HOME" && pwd`, "", outcome{Out: home + "\n"}},
		{"environment", "echo $GREETING", "", outcome{Out: "hello\n"}},
		{"signal", "kill -TERM $$", "", outcome{Signal: "TERM", Code: 128 + 15}},
		{"much output", "head -c 3000000 /dev/zero | wc -c | tr -d ' '; head -c 3000000 /dev/zero >&2", "",
			outcome{Out: "3000000\n", Err: strings.Repeat("\x00", 3000000)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := session(t, client)
			var out, stderr bytes.Buffer
			s.Stdin, s.Stdout, s.Stderr = strings.NewReader(test.stdin), &out, &stderr
			if err := s.Setenv("GREETING", "hello"); err != nil {
				t.Fatal(err)
			}
			var exit *ssh.ExitError
			if err := s.Run(test.command); err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			got := outcome{Out: out.String(), Err: stderr.String()}
			if exit != nil {
				got.Code, got.Signal = exit.ExitStatus(), exit.Signal()
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestShellEnds sees the whole process group end with the client, with a
// signal, and with the server.
func TestShellEnds(t *testing.T) {
	for _, test := range []struct {
		name, command string
		end           func(*sshserver.Server, *ssh.Client, *ssh.Session)
	}{
		{"signal", "%s; cat", func(_ *sshserver.Server, _ *ssh.Client, s *ssh.Session) { s.Signal(ssh.SIGTERM) }},
		{"session closed", "%s; cat", func(_ *sshserver.Server, _ *ssh.Client, s *ssh.Session) { s.Close() }},
		{"client gone", "trap '' TERM; %s; cat & cat", func(_ *sshserver.Server, c *ssh.Client, _ *ssh.Session) { c.Close() }},
		{"server closed", "trap '' TERM; %s; cat & cat", func(s *sshserver.Server, _ *ssh.Client, _ *ssh.Session) { s.Close() }},
	} {
		t.Run(test.name, func(t *testing.T) {
			fifo := newFIFO(t)
			server := &sshserver.Server{Auth: sshserver.Auth{None: anyone}, Exec: sshserver.Shell(t.TempDir(), nil)}
			client := connect(t, start(t, server))
			s := session(t, client)
			// Every process of the command holds the fifo open to write; it is at
			// its end when the last of them is gone.
			stdin, _ := s.StdinPipe()
			defer stdin.Close()
			command := fmt.Sprintf(test.command, "exec 3>"+fifo+"; echo up >&3")
			if err := s.Start(command); err != nil {
				t.Fatal(err)
			}
			f, err := os.Open(fifo)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := io.ReadFull(f, make([]byte, 3)); err != nil {
				t.Fatal(err)
			}
			test.end(server, client, s)
			if _, err := f.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("processes left: got %v, want EOF", err)
			}
		})
	}
}

func TestNothingAllowed(t *testing.T) {
	client := connect(t, start(t, &sshserver.Server{Auth: sshserver.Auth{None: anyone}}))
	if err := session(t, client).Run("true"); err == nil {
		t.Error("a command ran")
	}
	if c, err := client.Dial("tcp", "127.0.0.1:1"); err == nil {
		c.Close()
		t.Error("a connection was made")
	} else if !strings.Contains(err.Error(), "prohibited") {
		t.Errorf("dial: got %v, want prohibited", err)
	}
	if l, err := client.Listen("tcp", "127.0.0.1:0"); err == nil {
		l.Close()
		t.Error("a forward was granted")
	}
}

func TestKeepalive(t *testing.T) {
	client := connect(t, start(t, &sshserver.Server{Auth: sshserver.Auth{None: anyone}}))
	if _, _, err := client.SendRequest("keepalive@openssh.com", true, nil); err != nil {
		t.Error(err)
	}
}

// echo answers each connection to l with what it says, when it has said all.
func echo(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			text, _ := io.ReadAll(c)
			fmt.Fprintf(c, "echo %s", text)
		}()
	}
}

// exchange sends text on c, ends it, and returns all that comes back.
func exchange(t *testing.T, c net.Conn, text string) string {
	t.Helper()
	defer c.Close()
	io.WriteString(c, text)
	c.(interface{ CloseWrite() error }).CloseWrite()
	got, err := io.ReadAll(c)
	if err != nil {
		t.Error(err)
	}
	return string(got)
}

func TestForwards(t *testing.T) {
	addr := start(t, &sshserver.Server{
		Auth: sshserver.Auth{None: anyone}, Dial: new(net.Dialer).DialContext, Listen: net.Listen,
	})
	client := connect(t, addr)
	for _, network := range []string{"tcp", "unix"} {
		where := "127.0.0.1:0"
		t.Run("direct "+network, func(t *testing.T) {
			if network == "unix" {
				where = filepath.Join(t.TempDir(), "s")
			}
			l, err := net.Listen(network, where)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go echo(l)
			c, err := client.Dial(network, l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			if got := exchange(t, c, "hello"); got != "echo hello" {
				t.Errorf("got %q", got)
			}
		})
		t.Run("reverse "+network, func(t *testing.T) {
			if network == "unix" {
				where = filepath.Join(t.TempDir(), "s")
			}
			l, err := client.Listen(network, where)
			if err != nil {
				t.Fatal(err)
			}
			go echo(l)
			c, err := net.Dial(network, l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			if got := exchange(t, c, "hello"); got != "echo hello" {
				t.Errorf("got %q", got)
			}
			if _, err := client.Listen(network, l.Addr().String()); err == nil {
				t.Error("bound twice")
			}
			l.Close()
			if network == "unix" { // of a port nobody knows who has it by now
				if _, err := net.Dial(network, l.Addr().String()); err == nil {
					t.Error("still bound after Close")
				}
			}
		})
	}
}

// TestForwardsEnd sees both ends of a forward close with the client.
func TestForwardsEnd(t *testing.T) {
	addr := start(t, &sshserver.Server{Auth: sshserver.Auth{None: anyone}, Dial: new(net.Dialer).DialContext})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client := connect(t, addr)
	if _, err := client.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	client.Close()
	if _, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("got %v, want EOF", err)
	}
}

func TestCloseFirst(t *testing.T) {
	s := &sshserver.Server{HostKeys: []ssh.Signer{newKey(t)}}
	s.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(l); err != nil {
		t.Error(err)
	}
	if err := new(sshserver.Server).Serve(l); !errors.Is(err, sshserver.ErrNoHostKey) {
		t.Errorf("without a key: got %v", err)
	}
}

func TestExecContext(t *testing.T) {
	ended := make(chan struct{})
	server := &sshserver.Server{
		Auth: sshserver.Auth{None: anyone},
		Exec: func(ctx context.Context, x *sshserver.Exec) int {
			defer close(ended)
			fmt.Fprintf(x.Stdout, "%s runs %s", x.User, x.Command)
			<-ctx.Done()
			return 0
		},
	}
	s := session(t, connect(t, start(t, server)))
	out, _ := s.StdoutPipe()
	if err := s.Start("uptime"); err != nil {
		t.Fatal(err)
	}
	want := "web runs uptime"
	got := make([]byte, len(want))
	if _, err := io.ReadFull(out, got); err != nil || string(got) != want {
		t.Errorf("got %q, want %q (%v)", got, want, err)
	}
	s.Close()
	<-ended
}
