package asciicast_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"farmrun/luahost/asciicast"
	"farmrun/testdata/need"
)

// record returns the recording of what do does, and fails the test if it fails.
func record(t *testing.T, h asciicast.Header, do func(w *asciicast.Writer)) string {
	t.Helper()
	var file bytes.Buffer
	w, err := asciicast.NewWriter(&file, h)
	if err != nil {
		t.Fatal(err)
	}
	do(w)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file.String()
}

// events reads a recording.
func events(t *testing.T, file string) (asciicast.Header, []asciicast.Event) {
	t.Helper()
	r, err := asciicast.NewReader(strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	var all []asciicast.Event
	for {
		e, err := r.Next()
		if err == io.EOF {
			return r.Header, all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
}

func TestWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := asciicast.Header{Columns: 80, Rows: 24, Began: time.Now(), Title: "web1", Idle: 2 * time.Second, Env: map[string]string{"TERM": "dumb"}}
		got := record(t, h, func(w *asciicast.Writer) {
			w.Output([]byte("login: "))
			time.Sleep(1500 * time.Millisecond)
			w.Input([]byte("web\r"))
			w.Output([]byte("caf\xc3"))
			w.Resize(132, 43)
			time.Sleep(time.Second)
			w.Output([]byte("\xa9 <&>\x1b[m\xff\xe2\x82"))
		})
		want := fmt.Sprintf(`{"version":2,"width":80,"height":24,"timestamp":%d,"title":"web1","idle_time_limit":2,"env":{"TERM":"dumb"}}
[0.000000, "o", "login: "]
[1.500000, "i", "web\r"]
[1.500000, "o", "caf"]
[1.500000, "r", "132x43"]
[2.500000, "o", "é <&>\u001b[m\ufffd"]
[2.500000, "o", "\ufffd\ufffd"]
`, h.Began.Unix())
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestReader(t *testing.T) {
	header, got := events(t, `{"version": 2, "width": 80, "height": 24, "timestamp": 969397445, "theme": {}, "title": "x"}

[0.25, "o", "a\r\n", "more"]
[1, "x", "from a later version"]
[2.5, "r", "132x43"]`)
	want := []asciicast.Event{
		{At: 250 * time.Millisecond, Kind: asciicast.Output, Text: "a\r\n"},
		{At: time.Second, Kind: "x", Text: "from a later version"},
		{At: 2500 * time.Millisecond, Kind: asciicast.Resized, Text: "132x43"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	wantHeader := asciicast.Header{Columns: 80, Rows: 24, Began: time.Unix(969397445, 0), Title: "x"}
	if diff := cmp.Diff(wantHeader, header); diff != "" {
		t.Error(diff)
	}
}

// TestTorn: a recording that was broken off anywhere is read as far as it goes.
func TestTorn(t *testing.T) {
	whole := record(t, asciicast.Header{}, func(w *asciicast.Writer) {
		w.Output([]byte("one"))
		w.Output([]byte("two"))
	})
	first := strings.Index(whole, "\n") + 1
	second := first + strings.Index(whole[first:], "\n")
	for n := first; n < len(whole); n++ {
		_, got := events(t, whole[:n])
		want := 0
		if n >= second {
			want = 1
		}
		if n == len(whole)-1 { // only the line end is missing
			want = 2
		}
		if len(got) != want {
			t.Errorf("of %q: %d events, want %d", whole[:n], len(got), want)
		}
	}
}

func TestNoRecording(t *testing.T) {
	for _, file := range []string{"", "\n", "{}\n", `{"version": 1}`, `{"version": 3}`, "[0, \"o\", \"x\"]\n", "hello\n"} {
		if _, err := asciicast.NewReader(strings.NewReader(file)); !errors.Is(err, asciicast.ErrFormat) {
			t.Errorf("%q: %v", file, err)
		}
	}
	for _, line := range []string{"x", "[]", `["0", "o", "x"]`, `[0, "o", 1]`, "{}"} {
		r, err := asciicast.NewReader(strings.NewReader("{\"version\": 2}\n" + line + "\n[0, \"o\", \"x\"]\n"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Next(); !errors.Is(err, asciicast.ErrFormat) || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%q: %v", line, err)
		}
	}
}

var errFull = errors.New("no space left on device")

// full has room for some bytes.
type full int

func (f *full) Write(p []byte) (int, error) {
	if len(p) > int(*f) {
		return 0, errFull
	}
	*f -= full(len(p))
	return len(p), nil
}

func TestNoSpace(t *testing.T) {
	none, some := full(0), full(60)
	if _, err := asciicast.NewWriter(&none, asciicast.Header{}); !errors.Is(err, errFull) {
		t.Error(err)
	}
	w, err := asciicast.NewWriter(&some, asciicast.Header{})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := w.Write([]byte("x")); n != 0 || !errors.Is(err, errFull) {
		t.Error(n, err)
	}
}

// timed notes when something was written.
type timed struct {
	began time.Time
	log   []string
}

func (w *timed) Write(p []byte) (int, error) {
	w.log = append(w.log, fmt.Sprintf("%v %s", time.Since(w.began), p))
	return len(p), nil
}

const slow = `{"version": 2, "width": 80, "height": 24, "idle_time_limit": 5}
[1, "o", "a"]
[1.5, "i", "typed"]
[2, "o", "b"]
[1.9, "o", "the clock went back"]
[12, "o", "c"]
`

func TestPlay(t *testing.T) {
	for name, test := range map[string]struct {
		player asciicast.Player
		want   []string
	}{
		"as it was": {asciicast.Player{}, []string{"1s a", "2s b", "2s the clock went back", "7s c"}},
		"no pauses": {asciicast.Player{Untimed: true}, []string{"0s a", "0s b", "0s the clock went back", "0s c"}},
		"fast":      {asciicast.Player{Speed: 2}, []string{"500ms a", "1s b", "1s the clock went back", "3.5s c"}},
		"patient":   {asciicast.Player{Idle: time.Minute}, []string{"1s a", "2s b", "2s the clock went back", "12s c"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, err := asciicast.NewReader(strings.NewReader(slow))
				if err != nil {
					t.Fatal(err)
				}
				w := &timed{began: time.Now()}
				test.player.To = w
				if err := test.player.Play(t.Context(), r); err != nil {
					t.Error(err)
				}
				if diff := cmp.Diff(test.want, w.log); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// TestStop: a replay is paused, goes on, and is stopped.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := asciicast.NewReader(strings.NewReader(slow))
		if err != nil {
			t.Fatal(err)
		}
		why := errors.New("^C")
		ctx, stop := context.WithCancelCause(t.Context())
		pause := make(chan struct{})
		go func() {
			time.Sleep(1200 * time.Millisecond)
			pause <- struct{}{}
			time.Sleep(time.Hour)
			pause <- struct{}{}
			time.Sleep(time.Second)
			stop(why)
		}()
		w := &timed{began: time.Now()}
		err = asciicast.Player{To: w, Paused: pause}.Play(ctx, r)
		if !errors.Is(err, why) {
			t.Error(err)
		}
		if want := []string{"1s a", "1h0m1.7s b", "1h0m1.7s the clock went back"}; !slices.Equal(w.log, want) {
			t.Errorf("got %q, want %q", w.log, want)
		}
	})
}

// TestAsciinema: the real one reads what is written here.
func TestAsciinema(t *testing.T) {
	need.Program(t, "asciinema")
	file := filepath.Join(t.TempDir(), "web1.cast")
	text := "login: \x1b[1mwéb\x1b[m\r\n\"quoted\" \\ \x00\x7f \u2028 \U0001f600\r\n"
	cast := record(t, asciicast.Header{Columns: 80, Rows: 24, Title: "web1", Env: map[string]string{"TERM": "dumb"}}, func(w *asciicast.Writer) {
		for i := range len(text) {
			w.Output([]byte(text[i : i+1]))
		}
		w.Resize(132, 43)
	})
	if err := os.WriteFile(file, []byte(cast), 0o600); err != nil {
		t.Fatal(err)
	}
	play := exec.Command("asciinema", "play", "-s", "100", file)
	play.Env = append(os.Environ(), "HOME="+t.TempDir(), "LC_ALL=C.UTF-8")
	got, err := play.Output()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(text, string(got)); diff != "" {
		t.Error(diff)
	}
}

// FuzzWriter has a terminal say and be told anything in any portions: each line
// is JSON, times do not go back, and what is read is what was said.
func FuzzWriter(f *testing.F) {
	f.Add([]byte("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\xff\x00\x1b[m\"\\\u2028"), uint8(1), true)
	f.Add([]byte("\xe2\x82\xe2\x82\xac\xf0\x9f\x98"), uint8(2), false)
	f.Fuzz(func(t *testing.T, text []byte, portion uint8, typed bool) {
		var said, keys []byte
		file := record(t, asciicast.Header{Columns: 80, Rows: 24, Title: string(text)}, func(w *asciicast.Writer) {
			for p := range slices.Chunk(text, max(1, int(portion))) {
				said = append(said, p...)
				w.Output(p)
				if typed {
					keys = append(keys, p...)
					w.Input(p)
					w.Resize(len(said), len(keys))
				}
			}
		})
		for line := range strings.Lines(file) {
			if !json.Valid([]byte(line)) {
				t.Fatalf("%q is no JSON", line)
			}
		}
		_, all := events(t, file)
		got := map[asciicast.Kind]string{}
		var last time.Duration
		for _, e := range all {
			if e.At < last {
				t.Errorf("%v after %v", e.At, last)
			}
			last = e.At
			got[e.Kind] += e.Text
		}
		if want := string([]rune(string(said))); got[asciicast.Output] != want {
			t.Errorf("%q was read as %q", want, got[asciicast.Output])
		}
		if want := string([]rune(string(keys))); got[asciicast.Input] != want {
			t.Errorf("typed %q was read as %q", want, got[asciicast.Input])
		}
	})
}

// FuzzReader: whatever the file, reading it ends.
func FuzzReader(f *testing.F) {
	f.Add([]byte(slow))
	f.Add([]byte("{\"version\": 2}\n[1e300, \"o\", \"\\ud800\"]\n[-1, \"\", \"\"]\n["))
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := asciicast.NewReader(bytes.NewReader(file))
		if err != nil {
			return
		}
		p := asciicast.Player{Untimed: true}
		if err := p.Play(t.Context(), r); err != nil && !errors.Is(err, asciicast.ErrFormat) {
			t.Error(err)
		}
	})
}
