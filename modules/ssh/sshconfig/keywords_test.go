package sshconfig

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"farmrun/testdata/need"
)

// harmless returns the options that farmrun reads over without a word, and why.
func harmless() map[string]string {
	all := map[string]string{}
	for why, names := range map[string]string{
		"a key for the agent is one for later runs of ssh":        "addkeystoagent",
		"keys that ssh has learned are in known_hosts":            "updatehostkeys",
		"of ControlPath, which is told":                           "controlmaster controlpersist",
		"of GSSAPIAuthentication, which is told":                  "gssapiclientidentity gssapidelegatecredentials gssapikexalgorithms gssapikeyexchange gssapirenewalforcesrekey gssapiserveridentity gssapitrustdns",
		"of HostbasedAuthentication, which is told":               "enablesshkeysign hostbasedacceptedalgorithms",
		"of ForwardX11, which is told":                            "forwardx11timeout forwardx11trusted xauthlocation",
		"of LocalForward and DynamicForward, which are told":      "exitonforwardfailure gatewayports permitremoteopen streamlocalbindmask streamlocalbindunlink",
		"of Tunnel, which is told":                                "tunneldevice",
		"speed, and how the connection is kept":                   "compression channeltimeout ipqos obscurekeystroketiming rekeylimit tcpkeepalive",
		"the output and the terminal of ssh itself":               "enableescapecommandline escapechar fingerprinthash loglevel logverbose syslogfacility visualhostkey warnweakcrypto",
		"of the command line; farmrun asks for what it needs":     "forkafterauthentication requesttty stdinnull versionaddendum",
		"ssh itself reads over it, or refuses it, since long ago": "afstokenpassing cipher compressionlevel fallbacktorsh globalknownhostsfile2 kerberosauthentication kerberostgtpassing protocol protocolkeepalives rhostsauthentication rhostsrsaauthentication rsaauthentication setuptimeout smartcarddevice useprivilegedport userknownhostsfile2 useroaming usersh",
	} {
		for _, name := range strings.Fields(names) {
			all[name] = why
		}
	}
	return all
}

// TestEveryKeyword: each option of this machine's ssh, and of the newest that is known
// here, is heeded or told, or it is harmless.
func TestEveryKeyword(t *testing.T) {
	need.Program(t, "ssh")
	keywords := maps.Clone(checks)
	text, err := exec.Command("ssh", "-G", "-F", "none", "h").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		name, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(line)), " ")
		if name = canonicalKey(name); name != "host" {
			keywords[name] = nil
		}
	}
	var over []string
	heeds := source(t)
	for name := range keywords {
		if !known(name) {
			t.Errorf("%s is not known", name)
		}
		if !strings.Contains(heeds, `"`+name+`"`) {
			over = append(over, name)
		}
	}
	slices.Sort(over)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(harmless())), over); diff != "" {
		t.Errorf("harmless and read over: -want +got\n%s", diff)
	}
}

// source returns the package's source, but for the list of all keywords.
func source(t *testing.T) string {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") || name == "keywords.go" {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

// TestTold: options that ssh would heed are told, at once or where a login fails.
func TestTold(t *testing.T) {
	for _, test := range []struct{ set, told, fails string }{
		{set: "Compression=yes"},
		{"HostbasedAuthentication=yes", "HostbasedAuthentication", "HostbasedAuthentication"},
		{"PKCS11Provider=/usr/lib/p11.so", "PKCS11Provider", "PKCS11Provider"},
		{set: "PKCS11Provider=none"},
		{set: "GSSAPIAuthentication=yes", fails: "GSSAPIAuthentication"},
		{set: "KbdInteractiveDevices=pam", fails: "KbdInteractiveDevices"},
		{set: "SecurityKeyProvider=/usr/lib/sk.so", fails: "SecurityKeyProvider"},
		{set: "SecurityKeyProvider=internal"},
		{set: "ControlPath=~/.ssh/%C", fails: "ControlPath"},
		{set: "ControlPath=none"},
		{"LocalForward=8080 localhost:80", "LocalForward", ""},
		{set: "LocalCommand=true"},
		{set: "CanonicalizePermittedCNAMEs=*:*"},
	} {
		c, err := Load(Sources{File: "none", Home: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		s, err := c.Settings(t.Context(), "h", Override{Set: []string{test.set}})
		if err != nil {
			t.Fatal(err)
		}
		told, fails := strings.Join(s.Unsupported(), " "), strings.Join(s.LoginOptions(), " ")
		if told != test.told || fails != test.fails {
			t.Errorf("%s: told %q, where a login fails %q", test.set, told, fails)
		}
	}
}
