package sshconfig

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"farmrun/testdata/need"
)

// lines says what s has in the words of ssh -G, for the options compared.
func lines(s Settings) []string {
	yes := func(b bool) string { return map[bool]string{true: "yes", false: "no"}[b] }
	strict := map[string]string{"yes": "true", "no": "false"}[s.StrictHostKeyChecking]
	if strict == "" {
		strict = s.StrictHostKeyChecking
	}
	timeout := "none"
	if s.ConnectTimeout != 0 {
		timeout = strconv.Itoa(int(s.ConnectTimeout.Seconds()))
	}
	out := []string{
		"hostname " + s.HostName, "user " + s.User, "port " + strconv.Itoa(s.Port),
		"addressfamily " + s.AddressFamily, "batchmode " + yes(s.BatchMode),
		"identitiesonly " + yes(s.IdentitiesOnly), "hashknownhosts " + yes(s.HashKnownHosts),
		"passwordauthentication " + yes(s.PasswordAuthentication),
		"kbdinteractiveauthentication " + yes(s.KbdInteractiveAuthentication),
		"numberofpasswordprompts " + strconv.Itoa(s.NumberOfPasswordPrompts),
		"stricthostkeychecking " + strict, "connecttimeout " + timeout,
		"serveraliveinterval " + strconv.Itoa(int(s.ServerAliveInterval.Seconds())),
		"serveralivecountmax " + strconv.Itoa(s.ServerAliveCountMax),
		"userknownhostsfile " + strings.Join(s.UserKnownHostsFiles, " "),
		"globalknownhostsfile " + strings.Join(s.GlobalKnownHostsFiles, " "),
	}
	for name, value := range map[string]string{
		"identityagent": s.IdentityAgent, "hostkeyalias": s.HostKeyAlias, "bindaddress": s.BindAddress,
		"proxycommand": s.ProxyCommand, "preferredauthentications": strings.Join(s.PreferredAuthentications, ","),
	} {
		if value != "" {
			out = append(out, name+" "+value)
		}
	}
	if s.ProxyJump != nil {
		hops := make([]string, len(s.ProxyJump))
		for i, h := range s.ProxyJump {
			hops[i] = h.String()
		}
		out = append(out, "proxyjump "+strings.Join(hops, ","))
	}
	for _, f := range s.IdentityFiles {
		out = append(out, "identityfile "+f)
	}
	for _, f := range s.CertificateFiles {
		out = append(out, "certificatefile "+f)
	}
	for _, f := range s.RemoteForwards {
		out = append(out, "remoteforward "+f.String())
	}
	slices.Sort(out)
	return out
}

// keep are the options that lines prints.
var keep = strings.Fields(`hostname user port addressfamily batchmode identitiesonly hashknownhosts
	passwordauthentication kbdinteractiveauthentication numberofpasswordprompts stricthostkeychecking
	connecttimeout serveraliveinterval serveralivecountmax userknownhostsfile globalknownhostsfile identityagent
	hostkeyalias bindaddress proxycommand preferredauthentications proxyjump identityfile certificatefile remoteforward`)

// sshG asks OpenSSH itself.
func sshG(t *testing.T, args ...string) ([]string, error) {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command("ssh", append([]string{"-G"}, args...)...)
	cmd.Stderr = &stderr
	text, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, stderr.String())
	}
	var out []string
	for line := range strings.Lines(string(text)) {
		name, _, _ := strings.Cut(strings.TrimRight(line, "\n"), " ")
		if slices.Contains(keep, name) {
			out = append(out, strings.TrimRight(line, "\n"))
		}
	}
	slices.Sort(out)
	return out, nil
}

// knownTo returns lines without the default key that this machine's ssh does not
// try: OpenSSH 10 has no DSA any more, and hosts may still be older.
func knownTo(t *testing.T, lines []string) []string {
	const dsa = "identityfile ~/.ssh/id_dsa"
	tried, err := sshG(t, "-F", "none", "h")
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(tried, dsa) {
		return lines
	}
	return slices.DeleteFunc(lines, func(line string) bool { return line == dsa })
}

