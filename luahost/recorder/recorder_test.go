package recorder_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"farmrun/luahost/asciicast"
	"farmrun/luahost/recorder"
	"farmrun/luahost/remote"
	"farmrun/luahost/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// host is a terminal, and the host's end of it.
type host struct {
	net.Conn
	end net.Conn
}

func newHost() host {
	here, there := net.Pipe()
	return host{here, there}
}

var errNoSize = errors.New("no such size")

func (h host) Break() error { return nil }

func (h host) Resize(rows, _ int) error {
	if rows == 0 {
		return errNoSize
	}
	return nil
}

// says has the host say words, each of which is read.
func (h host) says(t *testing.T, terminal io.Reader, words ...string) {
	t.Helper()
	for _, w := range words {
		go io.WriteString(h.end, w)
		if _, err := io.ReadFull(terminal, make([]byte, len(w))); err != nil {
			t.Error(err)
		}
	}
}

// read returns the events of a recording, one a line.
func read(t *testing.T, path string) string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r, err := asciicast.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	said := fmt.Sprintf("%s %s %dx%d\n", r.Header.Title, r.Header.Env["TERM"], r.Header.Columns, r.Header.Rows)
	for {
		e, err := r.Next()
		if err == io.EOF {
			return said
		}
		if err != nil {
			t.Fatal(err)
		}
		said += fmt.Sprintf("%v %s %q\n", e.At.Round(time.Millisecond), e.Kind, e.Text)
	}
}

// warnings notes what the operator is told.
type warnings struct {
	mu  sync.Mutex
	all []string
}

func (w *warnings) warn(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, text)
}

func newRecorder(t *testing.T) (*recorder.Recorder, string, *warnings) {
	dir, w := t.TempDir(), &warnings{}
	return &recorder.Recorder{
		Dir:     func() (string, error) { return dir, nil },
		Secrets: &secret.Keyring{},
		Warn:    w.warn,
	}, dir, w
}

// TestRecord: what is said and how large the terminal is gets into the file,
// when it happens, and secrets do not.
func TestRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, dir, w := newRecorder(t)
		r.Secrets.Put("web", secret.New("hunter2!"))
		h := newHost()
		defer h.end.Close()
		term := r.Record("web1", "the hunter2! of", h, remote.TerminalOptions{Term: "vt100", Columns: 80})
		h.says(t, term, "login: ", "hun")
		time.Sleep(time.Second)
		h.says(t, term, "hu", "nter2!\r\n$ caf\xc3", "\xa9")
		if err := term.Resize(43, 132); err != nil {
			t.Error(err)
		}
		if err := term.Resize(0, 0); err != errNoSize {
			t.Error(err)
		}
		h.says(t, term, " hunt")
		path := filepath.Join(dir, "web1.cast")
		synctest.Wait()
		want := "the hunter2! of vt100 80x24\n" + `0s o "login: "
1s o "hun********"
1s o "\r\n$ café"
1s r "132x43"
1s o " "
`
		if diff := cmp.Diff(want, read(t, path)); diff != "" {
			t.Errorf("while it is open: %s", diff)
		}
		h.says(t, term, "un")
		if err := term.Close(); err != nil {
			t.Error(err)
		}
		if _, err := term.Read(make([]byte, 1)); err == nil {
			t.Error("it is still open")
		}
		if diff := cmp.Diff(want+"1s o \"huntun\"\n", read(t, path)); diff != "" {
			t.Errorf("in the end: %s", diff)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Error(info.Mode(), err)
		}
		if len(w.all) > 0 {
			t.Error(w.all)
		}
	})
}

// TestNothingSaid: there is no recording of nothing.
func TestNothingSaid(t *testing.T) {
	r, _, w := newRecorder(t)
	r.Dir = func() (string, error) { t.Error("asked for a directory"); return "", nil }
	h := newHost()
	r.Record("web1", "", h, remote.TerminalOptions{}).Close()
	h.end.Close()
	if len(w.all) > 0 {
		t.Error(w.all)
	}
}

func TestNames(t *testing.T) {
	r, dir, _ := newRecorder(t)
	for _, name := range []string{"web1", "web2", "web1", "10.99.0.2", "../../etc/passwd", "web1", "", ".hidden", "a+b", strings.Repeat("x", 300)} {
		h := newHost()
		term := r.Record(name, "", h, remote.TerminalOptions{})
		h.says(t, term, "x")
		term.Close()
		h.end.Close()
	}
	kept, err := recorder.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"web1":      "web1.cast web1+2.cast web1+3.cast",
		"web1+2":    "web1+2.cast",
		"10.99.0.2": "10.99.0.2.cast",
		"10.99.0":   "",
		"a+b":       "a_b.cast",
		"":          "10.99.0.2.cast _.cast _.._.._etc_passwd.cast _.hidden.cast a_b.cast web1.cast web1+2.cast web1+3.cast web2.cast " + strings.Repeat("x", 200) + ".cast",
	} {
		paths := kept.All()
		if name != "" {
			paths = kept.Of(name)
		}
		for i, p := range paths {
			paths[i] = filepath.Base(p)
		}
		if got := strings.Join(paths, " "); got != want {
			t.Errorf("%q: got %s, want %s", name, got, want)
		}
	}
	if _, err := recorder.List(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// of returns the recordings of a name that are in a directory.
func of(t *testing.T, dir, name string) []string {
	t.Helper()
	kept, err := recorder.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	if name == "" {
		return kept.All()
	}
	return kept.Of(name)
}

// TestManyAtOnce: terminals that begin at the same time get files of their own.
func TestManyAtOnce(t *testing.T) {
	r, dir, _ := newRecorder(t)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			h := newHost()
			term := r.Record("web1", "", h, remote.TerminalOptions{})
			h.says(t, term, "one", "two")
			term.Close()
			h.end.Close()
		})
	}
	wg.Wait()
	paths := of(t, dir, "web1")
	if len(paths) != 20 {
		t.Error(paths)
	}
	for _, p := range paths {
		if said := read(t, p); !strings.Contains(said, "\"one\"") || !strings.Contains(said, "\"two\"") {
			t.Error(said)
		}
	}
}

