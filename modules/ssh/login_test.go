package ssh_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	xssh "golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"farmrun/luahost/remote"
	"farmrun/luahost/remote/remotetest"
	"farmrun/luahost/secret"
	"farmrun/modules/ssh"
	"farmrun/modules/ssh/sshserver"
)

// rude are hosts that let nobody in, and what is said of them.
var rude = []struct {
	name  string
	fault sshserver.Fault
	stage string
	kind  error
	says  string
}{
	{"silent after accept", sshserver.SilentAfterAccept, ssh.StageConnect, ssh.ErrTimeout, "says nothing"},
	{"closes at once", sshserver.CloseAfterAccept, ssh.StageConnect, ssh.ErrUnreachable, "closed the connection at once"},
	{"garbage", sshserver.Garbage, ssh.StageConnect, ssh.ErrUnreachable, "does not speak ssh"},
	{"silent after version", sshserver.SilentAfterVersion, ssh.StageConnect, ssh.ErrTimeout, "did not get on"},
	{"silent in the login", sshserver.SilentInAuth, ssh.StageLogin, ssh.ErrTimeout, "did not end the login"},
	{"closes in the login", sshserver.CloseInAuth, ssh.StageLogin, ssh.ErrUnreachable, "closed the connection during the login"},
}

func TestRudeHosts(t *testing.T) {
	for _, r := range rude {
		t.Run(r.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				w.serve("h", &sshserver.Server{Fault: func(int) sshserver.Fault { return r.fault }})
				d := w.dialer()
				d.Set = append(d.Set, "ConnectTimeout=3")
				began := time.Now()
				_, err := d.Dial(context.Background(), "h", ssh.Options{})
				expect(t, err, r.stage, r.kind, r.says)
				var want time.Duration
				switch {
				case r.stage == ssh.StageLogin && r.kind == ssh.ErrTimeout:
					want = 2 * time.Minute // which is not the time to connect
				case r.kind == ssh.ErrTimeout:
					want = 3 * time.Second
				}
				took := time.Since(began)
				if r.fault == sshserver.CloseAfterAccept { // it may have too many logins, and is tried again
					want = min(took, 6*time.Second)
				}
				if took != want {
					t.Errorf("it took %v, want %v", took, want)
				}
			})
		})
	}
}

// TestBannerFlood is in no bubble, for x/crypto leaves a goroutine behind.
func TestBannerFlood(t *testing.T) {
	w := newWorld(t)
	w.serve("h", &sshserver.Server{Fault: func(int) sshserver.Fault { return sshserver.BannerFlood }})
	_, err := w.dialer().Dial(context.Background(), "h", ssh.Options{})
	expect(t, err, ssh.StageLogin, ssh.ErrUnreachable, "banners without end")
}

// expect checks an error of the package.
func expect(t *testing.T, err error, stage string, kind error, says string) {
	t.Helper()
	var e *ssh.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an *Error", err)
	}
	if e.Host == "" || e.Stage != stage || !errors.Is(err, kind) || !strings.Contains(err.Error(), says) {
		t.Errorf("got %v (stage %q, kind %v), want stage %q, kind %v and %q in it", err, e.Stage, e.Kind, stage, kind, says)
	}
}

func TestUnreachable(t *testing.T) {
	w := newWorld(t)
	refusing, err := netip.ParseAddrPort(remotetest.Refusing(t))
	check(t, err)
	d := w.dialer()
	d.Connect(nil) // but by the machine's own network
	d.ConfigFile = "none"
	_, err = d.Dial(context.Background(), "127.0.0.1", ssh.Options{Port: int(refusing.Port())})
	expect(t, err, ssh.StageConnect, ssh.ErrUnreachable, "connection refused")
	_, err = d.Dial(context.Background(), "no-such-host.invalid", ssh.Options{})
	expect(t, err, ssh.StageConnect, ssh.ErrUnreachable, "no-such-host.invalid")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("called off"))
	_, err = d.Dial(ctx, "127.0.0.1", ssh.Options{})
	if err == nil || !strings.Contains(err.Error(), "called off") {
		t.Errorf("got %v, want the cause of the context", err)
	}
}

// methods is a server's Auth with whatever a test wants of it.
func pam(passwords sshserver.Passwords) sshserver.Auth {
	return sshserver.Auth{Questions: sshserver.AskPassword(passwords.Check)}
}

