package login_test

import (
	"context"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"farmrun/luahost"
	"farmrun/luahost/remote"
	"farmrun/modules/expect"
	"farmrun/modules/login"
)

// A host is the list of things that happen at one of its terminals, and then it
// hangs up. Each begins with one of
//
//	< TEXT      the host reads this line, and echoes it
//	<< TEXT     it reads a line that begins so, and echoes it
//	* TEXT      it reads this line, and does not
//	. KEY       it reads this key
//	... TIME    it says nothing for so long
//	shell       a shell that knows echo takes over
//	silence     the host says nothing any more, and is to be told nothing
//	deaf        the same, whatever it is told
//	again       it hangs up; the next login follows
//
// and anything else is printed. In a bubble, so that a busy machine makes no pause
// longer than another.
type host []string

// logins are its logins, one after the other.
func (h host) logins() (all []host) {
	for {
		i := slices.Index(h, "again")
		if i < 0 {
			return append(all, h)
		}
		all, h = append(all, h[:i]), h[i+1:]
	}
}

// hosted runs a test in a bubble, with options for a host.
func hosted(t *testing.T, h host, test func(t *testing.T, o login.Options)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		logins := h.logins()
		test(t, login.Options{
			Host: "here", User: "web", Converse: converse,
			Open: func(context.Context, remote.TerminalOptions) (remote.Terminal, error) {
				here, there := net.Pipe()
				over, events := make(chan struct{}), logins[0]
				logins = logins[1:]
				go func() {
					defer close(over)
					(&far{t, there}).play(events)
				}()
				t.Cleanup(func() { there.Close(); <-over })
				return bare{here}, nil
			},
		})
	})
}

// far is the host's end of a terminal.
type far struct {
	t *testing.T
	net.Conn
}

// play has all happen that is in a list.
func (f *far) play(h host) {
	defer f.Close()
	for _, event := range h {
		word, text, _ := strings.Cut(event, " ")
		switch word {
		case "<":
			f.expect(f.line(true), text)
		case "<<":
			line := f.line(true)
			f.expect(line[:min(len(line), len(text))], text)
		case "*":
			f.expect(f.line(false), text)
		case ".":
			f.expect(f.key(), text)
		case "...":
			pause, _ := time.ParseDuration(text)
			time.Sleep(pause)
		case "shell":
			f.shell()
		case "deaf":
			io.Copy(io.Discard, f)
		case "silence":
			f.t.Errorf("the host was told %q", f.key())
		default:
			f.print(event)
		}
	}
}

// print prints text as a terminal does.
func (f *far) print(text string) { io.WriteString(f, strings.ReplaceAll(text, "\n", "\r\n")) }

func (f *far) expect(got, want string) {
	if got != want {
		f.t.Errorf("the host was told %q, want %q", got, want)
	}
}

// telnet has the other end know that the host echoes.
func (f *far) telnet() {
	io.WriteString(f, "\xff\xfb\x01\xff\xfb\x03") // WILL ECHO, WILL SGA
	io.ReadFull(f, make([]byte, 6))
}

// key reads one byte, but for the NUL of telnet's Enter. Where there is none any more the host's part is over.
func (f *far) key() string {
	one := make([]byte, 1)
	if _, err := io.ReadFull(f, one); err != nil {
		runtime.Goexit()
	}
	if one[0] == 0 {
		return f.key()
	}
	return string(one)
}

func (f *far) line(echo bool) (line string) {
	for {
		key := f.key()
		if echo {
			f.print(strings.ReplaceAll(key, "\r", "\n"))
		}
		if key == "\r" {
			return line
		}
		line += key
	}
}

func (f *far) shell() {
	for {
		f.print(strings.TrimPrefix(f.line(true), "echo ") + "\n$ ")
	}
}

// tryShell fails the test if a login has not led to a shell.
func tryShell(t *testing.T, c *login.Client) {
	t.Helper()
	terminal, err := c.Terminal(t.Context(), remote.TerminalOptions{})
	check(t, err)
	says(t, terminal, `[$>] ?$`, "echo there\r", `there`)
}

// says waits at a terminal for a prompt, types an answer, and waits for the
// other end's reply. It closes the terminal.
func says(t *testing.T, terminal remote.Terminal, prompt, answer, reply string) {
	t.Helper()
	s := expect.New(terminal, expect.Options{})
	defer s.Close()
	for i, pattern := range []string{prompt, reply} {
		p, err := expect.Regexp(pattern)
		check(t, err)
		if i > 0 {
			check(t, s.Send(t.Context(), answer))
		}
		if _, err := s.Expect(t.Context(), expect.Wait{Patterns: []expect.Pattern{p}, Timeout: time.Minute}); err != nil {
			t.Fatalf("%v\n%s", err, luahost.OutputOf(err))
		}
	}
}