// awkward are configurations, each with the hosts to ask for. DIR is replaced
// by a directory in which the files of extra are.
var awkward = []struct {
	name, config string
	hosts        []string
	extra        map[string]string
	args         []string // for ssh
	over         Override // the same for Settings
}{
	{name: "nothing", config: "", hosts: []string{"web1", "WEB1", "10.0.0.1", "::1"}},
	{name: "first value wins", config: `
Host web1
  Port 1
  Port 2
Host *
  Port 3
  User everybody
Host web2
  User late
`, hosts: []string{"web1", "web2"}},
	{name: "equals and blanks", config: "Port=22\nUser = bob\nHostName\t=\tx.example\n  ConnectTimeout=  7\nBatchMode  yes\nServerAliveInterval =5", hosts: []string{"h"}},
	{name: "quotes", config: `
User "bob smith"
HostKeyAlias 'it''s'
IdentityFile "/a b/c"
IdentityFile /a\ b/d
IdentityFile "/q\"uote"
IdentityFile /back\slash
IdentityFile "half"/quoted' and'
CertificateFile /x"y"z
"HostName" quoted.example
`, hosts: []string{"h"}},
	{name: "comments", config: `
# a comment
   # another
User bob # the user
HostName x#y
IdentityFile "/a#b" # why
IdentityFile /a#b
ProxyCommand nc %h %p # kept
Port 23	# tab
`, hosts: []string{"h"}},
	{name: "carriage returns", config: "Host web*\r\n  User bob\r\n  Port 2222\r\n\r\nHost *\r\n  HostName real\r\nUser x\f\r\n", hosts: []string{"web1", "other"}},
	{name: "case of keywords", config: "HOST web1\n hOsTnAmE Real.EXAMPLE\n USER Bob\n stricthostkeychecking ACCEPT-NEW\n hashknownhosts YES\nhost WEB2\n port 9", hosts: []string{"web1", "web2", "WEB2"}},
	{name: "gathering", config: `
IdentityFile ~/.ssh/a
Host web1
 IdentityFile ~/.ssh/b
 IdentityFile ~/.ssh/a
 CertificateFile ~/c1
 CertificateFile ~/c2
Match all
 IdentityFile ~/.ssh/%r@%h
 UserKnownHostsFile /a /b
 UserKnownHostsFile /c
 GlobalKnownHostsFile none
`, hosts: []string{"web1", "web2"}},
	{name: "patterns", config: `
Host web? !web3
 Port 1
Host *.example !*.bad.example x
 Port 2
Host !only
 Port 3
Host 10.0.0.* ""x
 Port 4
Host w*b*r
 Port 5
Host a b c
 Port 6
Host **
 User star
`, hosts: []string{"web1", "web3", "web", "web12", "a.example", "a.bad.example", "x", "only", "other", "10.0.0.7", "waaabbbr", "wbr", "c"}},
	{name: "match", config: `
Match host web1,web2
 Port 1
Match host *.example,!no.example user bob
 Port 2
Match originalhost ali*
 HostName real.example
Match host real.example
 Port 3
Match !host web1 !user root
 User nobody
Match user nobody
 ConnectTimeout 4
Match localuser root,` + "LOCALUSER" + ` host=web1
 ServerAliveInterval 7
Match Host WEB1
 ServerAliveCountMax 9
Match all
 HostKeyAlias all
`, hosts: []string{"web1", "WEB1", "web3", "no.example", "x.example", "alias"}, args: []string{"-l", "bob"}, over: Override{User: "bob"}},
	{name: "match exec", config: `
Match exec "test %h = web1 -a %n = web1 -a %p = 22"
 Port 7
Match host web2 exec "exit 1"
 Port 8
Match host web2 !exec "exit 1"
 Port 9
Match exec true
 User e
`, hosts: []string{"web1", "web2"}},
	{name: "match final", config: `
Host web1
 HostName REAL.example
Host real.example
 Port 99
Match final host real.example
 User final
Match !final
 ConnectTimeout 3
Match canonical
 HostKeyAlias canon
IdentityFile /x
`, hosts: []string{"web1", "web2"}},
	{name: "host after match", config: `
Match user nosuch
 Port 1
Host web1
 Port 2
Match host web1
 User m
Host web2
 Port 3
`, hosts: []string{"web1", "web2"}},
	{name: "include", config: `
Include DIR/inc/*.conf DIR/missing
Host web1
 Include DIR/web1
 User after
Host web2
 Include DIR/nested
 Port 5
Include DIR/tail
`, extra: map[string]string{
		"inc/20.conf":   "Port 20\nHost web1\n HostKeyAlias twenty\n",
		"inc/10.conf":   "Host web2\nUser ten\n",
		"inc/.hid.conf": "Port 666\n",
		"web1":          "ConnectTimeout 11\nHost web2\n ServerAliveInterval 1\nHost web1\n ServerAliveInterval 2\n",
		"nested":        "Match all\n Include DIR/deeper\nHost nosuch\n",
		"deeper":        "IdentityFile /deep\n",
		"tail":          "ServerAliveCountMax 8\n",
	}, hosts: []string{"web1", "web2", "web3"}},
	{name: "tokens", config: `
Host web1
 HostName %h.example
 User rem
 Port 2200
UserKnownHostsFile ~/kh.%h.%n.%p.%r.%u.%%.%d.%i.%k ${HOME}/x /c.%C
IdentityAgent ~/agent-%L-%l
IdentityFile %d/%h
ProxyCommand nc -x %r %h %p %%
RemoteForward /run/%h.sock /tmp/${HOME}.%n
RevokedHostKeys ~/revoked.%h
`, hosts: []string{"web1", "web2"}},
	{name: "agents", config: "Host a\n IdentityAgent none\nHost b\n IdentityAgent SSH_AUTH_SOCK\nHost c\n IdentityAgent $FOO\nHost d\n IdentityAgent ${HOME}/s\nHost e\n IdentityAgent ~/s\n", hosts: []string{"a", "b", "c", "d", "e"}},
	{name: "proxies", config: `
Host a
 ProxyJump gate
 ProxyCommand never
Host b
 ProxyCommand nc %h %p
 ProxyJump gate
Host c
 ProxyJump bob@g1:2222,ssh://al@g2:22,[::1]:22,g4
Host d
 ProxyJump none
Host e
 ProxyCommand none
Host f
 ProxyJump gate # with a comment
Host *
 ProxyJump last
`, hosts: []string{"a", "b", "d", "e", "f", "g"}},
	{name: "forwards", config: `
RemoteForward 2401 dev:2401
RemoteForward 127.0.0.1:2401 dev:2401
RemoteForward 127.0.0.1:2401 dev:2401
RemoteForward [::1]:2401 [fe80::1]:2401
RemoteForward 0 dev:2401
RemoteForward *:2402 dev:80
RemoteForward /run/sock dev:80
RemoteForward 2403 /run/sock
RemoteForward 2404
Host quiet
 ClearAllForwardings yes
`, hosts: []string{"a", "quiet"}},
	{name: "flags", config: `
PasswordAuthentication no
ChallengeResponseAuthentication no
IdentitiesOnly true
HashKnownHosts yes
StrictHostKeyChecking off
PreferredAuthentications publickey,password
NumberOfPasswordPrompts 1
AddressFamily inet6
BindAddress 127.0.0.1
ConnectTimeout 1h2m3s
ServerAliveInterval 2m
Compression yes
ForwardAgent yes
SendEnv LANG LC_*
SetEnv A=b
ControlMaster auto
ControlPath ~/.ssh/%C
Ciphers aes128-ctr
Protocol 2
`, hosts: []string{"a"}},
	{name: "unset by none", config: "ConnectTimeout none\nConnectTimeout 5\n", hosts: []string{"a"}},
	{name: "ignore unknown", config: "IgnoreUnknown Use*,Frobnicate\nUseKeychain yes\nHost x\n frobnicate a b c\n Port 4\n", hosts: []string{"a", "x"}},
	{name: "options", config: "Port 1\nUser u\nIdentityFile /f\n", hosts: []string{"a"},
		args: []string{"-o", "Port=2", "-o", "user v", "-o", "IdentityFile=/o", "-o", "ConnectTimeout = 3"},
		over: Override{Set: []string{"Port=2", "user v", "IdentityFile=/o", "ConnectTimeout = 3"}}},

	// What ssh refuses.
	{name: "bad option", config: "Port 22\nFrobnicate yes\n", hosts: []string{"a"}},
	{name: "bad option for another host", config: "Host x\n Frobnicate yes\n", hosts: []string{"a"}},
	{name: "ignored too late", config: "Frobnicate yes\nIgnoreUnknown Frobnicate\n", hosts: []string{"a"}},
	{name: "bad port", config: "Host x\nPort nosuchport\n", hosts: []string{"a"}},
	{name: "port 0", config: "Port 0\n", hosts: []string{"a"}},
	{name: "bad flag", config: "BatchMode maybe\n", hosts: []string{"a"}},
	{name: "bad time", config: "ConnectTimeout 5x\n", hosts: []string{"a"}},
	{name: "no argument", config: "User\n", hosts: []string{"a"}},
	{name: "empty argument", config: "User \"\"\n", hosts: []string{"a"}},
	{name: "open quote", config: "User \"bob\n", hosts: []string{"a"}},
	{name: "extra argument", config: "User bob al\n", hosts: []string{"a"}},
	{name: "bad match", config: "Match frob x\n", hosts: []string{"a"}},
	{name: "empty match", config: "Match\n", hosts: []string{"a"}},
	{name: "match without criterion", config: "Match host\n", hosts: []string{"a"}},
	{name: "match all and more", config: "Match all host x\n", hosts: []string{"a"}},
	{name: "bad token", config: "HostName %q\n", hosts: []string{"a"}},
	{name: "bad forward", config: "RemoteForward 99999999 dev:1\n", hosts: []string{"a"}},
	{name: "bad forward target", config: "RemoteForward 2401 dev\n", hosts: []string{"a"}},
	{name: "none with others", config: "UserKnownHostsFile /a none\n", hosts: []string{"a"}},
	{name: "bad jump", config: "ProxyJump a@,b\n", hosts: []string{"a"}},
	{name: "recursion", config: "Include DIR/config\n", hosts: []string{"a"}},
	{name: "bad include", config: "Include DIR/bad\n", extra: map[string]string{"bad": "\nFrob x\n"}, hosts: []string{"a"}},
	{name: "unset variable", config: "UserKnownHostsFile ${NO_SUCH_VARIABLE}/x\n", hosts: []string{"a"}},
}

