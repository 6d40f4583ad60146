package main

import (
	"crypto/ed25519"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
	"golang.org/x/sys/unix"

	"farmrun/luahost/remote/remotetest"
	"farmrun/modules/farm/nodeset"
	"farmrun/modules/ssh/sshserver"
	"farmrun/testdata/screen"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"farmrun": main})
}

// TestScript runs testdata/script, a topic a file. Besides testscript's own
// commands the scripts have these:
//
//	hosts [-off|-silent|-lost|-wrongkey|-unknown|-password PASSWORD] SET
//		makes ssh servers, and entries for them in ~/.ssh/config and
//		known_hosts; the home directory of web1 is $WORK/web1, its port $PORT_web1
//	run STATUS COMMAND [ARG...]
//		runs a command that ends with that exit status
//	start [-tty|-screen|-unread] NAME COMMAND [ARG...]
//		starts one, with a terminal of its own if wanted, which with -screen
//		shows all its output; otherwise that goes to NAME.out and NAME.err. The
//		terminal's text always goes to NAME.tty. With -unread standard output
//		is a pipe
//	full NAME, reads NAME
//		waits until that pipe is full; reads it from now on
//	says NAME TEXT [TIMES], types NAME TEXT
//		waits until it has said TEXT, so many times; has the operator type a
//		line, or ^C and its like, also in a terminal of tmux
//	signal NAME SIGNAL
//	ended NAME STATUS
//		waits for its end
//	tmux NAME ROWSxCOLUMNS COMMAND [ARG...]
//		starts a command in a terminal that draws
//	screen NAME FILE
//		waits until that shows the text of the file, with 0s for every time
//	resize NAME ROWSxCOLUMNS
//	fifo NAME, await NAME, tell NAME
//		a place to wait for a command on a host (which writes a line to it), or
//		to have it wait (by reading a line)
//	logins SET N, tries SET N
//		checks how many connections, and passwords, hosts have seen together
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setup,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"hosts":  with((*stage).hosts),
			"run":    with((*stage).run),
			"start":  with((*stage).start),
			"says":   with((*stage).says),
			"types":  with((*stage).types),
			"signal": with((*stage).signal),
			"ended":  with((*stage).ended),
			"full":   with((*stage).full),
			"reads":  with((*stage).reads),
			"fifo":   with((*stage).fifo),
			"await":  with((*stage).await),
			"tell":   with((*stage).tell),
			"logins": with((*stage).logins),
			"tries":  with((*stage).tries),
			"tmux":   with((*stage).tmux),
			"screen": with((*stage).screen),
			"resize": with((*stage).resize),
		},
	})
}

// stage is what one script works with.
type stage struct {
	dir       string
	env       []string // of hosts, besides
	operator  ssh.PublicKey
	servers   map[string]*server
	processes map[string]*process
	windows   map[string]*screen.Screen
	releases  []func() // of ports
}

// server is a host.
type server struct {
	*sshserver.Server
	tries atomic.Int32
}

type stageKey struct{}

// setup makes a home for the operator, with a key.
func setup(env *testscript.Env) error {
	s, err := newStage(env.WorkDir)
	if err != nil {
		return err
	}
	env.Values[stageKey{}] = s
	env.Defer(s.close)
	env.Setenv("HOME", s.home())
	env.Setenv("XDG_CONFIG_HOME", "")
	env.Setenv("XDG_STATE_HOME", "")
	env.Setenv("SSH_AUTH_SOCK", "")
	env.Setenv("NO_COLOR", "1")
	env.Setenv("LIMIT", limit)
	env.Setenv("GORACE", os.Getenv("GORACE"))
	return nil
}

// newStage makes a stage in a directory. Close it.
func newStage(dir string) (*stage, error) {
	s := &stage{dir: dir, servers: map[string]*server{}, processes: map[string]*process{}, windows: map[string]*screen.Screen{}}
	if err := os.MkdirAll(filepath.Join(s.home(), ".ssh"), 0o700); err != nil {
		return nil, err
	}
	_, secret, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(secret, "")
	if err != nil {
		return nil, err
	}
	signer, err := ssh.NewSignerFromSigner(secret)
	if err != nil {
		return nil, err
	}
	s.operator = signer.PublicKey()
	return s, os.WriteFile(filepath.Join(s.home(), ".ssh", "id_ed25519"), pem.EncodeToMemory(block), 0o600)
}

