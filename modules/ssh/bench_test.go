package ssh_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	xssh "golang.org/x/crypto/ssh"

	"farmrun/luahost/remote"
	"farmrun/luahost/remote/remotetest"
	"farmrun/modules/ssh"
	"farmrun/modules/ssh/sshserver"
)

// benchEnv makes the test binary a server for the benchmark: a process of its
// own, so that the processor time of the two sides can be told apart.
const benchEnv = "FARMRUN_BENCH_SERVER"

// benchServer serves until its standard input ends. It first prints its
// address and host key.
func benchServer() {
	key, err := xssh.ParsePrivateKey([]byte(os.Getenv(benchEnv)))
	if err != nil {
		panic(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	s := &sshserver.Server{
		HostKeys: []xssh.Signer{key},
		Auth:     sshserver.Auth{Key: sshserver.Keys(key.PublicKey())},
		Exec: func(_ context.Context, x *sshserver.Exec) int {
			x.Begin(2)
			time.Sleep(50 * time.Millisecond)
			fmt.Fprintln(x.Stdout, "hello")
			return 0
		},
	}
	go s.Serve(l)
	fmt.Println(l.Addr())
	bufio.NewReader(os.Stdin).ReadByte()
}

// BenchmarkAgainstPlain logs in to many hosts at once, runs a command on each
// and closes, with this package and with a program that uses x/crypto/ssh and
// does nothing else. It reports processor time and memory as ratios.
func BenchmarkAgainstPlain(b *testing.B) {
	const hosts = 500
	w := &world{t: nil, home: b.TempDir()}
	text, signer := benchKey(b)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), benchEnv+"="+text)
	in, err := cmd.StdinPipe()
	check(b, err)
	out, err := cmd.StdoutPipe()
	check(b, err)
	check(b, cmd.Start())
	defer func() { in.Close(); cmd.Wait() }()
	addr, err := bufio.NewReader(out).ReadString('\n')
	check(b, err)
	host, port, err := net.SplitHostPort(strings.TrimSpace(addr))
	check(b, err)
	check(b, os.WriteFile(w.path("key"), []byte(text), 0o600))
	check(b, os.WriteFile(w.path("known"), fmt.Appendf(nil, "[%s]:%s %s", host, port, xssh.MarshalAuthorizedKey(signer.PublicKey())), 0o600))
	b.Setenv("SSH_AUTH_SOCK", "")

	plain := func() error { return plainRun(net.JoinHostPort(host, port), signer) }
	var dialer *ssh.Dialer
	ours := func() error {
		c, err := dialer.Dial(context.Background(), host, ssh.Options{})
		if err != nil {
			return err
		}
		defer c.Close()
		r, err := c.Run(context.Background(), remote.Cmd{Line: "true"})
		if err == nil && string(r.Stdout) != "hello\n" {
			err = fmt.Errorf("got %q", r.Stdout)
		}
		return err
	}
	var cpu, mem [2]float64
	for b.Loop() {
		dialer = &ssh.Dialer{ConfigFile: "none", Home: w.home, Set: []string{
			"Port=" + port, "User=web", "IdentityFile=" + w.path("key"), "UserKnownHostsFile=" + w.path("known"), "GlobalKnownHostsFile=none", "ConnectTimeout=60"}}
		for i, f := range []func() error{plain, ours} {
			c, m := measure(b, hosts, f)
			cpu[i] += c.Seconds()
			mem[i] += float64(m)
		}
	}
	n := float64(b.N * hosts)
	b.ReportMetric(cpu[0]/n*1e6, "plain-µs/host")
	b.ReportMetric(cpu[1]/n*1e6, "ours-µs/host")
	b.ReportMetric(cpu[1]/cpu[0], "cpu-ratio")
	b.ReportMetric(mem[0]/n/1024, "plain-KB/host")
	b.ReportMetric(mem[1]/n/1024, "ours-KB/host")
	b.ReportMetric(mem[1]/mem[0], "mem-ratio")
}

// BenchmarkEnding reports how long it takes to end commands whose time is over.
func BenchmarkEnding(b *testing.B) {
	home := b.TempDir()
	w := &world{home: home}
	key := w.makeKey(b, ".ssh/id_ed25519", "")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(b, err)
	s := &sshserver.Server{HostKeys: []xssh.Signer{key}, Auth: sshserver.Auth{Key: sshserver.Keys(key.PublicKey())}, Exec: sshserver.Shell(home, nil)}
	go s.Serve(l)
	defer s.Close()
	d := &ssh.Dialer{ConfigFile: "none", Home: home, Set: []string{"StrictHostKeyChecking=no", "UserKnownHostsFile=none", "GlobalKnownHostsFile=none"}}
	c, err := d.Dial(context.Background(), "127.0.0.1", ssh.Options{User: "web", Port: l.Addr().(*net.TCPAddr).Port})
	check(b, err)
	defer c.Close()
	remotetest.Ender{Run: c.Run}.Benchmark(b)
}

// measure calls f for all hosts at once and returns the processor time and the
// most memory that this took.
func measure(b *testing.B, hosts int, f func() error) (time.Duration, uint64) {
	b.Helper()
	runtime.GC()
	stop, most := make(chan struct{}), make(chan uint64)
	go func() { most <- watchMemory(stop) }()
	before := cpuTime()
	var all sync.WaitGroup
	for range hosts {
		all.Go(func() {
			if err := f(); err != nil {
				b.Error(err)
			}
		})
	}
	all.Wait()
	took := cpuTime() - before
	close(stop)
	return took, <-most
}

func watchMemory(stop <-chan struct{}) (most uint64) {
	for {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapInuse+m.StackInuse)
		select {
		case <-stop:
			return most
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func plainRun(addr string, key xssh.Signer) error {
	c, err := xssh.Dial("tcp", addr, &xssh.ClientConfig{
		User:            "web",
		Auth:            []xssh.AuthMethod{xssh.PublicKeys(key)},
		HostKeyCallback: xssh.FixedHostKey(key.PublicKey()),
	})
	if err != nil {
		return err
	}
	defer c.Close()
	s, err := c.NewSession()
	if err != nil {
		return err
	}
	defer s.Close()
	var out, errs bytes.Buffer
	s.Stdout, s.Stderr = &out, &errs
	return s.Run("true")
}

func benchKey(b *testing.B) (string, xssh.Signer) {
	b.Helper()
	w := &world{home: b.TempDir()}
	signer := w.makeKey(b, "key", "")
	text, err := os.ReadFile(w.path("key"))
	check(b, err)
	return string(text), signer
}
