package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"farmrun/luahost/journal"
	"farmrun/luahost/secret"
)

var at = time.Date(2000, 9, 19, 21, 4, 5, 0, time.UTC)

func create(t *testing.T, mask journal.Mask) (*journal.File, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal")
	f, err := journal.Create(path, mask)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f, path
}

func append1(t *testing.T, f *journal.File, records ...journal.Record) {
	t.Helper()
	for _, r := range records {
		if err := f.Append(r); err != nil {
			t.Fatal(err)
		}
	}
}

func reopen(t *testing.T, path string) (*journal.File, []journal.Record) {
	t.Helper()
	f, records, err := journal.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f, records
}

// TestAfterTheLast goes on with a journal whose last record is of a time that is
// still to come, by this machine's clock.
func TestAfterTheLast(t *testing.T) {
	f, path := create(t, nil)
	last := time.Now().Add(time.Hour)
	append1(t, f, journal.Record{Time: last, Kind: journal.RunBegan})
	f.Close()
	f, _ = reopen(t, path)
	append1(t, f, journal.Record{Kind: journal.RunResumed}, journal.Record{Time: time.Now(), Kind: journal.RunEnded})
	f.Close()
	_, records := reopen(t, path)
	for i, r := range records {
		if d := r.Time.Sub(last).Round(time.Microsecond); d < 0 || d > time.Minute {
			t.Errorf("record %d, %q, is %v after the first", i, r.Kind, d)
		}
	}
	if got := f.Clock().At(time.Now().Add(time.Second)).Sub(last).Round(time.Microsecond); got < time.Second {
		t.Errorf("a second on it is %v later", got)
	}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	f, path := create(t, nil)
	want := []journal.Record{
		{Time: at, Kind: journal.RunBegan, Run: &journal.Run{ID: "x", Command: []string{"cutover", "2000-09-19"}, Began: at}},
		{Time: at, Kind: journal.RolloutBegan, Rollout: 1, Hosts: []string{"web1", "web2"}},
		{Time: at, Kind: journal.Fact, Host: "web1", Name: "former", Value: "releases/initial\nand \xc3\xa4"},
	}
	append1(t, f, want...)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v (%v), want 0600", info.Mode(), err)
	}
	f.Close()
	f, got := reopen(t, path)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	more := journal.Record{Time: at, Kind: journal.RunEnded}
	append1(t, f, more)
	f.Close()
	if _, got = reopen(t, path); !cmp.Equal(append(want, more), got) {
		t.Errorf("after going on: %v", got)
	}
}

// TestATornLastLineDoesNoHarm cuts a journal at every byte of its last record.
func TestATornLastLineDoesNoHarm(t *testing.T) {
	f, path := create(t, nil)
	first := journal.Record{Time: at, Kind: journal.TurnBegan, Rollout: 1, Host: "web1"}
	append1(t, f, first, journal.Record{Time: at, Kind: journal.HostDone, Rollout: 1, Host: "web1"})
	f.Close()
	whole, _ := os.ReadFile(path)
	begin := bytes.IndexByte(whole, '\n') + 1
	for end := begin; end < len(whole); end++ {
		for _, tail := range []string{"", "\x00\x00\x00", "\x00\n"} {
			os.WriteFile(path, append(whole[:end:end], tail...), 0o600)
			f, records, err := journal.Open(path, nil)
			if err != nil || !cmp.Equal([]journal.Record{first}, records) {
				t.Fatalf("cut at %d with %q behind it: %v, %v", end, tail, records, err)
			}
			append1(t, f, first)
			f.Close()
			again, records, err := journal.Open(path, nil)
			if err != nil || len(records) != 2 {
				t.Fatalf("cut at %d and gone on with: %v, %v", end, records, err)
			}
			again.Close()
		}
	}
}

func TestAWrongLineInTheMiddleIsAnError(t *testing.T) {
	good := `{"time":"2000-09-19T21:04:05Z","kind":"well"}` + "\n"
	for _, bad := range []string{"{\n", "nonsense\n", "{}\n", "\n", "\x00\n", `{"kind":7}` + "\n"} {
		_, err := journal.Read(strings.NewReader(good + bad + good))
		if err == nil || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%q: got %v", bad, err)
		}
	}
}

func TestOneRunWritesAJournal(t *testing.T) {
	f, path := create(t, nil)
	if !journal.InUse(path) {
		t.Error("not in use")
	}
	if _, _, err := journal.Open(path, nil); !errors.Is(err, journal.ErrInUse) {
		t.Errorf("got %v, want ErrInUse", err)
	}
	if _, err := journal.Create(path, nil); err == nil {
		t.Error("created a second time")
	}
	f.Close()
	if journal.InUse(path) {
		t.Error("in use by nobody")
	}
}

