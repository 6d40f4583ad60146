package scripts_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"farmrun/testdata/farm"
)

// TestPassmass changes the password of web on three servers, of which one is
// reached by ssh, one by telnet and one by rlogin, and back again, which shows
// that the new one holds.
func TestPassmass(t *testing.T) {
	o := newMixedOperator(t)
	const other = "n3w 'Secret\" pw"
	for _, change := range []struct{ old, new string }{{farm.Password, other}, {other, farm.Password}} {
		o.answers = map[string]string{
			"New password: ": change.new, "Once more: ": change.new, "Password for web: ": change.old,
		}
		got := o.ok("passmass", "webserv[1,4,7]")
		if want := "webserv1: changed\nwebserv4: changed\nwebserv7: changed\n"; got.out != want {
			t.Errorf("got:\n%swant:\n%s", got.out, want)
		}
		if text := got.out + got.err; strings.Contains(text, "n3w") || strings.Contains(text, "w3b") {
			t.Errorf("a password is shown:\n%s", text)
		}
	}
	kept := 0
	filepath.WalkDir(o.state(), func(path string, d fs.DirEntry, _ error) error {
		text, err := os.ReadFile(path)
		if err == nil && strings.HasSuffix(path, ".cast") {
			kept++
		}
		if strings.Contains(string(text), "n3w ") || strings.Contains(string(text), "w3b ") {
			t.Errorf("a password is in %s", path)
		}
		return nil
	})
	if kept == 0 {
		t.Error("the dialogues are not recorded")
	}
}

// TestPassmassRefused: the first server that refuses stops it, and says why.
func TestPassmassRefused(t *testing.T) {
	for name, test := range map[string]struct {
		old, new, why string
	}{
		"the old password is wrong": {"nonsense", "n3w secret", "the password was rejected"},
		"the new one is too short":  {farm.Password, "abc", "refused: You must choose a longer password."},
		"it is the old one":         {farm.Password, farm.Password, "refused: The password has not been changed."},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOperator(t)
			o.answers = map[string]string{
				"New password: ": test.new, "Once more: ": test.new, "Password for web: ": test.old,
			}
			got := o.fails(1, nil, "passmass", "webserv[1-3]")
			if want := "webserv1: " + test.why + "\nwebserv2: not tried\nwebserv3: not tried\n"; got.out != want {
				t.Errorf("got:\n%swant:\n%s", got.out, want)
			}
		})
	}
}
