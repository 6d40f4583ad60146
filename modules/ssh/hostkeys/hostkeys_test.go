package hostkeys

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"

	"farmrun/testdata/need"
)

func newKey(t testing.TB) ssh.PublicKey {
	t.Helper()
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func text(key ssh.PublicKey) string { return string(ssh.MarshalAuthorizedKey(key)) }

func knownHosts(t testing.TB, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "known_hosts")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestCheck(t *testing.T) {
	a, b := newKey(t), newKey(t)
	for _, x := range []struct {
		name, content string
		want          Status
		line          int
	}{
		{"empty", "", Unknown, 0},
		{"plain", "h " + text(a), Known, 1},
		{"list", "# c\n\ng,h,i " + text(a), Known, 3},
		{"case", "H " + text(a), Known, 1},
		{"comment", "h " + strings.TrimSpace(text(a)) + " me@here\n", Known, 1},
		{"carriage return", "h " + strings.TrimSpace(text(a)) + "\r\n", Known, 1},
		{"other key", "h " + text(b), Changed, 1},
		{"both", "h " + text(b) + "h " + text(a), Known, 2},
		{"other host", "g " + text(a), Unknown, 0},
		{"port", "[h]:2222 " + text(a), Unknown, 0},
		{"wildcard", "* " + text(a), Known, 1},
		{"negated", "*,!h " + text(a), Unknown, 0},
		{"revoked", "h " + text(a) + "@revoked h " + text(a), Revoked, 2},
		{"other revoked", "h " + text(a) + "@revoked * " + text(b), Known, 1},
		{"authority", "@cert-authority * " + text(a), Unknown, 0},
		{"wrong type", "h ssh-rsa " + strings.Fields(text(a))[1], Unknown, 0},
		{"half a line", "h ssh-ed25519", Unknown, 0},
	} {
		t.Run(x.name, func(t *testing.T) {
			name := knownHosts(t, x.content)
			var db DB
			got, places := db.Check([]string{filepath.Join(t.TempDir(), "missing"), t.TempDir(), name}, "h", a)
			line := 0
			if len(places) > 0 {
				line = places[0].Line
			}
			if diff := cmp.Diff([]int{int(x.want), x.line}, []int{int(got), line}); diff != "" {
				t.Errorf("status and line (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAddIsReadable has many add at once, and ssh-keygen find what they added.
func TestAddIsReadable(t *testing.T) {
	name := filepath.Join(t.TempDir(), "deep", "known_hosts")
	var db DB
	var all sync.WaitGroup
	for i := range 20 {
		key := newKey(t)
		all.Go(func() {
			if err := db.Add(name, fmt.Sprintf("[h%d]:2222", i), key, i%2 == 0); err != nil {
				t.Error(err)
			}
			if s, _ := db.Check([]string{name}, fmt.Sprintf("[h%d]:2222", i), key); s != Known {
				t.Error(s)
			}
		})
	}
	all.Wait()
	need.Program(t, "ssh-keygen")
	for i := range 20 {
		if out, err := exec.Command("ssh-keygen", "-F", fmt.Sprintf("[h%d]:2222", i), "-f", name).CombinedOutput(); err != nil {
			t.Errorf("ssh-keygen does not find h%d: %v %s", i, err, out)
		}
	}
}

func TestManyHashed(t *testing.T) { manyHashed(t, 10000) }

// BenchmarkManyHashed is linear where one host costs the same among many as among few.
func BenchmarkManyHashed(b *testing.B) {
	for _, n := range []int{100, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				manyHashed(b, n)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/host")
		})
	}
}

// manyHashed has n hosts find themselves among as many hashed lines.
func manyHashed(t testing.TB, n int) {
	t.Helper()
	var b strings.Builder
	keys := make([]ssh.PublicKey, n)
	for i := range n {
		keys[i] = newKey(t)
		name, err := hashName(fmt.Sprint("h", i))
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString(name + " " + text(keys[i]))
	}
	files := []string{knownHosts(t, b.String())}
	var db DB
	for i, key := range keys {
		if s, _ := db.Check(files, fmt.Sprint("h", i), key); s != Known {
			t.Fatal(i, s)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("h ssh-ed25519 AAAA\n|1|x=|y=| a b\n@revoked * x y\n", "h")
	f.Add("|1|AAAAAAAAAAAAAAAAAAAAAAAAAAA=|AAAAAAAAAAAAAAAAAAAAAAAAAAA= ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA==\n", "[h]:1")
	key := newKey(f)
	f.Fuzz(func(t *testing.T, content, name string) {
		var db DB
		files := []string{knownHosts(t, content)}
		if s, _ := db.Check(files, name, key); s == Known {
			t.Errorf("%q lets an unknown key pass", content)
		}
		db.Types(files, name)
	})
}