// TestNothingThatIsSaidHidesASecret: the hosts' output is redacted, and nothing
// that farmrun, the site or the script has named.
func TestNothingThatIsSaidHidesASecret(t *testing.T) {
	ring := &secret.Keyring{}
	ring.Hide(secret.New("web"))
	ring.Hide(secret.New("fool"))
	f, path := create(t, ring)
	r := journal.Record{
		Kind: journal.StepEnded, Host: "web1", Step: "web/restart", Name: "webdir", Value: "web", Hosts: []string{"web1", "web2"},
		Error: "web1: step web/restart: it printed web, the fool", Output: "the web of web2\nw\\eb web", Run: &journal.Run{Command: []string{"web"}},
	}
	append1(t, f, r)
	want := r
	want.Error, want.Output = "web1: step web/restart: it printed (secret), the fool", "the (secret) of web2\nw\\eb (secret)"
	_, records, err := journal.Open(path, nil)
	if errors.Is(err, journal.ErrInUse) {
		f.Close()
		_, records, err = journal.Open(path, nil)
	}
	if err != nil || len(records) != 1 {
		t.Fatal(records, err)
	}
	records[0].Time = want.Time
	if diff := cmp.Diff(want, records[0]); diff != "" {
		t.Error("-want +got\n" + diff)
	}
}

// TestAFullDisk writes where there is no room: a part of a record must not stay.
func TestAFullDisk(t *testing.T) {
	f, path := create(t, nil)
	append1(t, f, journal.Record{Time: at, Kind: journal.TurnBegan, Host: "web1"})
	limit(t)
	err := f.Append(journal.Record{Kind: journal.StepBegan, Host: "web1", Output: strings.Repeat("x", 1<<20)})
	var failed *journal.WriteError
	if !errors.As(err, &failed) || !errors.Is(err, syscall.EFBIG) {
		t.Fatalf("got %v", err)
	}
	f.Close()
	if _, records := reopen(t, path); len(records) != 1 {
		t.Errorf("left %d records", len(records))
	}
}

func TestManyWriteAtOnce(t *testing.T) {
	f, path := create(t, nil)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			for range 20 {
				f.Append(journal.Record{Kind: journal.Sick, Host: fmt.Sprint("web", i), Error: strings.Repeat("x", 5000)})
			}
		})
	}
	wg.Wait()
	f.Close()
	if _, records := reopen(t, path); len(records) != 400 {
		t.Errorf("%d records, want 400", len(records))
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"time":"2000-09-19T21:04:05Z","kind":"rollout began","rollout":1,"hosts":["a","b"]}` + "\n" +
		`{"time":"2000-09-19T21:04:05Z","kind":"turn began","rollout":1,"host":"a"}` + "\n" + `{"kind`))
	f.Add([]byte(`{"kind":"run began","run":null}` + "\n" + `{"kind":"host done","rollout":-1,"host":"a"}` + "\n\x00\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		records, err := journal.Read(bytes.NewReader(text))
		state := journal.StateOf(records)
		for _, r := range state.Rollouts {
			if len(r.Open()) > len(r.Order) {
				t.Errorf("%d hosts are open, of %d", len(r.Open()), len(r.Order))
			}
		}
		if err != nil {
			return
		}
		path := filepath.Join(t.TempDir(), "journal")
		os.WriteFile(path, text, 0o600)
		file, _, err := journal.Open(path, nil)
		if err != nil {
			t.Fatalf("Read takes it, Open does not: %v", err)
		}
		defer file.Close()
		more := journal.Record{Time: at, Kind: journal.Sick}
		append1(t, file, more)
		again, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		after, err := journal.Read(bytes.NewReader(again))
		if err != nil || len(after) != len(records)+1 || !cmp.Equal(after[len(records)], more) {
			t.Errorf("%d records before, %d after one more: %v", len(records), len(after), err)
		}
	})
}

// TestTheHintOfAFailedWrite says what to do about that very failure.
func TestTheHintOfAFailedWrite(t *testing.T) {
	for cause, want := range map[error]string{
		&fs.PathError{Err: syscall.EACCES}: "let this user write there; ",
		syscall.ENOSPC:                     "make room for it on this machine; ",
	} {
		if got := (&journal.WriteError{Err: cause}).Hint(); !strings.HasPrefix(got, want) {
			t.Errorf("%v: got %q, want %q", cause, got, want)
		}
	}
}

// TestAJournalThatIsRemoved: of a file that nobody can find any more the system tells
// its writer nothing, and so File has to look.
func TestAJournalThatIsRemoved(t *testing.T) {
	for name, remove := range map[string]func(path string) error{
		"the file":      os.Remove,
		"its directory": func(path string) error { return os.RemoveAll(filepath.Dir(path)) },
		"another in its place": func(path string) error {
			return errors.Join(os.Rename(path, path+".old"), os.WriteFile(path, nil, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "run", "journal")
			if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			f, err := journal.Create(path, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := errors.Join(f.Append(journal.Record{Kind: journal.RunBegan}), remove(path)); err != nil {
				t.Fatal(err)
			}
			if err := f.Append(journal.Record{Kind: journal.Sick}); !errors.Is(err, journal.ErrGone) {
				t.Errorf("got %v", err)
			}
		})
	}
}