func TestPassword(t *testing.T) {
	right := sshserver.Passwords{"web": `w3b "Secret' pw`}
	for name, auth := range map[string]sshserver.Auth{
		"password":             {Password: right.Check},
		"keyboard-interactive": pam(right),
		"both":                 {Password: right.Check, Questions: sshserver.AskPassword(right.Check)},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for _, h := range []string{"h1", "h2", "h3"} {
				w.serve(h, &sshserver.Server{Auth: auth})
			}
			asked := 0
			d := w.dialer()
			d.Passwords = keyring(right["web"], &asked)
			for _, h := range []string{"h1", "h2", "h3"} {
				_, err := run(w.dial(d, h), remote.Cmd{Line: "true"})
				check(t, err)
			}
			if asked != 1 {
				t.Errorf("asked %d times, want once", asked)
			}
		})
	}
}

// TestWrongPassword has a wrong password seen once by one host in all, although
// every host offers two ways to show it and all are dialled at once.
func TestWrongPassword(t *testing.T) {
	w := newWorld(t)
	var mu sync.Mutex
	shown := 0
	wrong := func(string, string) bool { mu.Lock(); defer mu.Unlock(); shown++; return false }
	const hosts = 5
	for i := range hosts {
		w.serve(fmt.Sprint("h", i), &sshserver.Server{Auth: sshserver.Auth{Password: wrong, Questions: sshserver.AskPassword(wrong)}})
	}
	asked := 0
	d := w.dialer()
	d.Passwords = keyring("wrong", &asked)
	errs := make(chan error, hosts)
	for i := range hosts {
		go func() {
			_, err := d.Dial(context.Background(), fmt.Sprint("h", i), ssh.Options{User: "web"})
			errs <- err
		}()
	}
	for range hosts {
		err := <-errs
		expect(t, err, ssh.StageLogin, ssh.ErrAuth, "rejected")
		if !errors.Is(err, secret.ErrRejected) {
			t.Errorf("%v does not wrap secret.ErrRejected", err)
		}
	}
	if asked != 1 || shown != 1 {
		t.Errorf("asked %d times and shown %d times, want once each", asked, shown)
	}
}

// TestRejectedElsewhere has a password that one host takes and the next does
// not: the next sees it once, and the others still get it.
func TestRejectedElsewhere(t *testing.T) {
	w := newWorld(t)
	shown := 0
	w.serve("good", &sshserver.Server{Auth: sshserver.Auth{Password: sshserver.Passwords{"web": "pw"}.Check}})
	w.serve("bad", &sshserver.Server{Auth: sshserver.Auth{
		Password:  func(string, string) bool { shown++; return false },
		Questions: sshserver.AskPassword(func(string, string) bool { shown++; return false }),
	}})
	asked := 0
	d := w.dialer()
	d.Passwords = keyring("pw", &asked)
	w.dial(d, "good")
	_, err := d.Dial(context.Background(), "bad", ssh.Options{User: "web"})
	expect(t, err, ssh.StageLogin, ssh.ErrAuth, "rejected")
	w.dial(d, "good")
	if shown != 1 || asked != 1 {
		t.Errorf("shown %d times, asked %d times, want once each", shown, asked)
	}
}

// TestThrownOut has a host that hangs up at the first wrong password.
func TestThrownOut(t *testing.T) {
	w := newWorld(t)
	shown := 0
	wrong := sshserver.Auth{Password: func(string, string) bool { shown++; return false }, MaxTries: 1}
	w.serve("h1", &sshserver.Server{Auth: wrong})
	w.serve("h2", &sshserver.Server{Auth: wrong})
	asked := 0
	d := w.dialer()
	d.Passwords = keyring("wrong", &asked)
	for _, h := range []string{"h1", "h2"} {
		_, err := d.Dial(context.Background(), h, ssh.Options{User: "web"})
		expect(t, err, ssh.StageLogin, ssh.ErrAuth, "rejected")
	}
	if asked != 1 || shown != 1 {
		t.Errorf("asked %d times and shown %d times, want once each", asked, shown)
	}
}

func TestBrokenHostLeavesPasswordUntried(t *testing.T) {
	w := newWorld(t)
	right := sshserver.Auth{Password: sshserver.Passwords{"web": "pw"}.Check}
	w.serve("broken", &sshserver.Server{Auth: right, Fault: func(int) sshserver.Fault { return sshserver.CloseInAuth }})
	w.serve("h", &sshserver.Server{Auth: right})
	asked := 0
	d := w.dialer()
	d.Passwords = keyring("pw", &asked)
	if _, err := d.Dial(context.Background(), "broken", ssh.Options{User: "web"}); err == nil {
		t.Fatal("the broken host let us in")
	}
	w.dial(d, "h")
	if asked != 1 {
		t.Errorf("asked %d times, want once", asked)
	}
}