// home is the operator's.
func (s *stage) home() string { return filepath.Join(s.dir, "home") }

func (s *stage) close() {
	for _, p := range s.processes {
		p.cmd.Process.Kill()
		<-p.done
		if p.tty != nil {
			p.tty.Close()
		}
	}
	for _, server := range s.servers {
		server.Close()
	}
	for _, release := range s.releases {
		release()
	}
}

// with makes a command of testscript out of a method of stage.
func with(f func(*stage, *testscript.TestScript, []string) error) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg {
			ts.Fatalf("there is no ! for this command")
		}
		if err := f(ts.Value(stageKey{}).(*stage), ts, args); err != nil {
			ts.Fatalf("%v", err)
		}
	}
}

// hosts is hosts [-FAULT] SET.
func (s *stage) hosts(ts *testscript.TestScript, args []string) error {
	fault, password := "", ""
	if strings.HasPrefix(args[0], "-") {
		fault, args = args[0], args[1:]
	}
	if fault == "-password" {
		password, args = args[0], args[1:]
	}
	names, err := nodeset.Parse(args[0], nodeset.Groups{})
	if err != nil {
		return err
	}
	for _, name := range names {
		port, err := s.host(name, fault, password)
		if err != nil {
			return err
		}
		ts.Setenv("PORT_"+name, strconv.Itoa(port))
	}
	return nil
}

// host starts one server and makes it known.
func (s *stage) host(name, fault, password string) (port int, err error) {
	home, key := filepath.Join(s.dir, name), newSigner()
	if err := os.MkdirAll(home, 0o777); err != nil {
		return 0, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	h := &server{Server: &sshserver.Server{
		HostKeys:  []ssh.Signer{key},
		Auth:      sshserver.Auth{Key: sshserver.Keys(s.operator)},
		Exec:      sshserver.Shell(home, slices.Concat(os.Environ(), []string{"HOME=" + home, "WORK=" + s.dir}, s.env)),
		Terminals: true,
	}}
	if password != "" {
		h.Auth = sshserver.Auth{Password: func(_, tried string) bool {
			h.tries.Add(1)
			return tried == password
		}}
	}
	shown := key.PublicKey()
	switch fault {
	case "-pin":
		h.Auth = sshserver.Auth{Questions: func(_ string, ask ssh.KeyboardInteractiveChallenge) error {
			answers, err := ask("", "", []string{"PIN of this host> "}, []bool{false})
			if err == nil && answers[0] != "714233" {
				err = errors.New("another PIN")
			}
			return err
		}}
	case "-silent":
		h.Fault = func(int) sshserver.Fault { return sshserver.SilentAfterAccept }
	case "-lost":
		h.Fault = func(int) sshserver.Fault { return sshserver.FreezeOnExec }
	case "-wrongkey":
		shown = newSigner().PublicKey()
	}
	s.servers[name] = h
	port = listener.Addr().(*net.TCPAddr).Port
	go h.Serve(listener)
	if fault == "-off" { // somebody else could get the port of one that was ended
		var release func()
		if port, release, err = remotetest.RefusingPort(); err != nil {
			return 0, err
		}
		s.releases = append(s.releases, release)
	}
	entry := fmt.Sprintf("Host %s\n  HostName 127.0.0.1\n  Port %d\n  User op\n", name, port)
	switch fault { // the others may be slow on a busy machine
	case "-silent":
		entry += "  ConnectTimeout 1\n"
	case "-lost":
		entry += "  ServerAliveInterval 1\n  ServerAliveCountMax 1\n"
	}
	err = s.add("config", entry)
	if fault == "-unknown" {
		return port, err
	}
	return port, errors.Join(err, s.add("known_hosts", knownhosts.Line([]string{listener.Addr().String()}, shown)+"\n"))
}

// add adds text to a file of ~/.ssh.
func (s *stage) add(name, text string) error {
	f, err := os.OpenFile(filepath.Join(s.home(), ".ssh", name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, text)
	return errors.Join(err, f.Close())
}

// run is run STATUS COMMAND [ARG...].
func (s *stage) run(ts *testscript.TestScript, args []string) error {
	return wantStatus(args[0], ts.Exec(args[1], args[2:]...))
}

func wantStatus(want string, err error) error {
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		return err
	}
	if strconv.Itoa(got) != want {
		return fmt.Errorf("exit status %d (%v), want %s", got, err, want)
	}
	return nil
}

// process is a command that was started.
type process struct {
	cmd  *exec.Cmd
	done chan error

	mu    sync.Mutex
	more  *sync.Cond        // signalled when it has said more, or has ended
	said  map[string][]byte // by stream: out, err, tty
	ended bool
	tty   *os.File // the far end of its terminal, or nil

	unread, filled *os.File // the ends of its standard output, until somebody reads it, or nil
	reader         *stream  // to which that goes then
}

// stream is one of a process's.
type stream struct {
	*process
	name string
	file *os.File // a copy, for the script to look at
}

func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said[s.name] = append(s.said[s.name], p...)
	s.more.Broadcast()
	return s.file.Write(p)
}

