// Package rude has a device to log in to, for tests: a router or a console
// server of the sort that made dialogues hard. The zero [Device] is polite; each
// of its fields is one rudeness, and they can be combined.
//
//	addr := rude.Device{Bytewise: true, Twice: true}.Start(t)
//
// The dialogue is "login: ", "Password: " and the prompt "rude> ", where it
// knows the commands "show", which says Lines lines, "echo WORDS" and "exit".
// A wrong name or password is "Login incorrect", and it asks again, three times.
package rude

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// Who may log in.
const (
	User     = "web"
	Password = "pass word"
)

// Lines is how many lines the command "show" says, "line 1" to "line 60".
const Lines = 60

// Device is rude in the ways that are set.
type Device struct {
	Mute     bool   // accepts the connection and never says anything
	Babble   int    // how many bytes it says before it asks for the name
	Bytewise bool   // says each byte alone
	Twice    bool   // says each of its prompts twice
	Colours  bool   // has escape sequences in and around all that it says
	Pager    int    // stops after so many lines until a key comes; q ends the text
	Menu     bool   // has a menu after the login, whose item 2 is the prompt
	Banner   string // said first
	DiesAt   int    // resets the connection at this byte of a password, from 1
	Hangs    bool   // says nothing more once it has a password
	HalfEnds bool   // ends what it says after "Password: ", and listens on
	Telnet   Telnet // what it does by telnet options
}

// Telnet is how a Device uses telnet's options (RFC 854).
type Telnet int

const (
	None    Telnet = iota // it does not know telnet
	Polite                // says nothing until its options are answered, as telnetd
	Endless               // sends options without end, and does not listen
	Loop                  // asks for the opposite of each answer it gets
	SubEnd                // begins a subnegotiation that never ends
)

// Start serves the device on a port of its own on loopback until the test ends,
// and returns its address.
func (d Device) Start(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{device: d, conns: map[net.Conn]bool{}}
	s.busy.Go(func() { s.accept(l) })
	t.Cleanup(func() {
		l.Close()
		s.close()
	})
	return l.Addr().String()
}

// server is a device with all its connections.
type server struct {
	device Device
	busy   sync.WaitGroup

	mu     sync.Mutex
	conns  map[net.Conn]bool
	closed bool
}

func (s *server) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns[conn] = true
		if s.closed {
			conn.Close()
		}
		s.mu.Unlock()
		s.busy.Go(func() {
			s.device.Serve(conn)
			conn.Close()
		})
	}
}

func (s *server) close() {
	s.mu.Lock()
	s.closed = true
	for conn := range s.conns {
		conn.Close()
	}
	s.mu.Unlock()
	s.busy.Wait()
}

// Serve holds the dialogue over one connection, which the caller closes. It
// returns nil after exit, and else why the connection ended.
func (d Device) Serve(conn net.Conn) error {
	t := &talk{Device: d, conn: conn, in: bufio.NewReader(conn)}
	if d.Mute {
		return t.listen()
	}
	if err := t.options(); err != nil {
		return err
	}
	t.say(d.Banner)
	t.say(strings.Repeat("All work and no play makes Jack a dull boy.\r\n", d.Babble/45) + strings.Repeat(".", d.Babble%45))
	if err := t.logIn(); err != nil {
		return err
	}
	return t.commands()
}

// talk is one dialogue.
type talk struct {
	Device
	conn net.Conn
	in   *bufio.Reader
	echo bool
	err  error // of saying something
}

// errOver ends a dialogue.
var errOver = errors.New("the dialogue is over")

func (t *talk) logIn() error {
	for range 3 {
		name, err := t.ask("login: ", true)
		if err != nil {
			return err
		}
		password, err := t.ask("Password: ", false)
		if err != nil {
			return err
		}
		if t.Hangs {
			return t.listen()
		}
		if name == User && password == Password {
			return t.menu()
		}
		t.say("Login incorrect\r\n")
	}
	return errOver
}