// TestNoSpace: terminals go on when they cannot be recorded, and the operator
// is told once.
func TestNoSpace(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, r *recorder.Recorder, dir string){
		"no directory": func(_ *testing.T, r *recorder.Recorder, _ string) {
			r.Dir = func() (string, error) { return "", errors.New("there is no home") }
		},
		"directory gone": func(_ *testing.T, _ *recorder.Recorder, dir string) { os.Remove(dir) },
		"disk full":      func(t *testing.T, _ *recorder.Recorder, _ string) { limit(t) },
	} {
		t.Run(name, func(t *testing.T) {
			r, dir, w := newRecorder(t)
			spoil(t, r, dir)
			for range 2 {
				h := newHost()
				term := r.Record("web1", "", h, remote.TerminalOptions{})
				h.says(t, term, "login: ", "more", strings.Repeat("x", 5000))
				if err := errors.Join(term.Resize(1, 2), term.Close()); err != nil {
					t.Error(err)
				}
				h.end.Close()
			}
			if len(w.all) != 1 || !strings.HasPrefix(w.all[0], "web1 is not recorded: ") || strings.Contains(w.all[0], "open /") {
				t.Errorf("%q", w.all)
			}
		})
	}
}

// TestBoundedRun: of the many terminals of a run the newest recordings are kept, of those
// still open too.
func TestBoundedRun(t *testing.T) {
	r, dir, w := newRecorder(t)
	text := strings.Repeat("y", 256<<10)
	if err := os.WriteFile(filepath.Join(dir, "former.cast"), make([]byte, 30<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	var first host
	var firstTerm remote.Terminal
	for i := range 400 {
		h := newHost()
		defer h.end.Close()
		term := r.Record(fmt.Sprintf("web%d", i), "", h, remote.TerminalOptions{})
		h.says(t, term, text)
		if i == 7 {
			first, firstTerm = h, term
		}
		if i%2 == 0 {
			term.Close()
		} else {
			defer term.Close()
		}
	}
	first.says(t, firstTerm, "goes on")
	paths, size := of(t, dir, ""), int64(0)
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	if size > 65<<20 || size < 60<<20 || len(w.all) != 1 {
		t.Errorf("%d bytes are kept, %q", size, w.all)
	}
	if len(of(t, dir, "former")) != 0 || len(of(t, dir, "web0")) != 0 || len(of(t, dir, "web9")) != 0 || len(of(t, dir, "web398")) != 1 {
		t.Error("not the oldest are gone")
	}
	if kept := of(t, dir, "web7"); len(kept) != 1 || !strings.Contains(read(t, kept[0]), "goes on") {
		t.Errorf("of one that was removed while open %q goes on", kept)
	}
}

// TestBounded: of a terminal without end the beginning and the last are kept, in
// files in the order in which it was said.
func TestBounded(t *testing.T) {
	r, dir, w := newRecorder(t)
	h := newHost()
	defer h.end.Close()
	term := r.Record("web1", "a session", h, remote.TerminalOptions{})
	megabyte := strings.Repeat("y\r\n", 1<<18)
	const said = 12
	for i := range said {
		h.says(t, term, fmt.Sprintf("part %d ", i)+megabyte)
	}
	term.Close()
	paths := of(t, dir, "web1")
	if len(paths) != 4 || w.all != nil {
		t.Fatal(paths, w.all)
	}
	size := int64(0)
	for i, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
		text := read(t, p)
		for j := range said {
			begins := strings.Contains(text, fmt.Sprintf("part %d y", j))
			if i == 0 && begins != (j == 0) || i > 0 && begins && j < said-5 || i == 3 && j == said-1 && !begins {
				t.Errorf("%s: part %d: %t", filepath.Base(p), j, begins)
			}
		}
	}
	if size > 10<<20 {
		t.Errorf("%d bytes are kept", size)
	}
}

// limit lets files of this process grow no larger than 4 KB until the test ends
// (setrlimit(2)), which is as good as a disk that is full.
func limit(t *testing.T) {
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	now := was
	now.Cur = 4096
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &now); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was) })
}
