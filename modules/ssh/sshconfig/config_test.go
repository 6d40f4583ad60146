package sshconfig

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"farmrun/testdata/need"
)

func load(t testing.TB, text string) *Config {
	t.Helper()
	name := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(Sources{File: name, Home: "/home/me", User: "me"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestUserAndSystemFiles(t *testing.T) {
	home := t.TempDir()
	write(t, home, ".ssh/config", "Host a\n Port 1\nInclude more\n")
	write(t, home, ".ssh/more", "User included\n")
	write(t, home, "system", "Port 2\nUser system\nIdentityFile /x\n")
	c, err := Load(Sources{Home: home, User: "me", System: filepath.Join(home, "system")})
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]string{"a": "included 1 [/x]", "b": "system 2 [/x]", "bob@b": "bob 2 [/x]"} {
		s, err := c.Settings(context.Background(), host, Override{})
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(s.User, " ", s.Port, " ", s.IdentityFiles); got != want {
			t.Errorf("%s: got %s, want %s", host, got, want)
		}
	}
}

func TestNoFiles(t *testing.T) {
	for name, from := range map[string]Sources{"none": {File: "none"}, "missing": {Home: t.TempDir(), System: "/no/such"}} {
		c, err := Load(from)
		if err != nil {
			t.Fatal(name, err)
		}
		s, err := c.Settings(context.Background(), "h", Override{Port: 7})
		if err != nil || s.Addr() != "h:7" {
			t.Errorf("%s: %v %v", name, s.Addr(), err)
		}
	}
	if _, err := Load(Sources{File: "/no/such"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want that the file is not there", err)
	}
}

func TestWritableByOthers(t *testing.T) {
	home := t.TempDir()
	write(t, home, ".ssh/config", "Port 1\n")
	if err := os.Chmod(filepath.Join(home, ".ssh/config"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(Sources{Home: home}); err == nil || !strings.Contains(err.Error(), "Bad owner or permissions") {
		t.Errorf("got %v", err)
	}
}

// TestGroupMayWrite has an included file that its group may write to, which ssh
// lets pass if the group is the user's own, at least on Debian.
func TestGroupMayWrite(t *testing.T) {
	need.Program(t, "ssh") // to compare with
	need.Root(t)           // to give a file away
	for _, gid := range []int{0, 1, 100} {
		home := t.TempDir()
		write(t, home, "config", "Include DIR/more\n")
		write(t, home, "more", "Port 7\n")
		more := filepath.Join(home, "more")
		for _, err := range []error{os.Chown(more, 0, gid), os.Chmod(more, 0o664)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		_, want := sshG(t, "-F", filepath.Join(home, "config"), "h")
		_, err := Load(Sources{File: filepath.Join(home, "config")})
		if (err == nil) != (want == nil) {
			t.Errorf("group %d: got %v, ssh has %v", gid, err, want)
		}
		if err != nil && !strings.Contains(err.Error(), "chmod go-w "+more) {
			t.Errorf("group %d: %v has no remedy", gid, err)
		}
	}
}

// TestMatchOfOpenSSH10 has the conditions that OpenSSH 9.2 does not know yet.
func TestMatchOfOpenSSH10(t *testing.T) {
	for _, x := range []struct {
		match, config string
		holds         bool
	}{
		{match: "tagged prod", config: "Tag prod\n", holds: true},
		{match: "tagged pr*,!prod", config: "Tag prod\n"},
		{match: "tagged prod", config: "Tag dev\nTag prod\n"},
		{match: `tagged ""`, holds: true},
		{match: "tagged *"},
		{match: "!tagged prod", holds: true},
		{match: "localnetwork 192.0.2.0/24", holds: true},
		{match: "localnetwork 10.0.0.0/8,2001:db8::/32", holds: true},
		{match: "localnetwork 192.0.2.7", holds: true},
		{match: "localnetwork 192.0.2.8"},
		{match: "version OpenSSH_1?.*", holds: true},
		{match: "version OpenSSH_9.*"},
		{match: "sessiontype shell", holds: true},
		{match: "sessiontype exec,subsystem"},
		{match: "sessiontype none", config: "SessionType none\n", holds: true},
		{match: "command rsync*"},
		{match: `command ""`, holds: true},
		{match: "command *"},
	} {
		c := load(t, x.config+"Match "+x.match+" # a comment\n Port 7\n")
		c.addresses = func() ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("2001:db8::7")}, nil
		}
		s, err := c.Settings(context.Background(), "h", Override{})
		if err != nil || (s.Port == 7) != x.holds {
			t.Errorf("Match %s: %v, %v", x.match, s.Port, err)
		}
	}
	for _, match := range []string{"tagged", "command # none", "localnetwork 192.0.2.1/24", "localnetwork here", "version"} {
		name := filepath.Join(t.TempDir(), "config")
		write(t, filepath.Dir(name), "config", "Match "+match+"\n")
		if _, err := Load(Sources{File: name}); err == nil {
			t.Errorf("Match %s is no error", match)
		}
	}
}

// TestTokensInNames has tokens in User, as OpenSSH 10 has them, and in ProxyJump.
func TestTokensInNames(t *testing.T) {
	t.Setenv("TEAM", "blue")
	c := load(t, "Host a\n User %n-${TEAM}\n ProxyJump %r@%n-gw:22,%h-gw\nHost b\n HostName b.example\n ProxyJump fe80::1%%lo\nHost bad\n User %r\nHost worse\n ProxyJump %k-gw\n")
	for host, want := range map[string]string{
		"a": "a-blue a-blue@a-gw:22,a-gw", "b": "me [fe80::1%lo]", "x%n@b": "x%n [fe80::1%lo]",
		"bad": "User of bad: unknown key %r", "worse": "ProxyJump of worse: unknown key %k",
	} {
		s, err := c.Settings(context.Background(), host, Override{})
		hops := make([]string, len(s.ProxyJump))
		for i, h := range s.ProxyJump {
			hops[i] = h.String()
		}
		got := s.User + " " + strings.Join(hops, ",")
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", host, got, want)
		}
	}
}

func TestBadNames(t *testing.T) {
	c := load(t, "")
	for _, host := range []string{"", "-oProxyCommand=x", "a b", "$(x)", "a;b", "u@", "a\nb"} {
		if _, err := c.Settings(context.Background(), host, Override{}); err == nil {
			t.Errorf("%q was taken for a host", host)
		}
	}
}

func TestBadOptions(t *testing.T) {
	c := load(t, "")
	for _, set := range []string{"", "Port", "Port=x", "Frobnicate=1", "Host=x", "Match=all", "Include=/x"} {
		if _, err := c.Settings(context.Background(), "h", Override{Set: []string{set}}); err == nil {
			t.Errorf("%q was taken for an option", set)
		}
	}
}

func TestParseHop(t *testing.T) {
	for text, want := range map[string]Hop{
		"gate": {Host: "gate"}, "bob@gate": {Host: "gate", User: "bob"}, "gate:22": {Host: "gate", Port: 22},
		"a@b@gate:2222": {Host: "gate", User: "a@b", Port: 2222}, "[::1]:22": {Host: "::1", Port: 22}, "[::1]": {Host: "::1"},
		"ssh://bob@gate:22/": {Host: "gate", User: "bob", Port: 22},
	} {
		got, err := ParseHop(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
	for _, text := range []string{"", "@gate", "gate:", "gate:x", "gate:0", "gate:99999", "a b"} {
		if h, err := ParseHop(text); err == nil {
			t.Errorf("%q is %+v", text, h)
		}
	}
}

func TestMatchExecIsCalledOff(t *testing.T) {
	t.Setenv("SHELL", "/bin/sh")
	c := load(t, "Match exec \"sleep 1000000\"\n Port 1\n")
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Settings(ctx, "h", Override{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestPattern(t *testing.T) {
	for _, x := range []struct {
		s, pattern string
		want       bool
	}{
		{"", "", true}, {"", "*", true}, {"", "?", false}, {"a", "", false}, {"abc", "a*c", true}, {"abc", "a?c", true},
		{"abc", "*b", false}, {"aXbXc", "a*X*c", true}, {"aaa", "a*a*a*a", false}, {"abc", "abc*", true}, {"abc", "???", true}, {"ab", "???", false},
	} {
		if got := Match(x.s, x.pattern); got != x.want {
			t.Errorf("Match(%q, %q) is %v", x.s, x.pattern, got)
		}
	}
	long := strings.Repeat("a", 1000)
	if Match(long, strings.Repeat("*a", 200)+"b") { // by trying all ways it would never end
		t.Error("a long pattern matches")
	}
}

func TestManyHosts(t *testing.T) { manyHosts(t, 10000) }

// BenchmarkManyHosts is linear where one host costs the same among many as among few.
func BenchmarkManyHosts(b *testing.B) {
	for _, n := range []int{100, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				manyHosts(b, n)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/host")
		})
	}
}

// manyHosts has n hosts with a block each.
func manyHosts(t testing.TB, n int) {
	t.Helper()
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "Host h%d\n HostName 10.0.%d.%d\n Port %d\n", i, i/250, i%250, i+1)
	}
	b.WriteString("Host h*\n User web\n")
	c := load(t, b.String())
	for i := range n {
		s, err := c.Settings(context.Background(), fmt.Sprint("h", i), Override{})
		if err != nil || s.Port != i+1 || s.User != "web" {
			t.Fatal(i, s.Port, s.User, err)
		}
	}
}

func BenchmarkSettings(b *testing.B) {
	c := load(b, "Host h*\n User web\n IdentityFile ~/.ssh/id_ed25519\n StrictHostKeyChecking yes\nHost *\n ConnectTimeout 5\n")
	for b.Loop() {
		if _, err := c.Settings(context.Background(), "h1", Override{}); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzConfig(f *testing.F) {
	for _, c := range awkward {
		if !strings.Contains(c.config, "exec") && !strings.Contains(c.config, "DIR") {
			f.Add(c.config, "web1")
		}
	}
	f.Fuzz(func(t *testing.T, text, host string) {
		if low := strings.ToLower(text); strings.Contains(low, "exec") || strings.Contains(low, "include") {
			return
		}
		name := filepath.Join(t.TempDir(), "config")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Load(Sources{File: name, Home: "/home/me", User: "me"})
		if err != nil {
			return
		}
		c.Settings(context.Background(), host, Override{})
	})
}

func TestCanonicalNames(t *testing.T) {
	const domains = "CanonicalDomains a.example b.example\nCanonicalizeHostname "
	for _, x := range []struct{ config, host, want string }{
		{domains + "yes\n", "web1", "web1.b.example"},
		{domains + "no\n", "web1", "web1"},
		{domains + "yes\n", "web2", "web2"},
		{domains + "yes\nCanonicalizeFallbackLocal no\n", "web2", "error"},
		{domains + "yes\n", "web1.b.example", "web1.b.example"},
		{domains + "yes\n", "10.0.0.1", "10.0.0.1"},
		{domains + "yes\nProxyJump gate\n", "web1", "web1"},
		{domains + "always\nProxyJump gate\n", "web1", "web1.b.example"},
		{domains + "yes\nHost web1.b.example\n HostName real\n User u\n", "web1", "web1.b.example"},
	} {
		c := load(t, x.config)
		c.lookup = func(_ context.Context, host string) ([]string, error) {
			if host == "web1.b.example." {
				return []string{"10.0.0.7"}, nil
			}
			return nil, errors.New("no such host")
		}
		s, err := c.Settings(context.Background(), x.host, Override{})
		got := s.HostName
		if err != nil {
			got = "error"
		}
		if got != x.want {
			t.Errorf("%q for %s: got %s (%v), want %s", x.config, x.host, got, err, x.want)
		}
	}
}