func (t *talk) menu() error {
	for t.Menu {
		t.say("1) logout\r\n2) command line\r\n")
		switch choice, err := t.ask("Your choice: ", true); {
		case err != nil:
			return err
		case choice == "1":
			return errOver
		case choice == "2":
			return nil
		}
	}
	return nil
}

func (t *talk) commands() error {
	for {
		line, err := t.ask("rude> ", true)
		if err != nil {
			return err
		}
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "":
		case "exit":
			t.say("bye\r\n")
			return t.err
		case "echo":
			t.say(rest + "\r\n")
		case "show":
			err = t.show()
		default:
			t.say("% Unknown command\r\n")
		}
		if err != nil {
			return err
		}
	}
}

// show says the lines, a page at a time.
func (t *talk) show() error {
	const more = "--More--"
	for n := range Lines {
		if t.Pager > 0 && n > 0 && n%t.Pager == 0 {
			t.say(more)
			key, err := t.byte()
			if err != nil {
				return err
			}
			t.say("\r" + strings.Repeat(" ", len(more)) + "\r")
			if key == 'q' {
				return nil
			}
		}
		t.say(fmt.Sprintf("line %d\r\n", n+1))
	}
	return nil
}

// ask says a prompt and returns the line that is typed.
func (t *talk) ask(prompt string, echo bool) (string, error) {
	if t.Colours {
		prompt = "\x1b[1;32m" + prompt[:1] + "\x1b[0m" + prompt[1:]
	}
	t.say(prompt)
	if t.Twice {
		t.say("\r\n" + prompt)
	}
	if t.err != nil {
		return "", t.err
	}
	if half, ok := t.conn.(interface{ CloseWrite() error }); ok && t.HalfEnds && !echo {
		half.CloseWrite()
	}
	t.echo = echo && t.Telnet != None
	return t.line(echo)
}

// line reads until Enter, which is CR, LF or CR and something that means nothing
// then.
func (t *talk) line(echo bool) (string, error) {
	var line []byte
	for {
		b, err := t.byte()
		if err != nil {
			return "", err
		}
		if b == '\r' || b == '\n' {
			if t.echo || !echo {
				t.say("\r\n")
			}
			return string(line), t.err
		}
		line = append(line, b)
		if t.echo {
			t.say(string([]byte{b}))
		}
		if !echo && len(line) == t.DiesAt {
			return "", t.die()
		}
	}
}

// die resets the connection.
func (t *talk) die() error {
	if tcp, ok := t.conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	t.conn.Close()
	return errOver
}

// byte reads what is typed.
func (t *talk) byte() (byte, error) {
	for {
		b, err := t.in.ReadByte()
		switch {
		case err != nil:
			return 0, err
		case b == iac && t.Telnet != None:
			err = t.command()
		case b == '\r':
			return b, t.skipAfterCR()
		default:
			return b, nil
		}
		if err != nil {
			return 0, err
		}
	}
}

// skipAfterCR skips the LF or NUL after a CR where it has come with it.
func (t *talk) skipAfterCR() error {
	if t.in.Buffered() == 0 {
		return nil
	}
	next, err := t.in.Peek(1)
	if err == nil && (next[0] == '\n' || next[0] == 0) {
		t.in.Discard(1)
	}
	return err
}

// say says text, as rudely as it is to be said. Its error is kept.
func (t *talk) say(text string) {
	if t.Colours {
		text = strings.ReplaceAll(text, "\r\n", "\x1b[K\r\n")
	}
	if !t.Bytewise {
		t.write(text)
		return
	}
	for i := range len(text) {
		t.write(text[i : i+1])
	}
}

func (t *talk) write(text string) {
	if t.err == nil && text != "" {
		_, t.err = io.WriteString(t.conn, text)
	}
}

// listen reads what comes, until the end.
func (t *talk) listen() error {
	_, err := io.Copy(io.Discard, t.in)
	return err
}
