package recorded

import (
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var session = Session{{Said, "Pass\xff\x00w\u00f6rd: "}, {Sent, "secret\r"}, {Urgent, "\x80"}, {Said, "\r\nwelcome\r\n\"$ "}}

// TestPlay records what is played from a file.
func TestPlay(t *testing.T) {
	file := filepath.Join(t.TempDir(), "session")
	check(t, session.Save(file, "one\ntwo"))
	loaded, err := Load(file)
	check(t, err)
	conn, err := net.Dial("tcp", loaded.Start(t))
	check(t, err)
	var r Recorder
	noted := r.Conn(conn.(*net.TCPConn))
	defer noted.Close()
	_, err = io.ReadFull(noted, make([]byte, len(session[0].Text)))
	check(t, err)
	_, err = io.WriteString(noted, "sec")
	check(t, err)
	_, err = io.WriteString(noted, "ret\r")
	check(t, err)
	_, err = io.ReadAll(noted)
	check(t, err)
	want := Session{session[0], session[1], session[3]} // a plain read skips what is urgent
	if diff := cmp.Diff(want, r.Session()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPlayToSomebodyElse(t *testing.T) {
	for sent, want := range map[string]string{"secres\r": `was sent "secres\r"`, "sec": `was sent "sec"`} {
		near, far := net.Pipe()
		go func() {
			io.ReadFull(near, make([]byte, len(session[0].Text)))
			io.WriteString(near, sent)
			near.Close()
		}()
		if err := session.Play(far); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", sent, err, want)
		}
	}
}

func TestScrub(t *testing.T) {
	got := session.Scrub(func(s string) string { return strings.ReplaceAll(s, "secret", "x") })
	if got[1].Text != "x\r" || session[1].Text != "secret\r" {
		t.Errorf("got %q of %q", got[1], session[1])
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