func TestNobodyToAsk(t *testing.T) {
	w := newWorld(t)
	w.serve("h", &sshserver.Server{Auth: pam(sshserver.Passwords{})})
	_, err := w.dialer().Dial(context.Background(), "h", ssh.Options{})
	expect(t, err, ssh.StageLogin, ssh.ErrAuth, "nothing to try")
	d := w.dialer()
	d.Passwords = &secret.Keyring{}
	_, err = d.Dial(context.Background(), "h", ssh.Options{})
	if expect(t, err, ssh.StageLogin, ssh.ErrAuth, "no terminal"); !errors.Is(err, secret.ErrNoTerminal) {
		t.Errorf("%v does not wrap secret.ErrNoTerminal", err)
	}
}

func TestKeys(t *testing.T) {
	w := newWorld(t)
	locked := w.writeKey(".ssh/locked", "open sesame")
	ca := newKey(t)
	w.serve("plain", &sshserver.Server{})
	w.serve("locked", &sshserver.Server{Auth: sshserver.Auth{Key: sshserver.Keys(locked.PublicKey())}})
	w.write(".ssh/config", w.read(".ssh/config")+" IdentityFile "+w.path(".ssh/locked")+"\n")
	w.serve("cert", &sshserver.Server{Auth: sshserver.Auth{UserCA: sshserver.CA(ca.PublicKey())}})
	w.certify(".ssh/id_ed25519", ca)

	asked := 0
	d := w.dialer()
	d.Passwords = keyring("open sesame", &asked)
	w.dial(d, "plain")
	w.dial(d, "cert")
	if asked != 0 {
		t.Errorf("a passphrase was asked for that no host wanted")
	}
	w.dial(d, "locked")
	w.dial(d, "locked")
	if asked != 1 {
		t.Errorf("the passphrase was asked for %d times, want once", asked)
	}
	d = w.dialer()
	d.Passwords = keyring("wrong", &asked)
	_, err := d.Dial(context.Background(), "locked", ssh.Options{})
	expect(t, err, ssh.StageLogin, ssh.ErrAuth, "wrong passphrase for "+w.path(".ssh/locked"))
}

// certify writes a certificate beside the key name.
func (w *world) certify(name string, ca xssh.Signer) {
	w.t.Helper()
	key, _, _, _, err := xssh.ParseAuthorizedKey([]byte(w.read(name + ".pub")))
	check(w.t, err)
	cert := &xssh.Certificate{Key: key, CertType: xssh.UserCert, ValidPrincipals: []string{"web"}, ValidBefore: xssh.CertTimeInfinity}
	check(w.t, cert.SignCert(nilRand{}, ca))
	w.write(name+"-cert.pub", string(xssh.MarshalAuthorizedKey(cert)))
}

func TestKeyThatOthersCanRead(t *testing.T) {
	w := newWorld(t)
	w.serve("h", &sshserver.Server{})
	check(t, chmod(w.path(".ssh/id_ed25519"), 0o644))
	_, err := w.dialer().Dial(context.Background(), "h", ssh.Options{})
	expect(t, err, ssh.StageLogin, ssh.ErrAuth, "can be read by others")
}

func TestAgent(t *testing.T) {
	w := newWorld(t)
	key := newEd25519(t)
	signer, err := xssh.NewSignerFromKey(key)
	check(t, err)
	ring := agent.NewKeyring()
	check(t, ring.Add(agent.AddedKey{PrivateKey: key}))
	l, err := w.net.Listen("unix", w.path("agent"))
	check(t, err)
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go agent.ServeAgent(ring, c)
		}
	}()
	w.serve("h", &sshserver.Server{Auth: sshserver.Auth{Key: sshserver.Keys(signer.PublicKey())}})
	d := w.dialer()
	d.Set = append(d.Set, "IdentityAgent="+w.path("agent"))
	defer d.Close()
	w.dial(d, "h")
	w.dial(d, "h")

	only := w.dialer()
	only.Set = append(only.Set, "IdentityAgent="+w.path("agent"), "IdentitiesOnly=yes")
	defer only.Close()
	_, err = only.Dial(context.Background(), "h", ssh.Options{})
	expect(t, err, ssh.StageLogin, ssh.ErrAuth, "not let in")
}

// TestSilentAgent has an agent that accepts and never answers.
func TestSilentAgent(t *testing.T) { inBubble(t, testSilentAgent) }

