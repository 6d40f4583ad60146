// Package recorded keeps dialogues with real daemons and plays them back, so
// that what a daemon says can be tested on machines that have none.
//
// A [Recorder] notes what goes over a connection, and its [Session] goes to a
// file that people can read, a piece of the dialogue a line:
//
//	< "webserv1 login: "     the host says
//	> "web\r\x00"            the host is sent
//	! "\x80"                 the host says out of band
//
// [Session.Play] is the host of such a file: it says the same, and fails where
// it is sent something else.
package recorded

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// Kind is who says a piece of a dialogue.
type Kind byte

// The kinds, as files have them.
const (
	Said   Kind = '<' // by the host
	Sent   Kind = '>' // to the host
	Urgent Kind = '!' // by the host, out of band
)

// Piece is a piece of a dialogue.
type Piece struct {
	Kind Kind
	Text string
}

// Session is a dialogue, from connecting to the end.
type Session []Piece

// Load reads a file that Save has written. Its lines that begin with # are
// comments.
func Load(file string) (Session, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var s Session
	for n, line := range strings.Split(string(text), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		words, err := strconv.Unquote(strings.TrimSpace(line[1:]))
		if err != nil || !strings.ContainsRune("<>!", rune(line[0])) {
			return nil, fmt.Errorf("%s:%d: no piece of a dialogue", file, n+1)
		}
		s = append(s, Piece{Kind(line[0]), words})
	}
	return s, nil
}

// Save writes the session to a file, with a comment at its beginning.
func (s Session) Save(file, comment string) error {
	var b bytes.Buffer
	for line := range strings.Lines(comment) {
		fmt.Fprintf(&b, "# %s\n", strings.TrimSuffix(line, "\n"))
	}
	for _, p := range s {
		for line := range strings.Lines(p.Text) {
			fmt.Fprintf(&b, "%c %s\n", p.Kind, quote(line))
		}
	}
	return os.WriteFile(file, b.Bytes(), 0o644)
}

// quote quotes byte by byte, so that a line means the same to every reader.
func quote(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		q := strconv.QuoteToASCII(string([]byte{c}))
		b.WriteString(q[1 : len(q)-1])
	}
	return `"` + b.String() + `"`
}

// Scrub returns s with change made to each piece: to take out secrets, and what
// is of one machine only.
func (s Session) Scrub(change func(string) string) Session {
	var out Session
	for _, p := range s {
		out = append(out, Piece{p.Kind, change(p.Text)})
	}
	return out
}

// Play is the host: it says over stream what it said, when it has been sent
// what it was. It returns nil at the end of the session.
func (s Session) Play(stream io.ReadWriter) error {
	for n, p := range s {
		if err := p.Play(stream); err != nil {
			return fmt.Errorf("piece %d of the dialogue: %w", n+1, err)
		}
	}
	return nil
}

// Play is Session.Play of one piece.
func (p Piece) Play(stream io.ReadWriter) error {
	switch p.Kind {
	case Said:
		_, err := io.WriteString(stream, p.Text)
		return err
	case Urgent:
		return SendUrgent(stream, p.Text)
	}
	got := make([]byte, len(p.Text))
	n, err := io.ReadFull(stream, got)
	if string(got[:n]) != p.Text[:n] || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("was sent %q, want %q", got[:n], p.Text)
	}
	return err
}

// SendUrgent sends text out of band where stream is a TCP connection. Only its
// last byte will be that.
func SendUrgent(stream any, text string) error {
	conn, ok := stream.(syscall.Conn)
	if !ok {
		return errors.ErrUnsupported
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = syscall.Sendto(int(fd), []byte(text), syscall.MSG_OOB, nil) })
	return errors.Join(err, failed)
}

// Start plays the session to one client, on a port of its own on loopback, and
// returns its address. The test fails if the client sends something else.
func (s Session) Start(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	played := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err == nil {
			err = s.Play(conn)
			conn.Close()
		}
		played <- err
	}()
	t.Cleanup(func() {
		l.Close()
		if err := <-played; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// Recorder notes a dialogue. It may be used by several goroutines.
type Recorder struct {
	mu      sync.Mutex
	session Session
}

// Note adds a piece. What is of one kind in a row becomes one.
func (r *Recorder) Note(kind Kind, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if last := len(r.session) - 1; last >= 0 && r.session[last].Kind == kind && kind != Urgent {
		r.session[last].Text += text
	} else if text != "" {
		r.session = append(r.session, Piece{kind, text})
	}
}

// Session returns what was noted.
func (r *Recorder) Session() Session {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append(Session(nil), r.session...)
}

// Conn returns conn, whose dialogue is noted from now on.
func (r *Recorder) Conn(conn *net.TCPConn) net.Conn { return &recordedConn{conn, r} }

type recordedConn struct {
	*net.TCPConn
	recorder *Recorder
}

func (c *recordedConn) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	c.recorder.Note(Said, string(p[:n]))
	return n, err
}

func (c *recordedConn) Write(p []byte) (int, error) {
	n, err := c.TCPConn.Write(p)
	c.recorder.Note(Sent, string(p[:n]))
	return n, err
}