// start is start [-tty|-screen|-unread] NAME COMMAND [ARG...].
func (s *stage) start(ts *testscript.TestScript, args []string) error {
	tty, screen, unread := args[0] == "-tty" || args[0] == "-screen", args[0] == "-screen", args[0] == "-unread"
	if tty || unread {
		args = args[1:]
	}
	p := &process{cmd: exec.Command(lookPath(ts, args[1]), args[2:]...), done: make(chan error, 1), said: map[string][]byte{}}
	p.more = sync.NewCond(&p.mu)
	for _, v := range []string{"HOME", "PATH", "NO_COLOR", "TERM", "WORK", "TMPDIR"} {
		p.cmd.Env = append(p.cmd.Env, v+"="+ts.Getenv(v))
	}
	p.cmd.Dir = ts.MkAbs(".")
	var streams []*stream
	for _, name := range []string{"out", "err", "tty"} {
		file, err := os.Create(ts.MkAbs(args[0] + "." + name))
		if err != nil {
			return err
		}
		streams = append(streams, &stream{p, name, file})
	}
	p.cmd.Stdout, p.cmd.Stderr = streams[0], streams[1]
	var shown sync.WaitGroup
	if tty {
		near, err := p.terminal()
		if err != nil {
			return err
		}
		defer near.Close()
		if screen {
			p.cmd.Stdout, p.cmd.Stderr = near, near
		}
		shown.Go(func() { io.Copy(streams[2], p.tty) })
	}
	if unread {
		far, near, err := os.Pipe()
		if err != nil {
			return err
		}
		ts.Defer(func() { far.Close(); near.Close() })
		p.cmd.Stdout, p.unread, p.filled, p.reader = near, far, near, streams[0]
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	s.processes[args[0]] = p
	go func() {
		err := p.cmd.Wait()
		shown.Wait() // until nobody has the terminal any more
		for _, stream := range streams {
			if stream != p.reader {
				stream.file.Close()
			}
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.ended = true
		p.more.Broadcast()
		p.done <- err
		close(p.done)
	}()
	return nil
}

// terminal gives the process a controlling terminal, and returns its near end.
func (p *process) terminal() (near *os.File, err error) {
	p.tty, near, err = pty.Open()
	if err != nil {
		return nil, err
	}
	p.cmd.Stdin = near
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	return near, nil
}

// lookPath finds a command in the script's PATH, which has farmrun in it.
func lookPath(ts *testscript.TestScript, name string) string {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	ts.Fatalf("there is no command %s", name)
	return ""
}

// full is full NAME.
func (s *stage) full(_ *testscript.TestScript, args []string) error {
	p := s.processes[args[0]]
	fds := []unix.PollFd{{Fd: int32(p.filled.Fd()), Events: unix.POLLOUT}}
	for {
		_, err := unix.Poll(fds, 0)
		if err == nil && fds[0].Revents&unix.POLLOUT == 0 {
			return nil
		} // a signal may interrupt it
		select {
		case err := <-p.done:
			return fmt.Errorf("%s ended before: %v", args[0], err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// reads is reads NAME: until the end.
func (s *stage) reads(_ *testscript.TestScript, args []string) error {
	p := s.processes[args[0]]
	p.filled.Close()
	_, err := io.Copy(p.reader, p.unread)
	return errors.Join(err, p.reader.file.Close())
}

// says is says NAME TEXT [TIMES].
func (s *stage) says(ts *testscript.TestScript, args []string) error {
	times := 1
	if len(args) > 2 {
		times, _ = strconv.Atoi(args[2])
	}
	return s.processes[args[0]].says(args[1], times)
}

// says waits until the process has said text, so many times.
func (p *process) says(text string, times int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		for _, said := range p.said {
			if strings.Count(string(said), text) >= times {
				return nil
			}
		}
		if p.ended {
			return fmt.Errorf("it ended without saying %q but only %q", text, p.said)
		}
		p.more.Wait()
	}
}

// types is types NAME TEXT: the operator types a line, or ^C and its like.
func (s *stage) types(_ *testscript.TestScript, args []string) error {
	keys := args[1] + "\n"
	if letter, found := strings.CutPrefix(args[1], "^"); found && len(letter) == 1 {
		keys = string(letter[0] & 0x1f)
	}
	if w := s.windows[args[0]]; w != nil {
		_, err := w.Tmux("send-keys", "-l", keys)
		return err
	}
	_, err := io.WriteString(s.processes[args[0]].tty, keys)
	return err
}

// signal is signal NAME SIGNAL.
func (s *stage) signal(_ *testscript.TestScript, args []string) error {
	number, ok := map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP, "KILL": syscall.SIGKILL}[args[1]]
	if !ok {
		return fmt.Errorf("no signal %s", args[1])
	}
	return s.processes[args[0]].cmd.Process.Signal(number)
}

// ended is ended NAME STATUS.
func (s *stage) ended(ts *testscript.TestScript, args []string) error {
	p := s.processes[args[0]]
	select {
	case err := <-p.done:
		ts.Logf("%s", p.all())
		return wantStatus(args[1], err)
	case <-time.After(10 * time.Minute):
		return fmt.Errorf("%s goes on and on; it has said:\n%s", args[0], p.all())
	}
}

func (p *process) all() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return fmt.Sprintf("[stdout]\n%s[stderr]\n%s[tty]\n%s", p.said["out"], p.said["err"], p.said["tty"])
}

// fifo is fifo NAME.
func (s *stage) fifo(ts *testscript.TestScript, args []string) error {
	return syscall.Mkfifo(ts.MkAbs(args[0]), 0o666)
}

// await is await NAME: it returns when somebody has written to the fifo.
func (s *stage) await(ts *testscript.TestScript, args []string) error {
	text, err := os.ReadFile(ts.MkAbs(args[0]))
	if len(text) == 0 {
		return fmt.Errorf("nothing came through %s (%v)", args[0], err)
	}
	return err
}

// tell is tell NAME: it returns when somebody has read from the fifo.
func (s *stage) tell(ts *testscript.TestScript, args []string) error {
	return os.WriteFile(ts.MkAbs(args[0]), []byte("go on\n"), 0)
}

// logins is logins SET N.
func (s *stage) logins(_ *testscript.TestScript, args []string) error {
	return s.total(args, func(h *server) int {
		_, ever := h.Connections()
		return ever
	})
}

// tries is tries SET N.
func (s *stage) tries(_ *testscript.TestScript, args []string) error {
	return s.total(args, func(h *server) int { return int(h.tries.Load()) })
}

func (s *stage) total(args []string, count func(*server) int) error {
	names, err := nodeset.Parse(args[0], nodeset.Groups{})
	if err != nil {
		return err
	}
	got := 0
	for _, name := range names {
		got += count(s.servers[name])
	}
	if strconv.Itoa(got) != args[1] {
		return fmt.Errorf("%s: %d, want %s", args[0], got, args[1])
	}
	return nil
}

func newSigner() ssh.Signer {
	_, secret, err := ed25519.GenerateKey(nil)
	if err != nil {
		panic(err)
	}
	signer, err := ssh.NewSignerFromSigner(secret)
	if err != nil {
		panic(err)
	}
	return signer
}