func testSilentAgent(t *testing.T, w *world) {
	w.serve("h", &sshserver.Server{})
	l, err := w.net.Listen("unix", w.path("agent"))
	check(t, err)
	defer l.Close()
	d := w.dialer()
	d.Set = append(d.Set, "IdentityAgent="+w.path("agent"), "ConnectTimeout=3")
	defer d.Close()
	_, err = d.Dial(context.Background(), "h", ssh.Options{})
	expect(t, err, ssh.StageLogin, ssh.ErrTimeout, "")
}

func TestBanner(t *testing.T) {
	w := newWorld(t)
	w.serve("h", &sshserver.Server{Banner: "keep out\n"})
	d := w.dialer()
	var got string
	d.Warn = func(host, text string) { got += host + ": " + text + "\n" }
	w.dial(d, "h")
	if !strings.Contains(got, "h: keep out\n") {
		t.Errorf("got %q", got)
	}
}

// TestLongBanner has a host whose last word comes after a long notice.
func TestLongBanner(t *testing.T) {
	w := newWorld(t)
	w.serve("h", &sshserver.Server{Banner: strings.Repeat("keep out\n", 1000) + "WARNING: Your password has expired.\n"})
	said := w.dial(w.dialer(), "h").Banner()
	if !strings.HasSuffix(said, "has expired.\n") || len(said) != 4<<10 {
		t.Errorf("%d bytes are kept: %q", len(said), said)
	}
}

// TestOperatorThinks has the clock of a login stand still while the operator
// is asked.
func TestOperatorThinks(t *testing.T) { inBubble(t, testOperatorThinks) }

func testOperatorThinks(t *testing.T, w *world) {
	w.serve("h", &sshserver.Server{Auth: pam(sshserver.Passwords{"web": "pw"})})
	d := w.dialer()
	d.Set = append(d.Set, "ConnectTimeout=3")
	d.Passwords = &secret.Keyring{Ask: func(ctx context.Context, _ string) (secret.Secret, error) {
		select {
		case <-time.After(time.Hour):
			return secret.New("pw"), nil
		case <-ctx.Done():
			return secret.Secret{}, context.Cause(ctx)
		}
	}}
	w.dial(d, "h")
}

// TestTurns has one host wait until another is logged in, for longer than its
// own login may take.
func TestTurns(t *testing.T) { inBubble(t, testTurns) }

func testTurns(t *testing.T, w *world) {
	w.serve("first", &sshserver.Server{Auth: pam(sshserver.Passwords{"web": "pw"})})
	second, err := w.net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer second.Close()
	w.write(".ssh/config", w.read(".ssh/config")+fmt.Sprintf("Host second\n HostName 127.0.0.1\n Port %d\n", second.Addr().(*net.TCPAddr).Port))

	asked, answer := make(chan bool), make(chan bool)
	d := w.dialer()
	d.AtOnce = 1
	d.Set = append(d.Set, "ConnectTimeout=3")
	d.Passwords = &secret.Keyring{Ask: func(context.Context, string) (secret.Secret, error) {
		asked <- true
		<-answer
		return secret.New("pw"), nil
	}}
	var both sync.WaitGroup
	defer both.Wait()
	both.Go(func() {
		if c, err := d.Dial(context.Background(), "first", ssh.Options{User: "web"}); err != nil {
			t.Error(err)
		} else {
			c.Close()
		}
	})
	<-asked
	both.Go(func() { d.Dial(context.Background(), "second", ssh.Options{User: "web"}) })
	conn, err := second.Accept()
	check(t, err)
	defer conn.Close()
	said := make([]byte, 4)
	conn.SetReadDeadline(time.Now().Add(time.Hour))
	if n, err := conn.Read(said); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("it did not wait for its turn: it says %q, %v", said[:n], err)
	}
	close(answer)
	conn.SetReadDeadline(time.Now().Add(time.Second))
	if _, err := io.ReadFull(conn, said); err != nil || string(said) != "SSH-" {
		t.Errorf("when its turn had come, it said %q, %v", said, err)
	}
}

// TestNoTurn cancels a login that waits for its turn, which another has that
// waits for it: it would wait for ever.
func TestNoTurn(t *testing.T) { inBubble(t, testNoTurn) }

func testNoTurn(t *testing.T, w *world) {
	w.serve("first", &sshserver.Server{Auth: pam(sshserver.Passwords{"web": "pw"})})
	w.serve("second", &sshserver.Server{})
	d := w.dialer()
	d.AtOnce = 1
	d.Passwords = &secret.Keyring{Ask: func(ctx context.Context, _ string) (secret.Secret, error) {
		ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		_, err := d.Dial(ctx, "second", ssh.Options{User: "web"})
		expect(t, err, ssh.StageConnect, ssh.ErrTimeout, "deadline")
		return secret.New("pw"), nil
	}}
	w.dial(d, "first")
}