// where finds the line that an error names.
var where = regexp.MustCompile(`line \d+`)

func TestEqualsOpenSSH(t *testing.T) {
	need.Program(t, "ssh") // to compare with
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", me.HomeDir)
	t.Setenv("FOO", "/run/foo.sock")
	t.Setenv("SHELL", "/bin/sh")
	for _, c := range awkward {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			c.config = strings.ReplaceAll(c.config, "LOCALUSER", me.Username)
			write(t, dir, "config", c.config)
			for name, text := range c.extra {
				write(t, dir, name, text)
			}
			file := filepath.Join(dir, "config")
			config, loadErr := Load(Sources{File: file})
			for _, host := range c.hosts {
				want, wantErr := sshG(t, append(append([]string{"-F", file}, c.args...), host)...)
				var s Settings
				err := loadErr
				if err == nil {
					s, err = config.Settings(context.Background(), host, c.over)
				}
				if err != nil || wantErr != nil {
					if (err == nil) != (wantErr == nil) {
						t.Errorf("%s: got error %v, ssh has %v", host, err, wantErr)
					}
					if got, want := where.FindString(fmt.Sprint(err)), where.FindString(fmt.Sprint(wantErr)); got != want {
						t.Errorf("%s: the error %v is in %q, for ssh in %q", host, err, got, want)
					}
					continue
				}
				if diff := cmp.Diff(want, knownTo(t, lines(s))); diff != "" {
					t.Errorf("%s (-ssh +got):\n%s", host, diff)
				}
			}
		})
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "DIR", dir)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestEqualsOpenSSHHere compares what this machine's own files say.
func TestEqualsOpenSSHHere(t *testing.T) {
	need.Program(t, "ssh") // to compare with
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	config, err := Load(Sources{Home: me.HomeDir})
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"localhost", "web1.example", "bob@h"} {
		want, err := sshG(t, host)
		if err != nil {
			t.Fatal(err)
		}
		s, err := config.Settings(context.Background(), host, Override{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, knownTo(t, lines(s))); diff != "" {
			t.Errorf("%s (-ssh +got):\n%s", host, diff)
		}
	}
}