// renewal has a password changed to "new", and notes what it is told.
type renewal struct {
	told  *[]string
	again bool
}

func (r renewal) Concerns(question string) bool { return strings.HasSuffix(question, "New: ") }

func (r renewal) Answer(_ context.Context, question string) (string, error) {
	*r.told = append(*r.told, question)
	if r.again {
		return "", errors.New("too late")
	}
	return "new", nil
}

func (r renewal) End(_ context.Context, in bool) error {
	*r.told = append(*r.told, fmt.Sprint("in: ", in))
	if !in {
		return errors.New("the host does not take it")
	}
	return nil
}

func (r renewal) Again() bool { return r.again }

// TestExpiredPassword has a host ask for another password within the login.
func TestExpiredPassword(t *testing.T) {
	for _, x := range []struct {
		name   string
		asks   string // after New
		passes bool
		late   bool // the first time
		says   string
		told   []string
	}{
		{name: "taken", passes: true, told: []string{"due\nNew: ", "in: true"}},
		{name: "not taken", says: "h: login: the host does not take it", told: []string{"due\nNew: ", "in: false"}},
		{name: "asks for more", asks: "Code: ", passes: true, says: `"due Code:"`, told: []string{"due\nNew: ", "in: false"}},
		{name: "late", late: true, passes: true, told: []string{"due\nNew: ", "in: false", "due\nNew: ", "in: true"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := newWorld(t)
			answered := ""
			w.serve("h", &sshserver.Server{Auth: sshserver.Auth{
				Password: func(string, string) bool { t.Error("it is tried by another method"); return false },
				Questions: func(_ string, ask xssh.KeyboardInteractiveChallenge) error {
					for _, q := range []string{"Password: ", "New: ", x.asks} {
						if q == "" {
							break
						}
						a, err := ask("", "due", []string{q}, []bool{false})
						if err != nil {
							return err
						}
						answered += a[0] + "\n"
					}
					if !x.passes {
						return errors.New("no")
					}
					return nil
				},
			}})
			asked, logins := 0, 0
			var told []string
			d := w.dialer()
			d.Passwords = keyring("pw", &asked)
			c, err := d.Dial(context.Background(), "h", ssh.Options{User: "web", Renewal: func(host, user string) ssh.Renewal {
				if logins++; host != "h" || user != "web" {
					t.Errorf("it is for %s on %s", user, host)
				}
				return renewal{&told, x.late && logins == 1}
			}})
			if err == nil {
				c.Close()
			}
			if x.says != "" {
				expect(t, err, ssh.StageLogin, ssh.ErrAuth, x.says)
			} else if err != nil {
				t.Error(err)
			}
			if strings.Join(told, "|") != strings.Join(x.told, "|") {
				t.Errorf("it was told %q, want %q", told, x.told)
			}
			want := "pw\nnew\n"
			if x.late {
				want = "pw\n" + want
			}
			if answered != want || asked != 1 {
				t.Errorf("answered %q, asked %d times", answered, asked)
			}
		})
	}
}

// TestTaught: the site says what a question is that sshd asks.
func TestTaught(t *testing.T) {
	for question, x := range map[string]struct {
		is   ssh.Meaning
		want string
	}{
		"PIN> ":             {ssh.Answered, "4711"},
		"Secret of here> ":  {ssh.AsksPassword, "pw"},
		"Token password: ":  {ssh.AsksOperator, "714233"},
		"Another> ":         {ssh.NotKnown, "714233"},
		"Another password:": {ssh.NotKnown, "pw"},
	} {
		t.Run(question, func(t *testing.T) {
			w := newWorld(t)
			w.serve("h", &sshserver.Server{Auth: sshserver.Auth{Questions: asks("", [2]string{question, x.want})}})
			d := w.dialer()
			d.Passwords = &secret.Keyring{
				Ask:     func(context.Context, string) (secret.Secret, error) { return secret.New("pw"), nil },
				AskOnce: func(context.Context, bool) (secret.Secret, error) { return secret.New("714233"), nil },
			}
			c, err := d.Dial(t.Context(), "h", ssh.Options{User: "web", Taught: func(asked string) (ssh.Meaning, string) {
				if !strings.HasSuffix(asked, question) {
					t.Errorf("the site is asked about %q", asked)
				}
				return x.is, "4711"
			}})
			if err != nil {
				t.Fatal(err)
			}
			c.Close()
		})
	}
}
