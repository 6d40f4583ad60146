package expect_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"farmrun/luahost/remote"
	"farmrun/modules/expect"
	"farmrun/modules/telnet"
)

// family is how the devices of a maker print.
type family struct {
	prompt   string
	eol      string
	pager    string // "" is none
	erase    string // what comes behind the answer to it
	rejects  string
	echo     func(typed string) string // of all that is typed by now; nil is a plain one
	rejected string                    // the line by which it does, as the error has it
}

const bs = "\b\b\b\b\b\b\b\b"

var families = map[string]family{
	"IOS": {prompt: "core9#", eol: "\r\n", pager: " --More-- ", erase: bs + "\b        " + bs + "\b",
		rejects: "            ^\r\n% Invalid input detected at '^' marker.\r\n\r\n", rejected: "% Invalid input detected at '^' marker.", echo: scrolled("core9#", 40)},
	"Junos": {prompt: "ken@mx1> ", eol: "\r\n", pager: "---(more 23%)---", erase: "\r                                        \r",
		rejects: "           ^\r\nsyntax error, expecting <command>.\r\n\r\n", rejected: "syntax error, expecting <command>."},
	"ProCurve": {prompt: "\x1b[24;1HHP-2524# \x1b[24;1H\x1b[?25h\x1b[24;10H", eol: "\x1bE\x1b[24;1H", pager: "-- MORE --, next page: Space, next line: Enter, quit: Control-C", erase: "\x1b[24;1H\x1b[2K\x1b[1;24r\x1b[24;1H",
		rejects: "Invalid input: shwo\x1bE", rejected: "Invalid input: shwo"},
	"FortiOS": {prompt: "FGT60 # ", eol: "\r\n", pager: "--More-- ", erase: "\r         \r",
		rejects: "command parse error before 'shwo'\r\nCommand fail. Return code -61\r\n\r\n", rejected: "command parse error before 'shwo'"},
	"VRP": {prompt: "<HUAWEI>", eol: "\r\n", pager: "  ---- More ----", erase: "\x1b[16D                \x1b[16D",
		rejects: "           ^\r\nError: Unrecognized command found at '^' position.\r\n", rejected: "Error: Unrecognized command found at '^' position."},
	"RouterOS": {prompt: "[admin@r1] > ", eol: "\r\n", rejects: "bad command name shwo (line 1 column 1)\r\n", rejected: "bad command name shwo (line 1 column 1)",
		echo: func(typed string) string { return "\r\x1b[K[admin@r1] > " + typed }},
	"NX-OS": {prompt: "n9k-1# ", eol: "\r\n", pager: "--More--", erase: "\r\x1b[K",
		rejects: "                 ^\r\n% Invalid command at '^' marker.\r\n", rejected: "% Invalid command at '^' marker."},
	"EOS": {prompt: "\x1b]0;sw1\a\x1b[5nsw1>", eol: "\r\n", pager: "\x1b[7m --More-- \x1b[27m", erase: "\x1b[10D\x1b[K",
		rejects: "% Invalid input\r\n", rejected: "% Invalid input"},
	"Dell": {prompt: "console#", eol: "\r\n", pager: "--More-- or (q)uit", erase: "\r                  \r",
		rejects: "          ^\r\n% Unrecognized command\r\n\r\n", rejected: "% Unrecognized command"},
	"APC": {prompt: "apc>", eol: "\r\n", pager: "Press <ENTER> to continue...", erase: "\r                            \r",
		rejects: "E101: Command Not Found\r\n\r\n", rejected: "E101: Command Not Found"},
	"a console of 80 columns": {prompt: "ts9$ ", eol: "\r\n", rejects: "% unknown\r\n", rejected: "% unknown",
		echo: func(typed string) string {
			if len("ts9$ "+typed)%80 == 0 {
				return typed[len(typed)-1:] + "\r\n"
			}
			return typed[len(typed)-1:]
		}},
}

// scrolled is the echo of a device that moves a line to the left when it gets longer
// than so many columns.
func scrolled(prompt string, columns int) func(typed string) string {
	return func(typed string) string {
		if room := columns - len(prompt); len(typed) > room && (len(typed)-room)%10 == 1 {
			return strings.Repeat("\b", min(len(typed)-1, room)) + "$" + typed[len(typed)-20:] + strings.Repeat(" ", room-21) + strings.Repeat("\b", room-21)
		}
		return typed[len(typed)-1:]
	}
}

// device is one that talks over a line.
type device struct {
	family
	io.ReadWriter
	piece func() int                          // how many bytes it prints at a time; nil is all
	pause func(line string)                   // after each piece, which leaves that line begun; nil is none
	page  int                                 // lines; 0 has no pager
	knows func(typed string) (lines []string) // the output of a command; nil rejects it
	asks  map[string]string                   // the question that some commands have first
	line  string                              // that has begun
}

func (d *device) print(text string) {
	for text != "" {
		n := len(text)
		if d.piece != nil {
			n = min(n, d.piece())
		}
		io.WriteString(d, text[:n])
		if d.pause != nil {
			d.line = (d.line + text[:n])[strings.LastIndexByte(d.line+text[:n], '\n')+1:]
			d.pause(d.line)
		}
		text = text[n:]
	}
}

func (d *device) key() (byte, bool) {
	var key [1]byte
	for {
		if _, err := io.ReadFull(d, key[:]); err != nil {
			return 0, false
		}
		if key[0] != 0 { // telnet's CR NUL, for one that does not know it
			return key[0], true
		}
	}
}

// serve is a device's command line, until the line is closed.
func (d *device) serve() {
	for d.print(d.prompt); ; d.print(d.prompt) {
		line := ""
		for {
			key, ok := d.key()
			if !ok {
				return
			}
			if key == '\r' {
				break
			}
			if line += string(key); d.echo != nil {
				d.print(d.echo(line))
			} else {
				d.print(string(key))
			}
		}
		d.print(d.eol)
		if !d.answer(line) {
			return
		}
	}
}

// answer prints a command's output; false is that nobody is there any more.
func (d *device) answer(line string) bool {
	if question := d.asks[line]; question != "" {
		d.print(question)
		key, ok := d.key()
		if !ok {
			return false
		}
		d.print(string(key) + d.eol)
	}
	switch all := d.knows(line); {
	case all != nil:
		return d.show(all)
	case line != "":
		d.print(d.rejects)
	}
	return true
}

// shows knows the commands of TestCommand.
func shows(line string) []string {
	switch {
	case line == "show run":
		return lines()
	case strings.HasPrefix(line, "show"):
		return lines()[:100]
	}
	return nil
}

// lines are the output of show, with lines that look like something else.
func lines() (all []string) {
	for i := range 5000 {
		all = append(all, []string{
			fmt.Sprintf("interface GigabitEthernet0/%d", i), "!", " description to core9# or <HUAWEI>, 100% > ", "", "% this is no error",
			"-- more than one --", " --More--", "HP-2524# show run", "ken@mx1> quit", "FGT60 # end", "\tindented\tby tabs", "[admin@r1] > é",
		}[i%12])
	}
	return all
}

// show prints lines, by pages.
func (d *device) show(all []string) bool {
	for i, line := range all {
		if d.page > 0 && d.pager != "" && i > 0 && i%d.page == 0 {
			d.print(d.pager)
			if _, ok := d.key(); !ok {
				return false
			}
			d.print(d.erase)
		}
		d.print(line + d.eol)
	}
	return true
}

// over are the lines that a device can be at the other end of.
var over = map[string]func(t testing.TB, d *device) expect.Stream{
	"pty": func(t testing.TB, d *device) expect.Stream {
		master, slave, err := pty.Open()
		check(t, err)
		_, err = term.MakeRaw(int(slave.Fd()))
		check(t, err)
		fd, err := unix.FcntlInt(master.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		check(t, err)
		check(t, unix.SetNonblock(fd, true))
		check(t, master.Close())
		d.ReadWriter = slave
		go func() { d.serve(); slave.Close() }()
		return os.NewFile(uintptr(fd), "pty")
	},
	"telnet": func(t testing.TB, d *device) expect.Stream {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		check(t, err)
		go func() {
			c, err := l.Accept()
			l.Close()
			if err != nil {
				return
			}
			defer c.Close()
			io.WriteString(c, "\xff\xfb\x01\xff\xfb\x03") // WILL ECHO, WILL SGA
			io.ReadFull(c, make([]byte, 6))
			d.ReadWriter = c
			d.serve()
		}()
		c, err := telnet.Dial(t.Context(), "tcp", l.Addr().String(), remote.TerminalOptions{})
		check(t, err)
		return c
	},
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestCommand has 5,000 lines from devices of all families exactly as they printed them,
// with a pager and without, then an error, and a command that is longer than a line.
func TestCommand(t *testing.T) {
	all, first := strings.Join(lines(), "\n")+"\n", strings.Join(lines()[:100], "\n")+"\n"
	long := "show " + strings.Repeat("interface ethernet 0/1 ", 10) + "detail"
	for name, f := range families {
		for kind, line := range over {
			for _, c := range []struct{ chunk, page int }{{1 << 20, 0}, {16, 24}} {
				t.Run(fmt.Sprintf("%s/%s/by %d/page of %d", name, kind, c.chunk, c.page), func(t *testing.T) {
					t.Parallel()
					s := expect.New(line(t, &device{family: f, piece: func() int { return c.chunk }, page: c.page, knows: shows}), expect.Options{})
					defer s.Close()
					ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
					defer cancel()
					begun, err := expect.Regexp(`[#>$] ?(?:\x1b\S+)?$`)
					check(t, err)
					_, err = s.Expect(ctx, expect.Wait{Patterns: []expect.Pattern{begun}, Timeout: 10 * time.Minute})
					check(t, err)
					for command, want := range map[string]string{"show run": all, long: first} {
						res, err := s.Command(ctx, command, expect.UsualDevice(), 0)
						if got := string(res.Stdout); err != nil || got != want {
							t.Fatalf("%s: %v: %s", command, err, differs(got, want))
						}
					}
					_, err = s.Command(ctx, "shwo", expect.UsualDevice(), 0)
					rejected, ok := errors.AsType[*expect.RejectedError](err)
					if !ok || rejected.Line != f.rejected {
						t.Errorf("got %v, want %q", err, f.rejected)
					}
				})
			}
		}
	}
}

// differs shows where two texts do.
func differs(got, want string) string {
	n := 0
	for n < min(len(got), len(want)) && got[n] == want[n] {
		n++
	}
	end := func(s string) string { return s[max(0, min(n-40, len(s))):min(n+80, len(s))] }
	return fmt.Sprintf("%d bytes, want %d; at %d got %q, want %q", len(got), len(want), n, end(got), end(want))
}

// TestKnownPager: the question of a pager that has asked in a command before needs no
// silence in the next.
func TestKnownPager(t *testing.T) {
	d := &device{family: families["VRP"], page: 24, knows: shows}
	s := expect.New(over["pty"](t, d), expect.Options{})
	defer s.Close()
	_, err := s.Expect(t.Context(), expect.Wait{Patterns: []expect.Pattern{expect.Text(d.prompt)}, Timeout: time.Minute})
	check(t, err)
	as := expect.UsualDevice()
	_, err = s.Command(t.Context(), "show run", as, 0)
	check(t, err)
	as.Pager.Quiet = time.Hour
	res, err := s.Command(t.Context(), "show run", as, 0)
	check(t, err)
	if want := strings.Join(lines(), "\n") + "\n"; string(res.Stdout) != want {
		t.Error(differs(string(res.Stdout), want))
	}
}

// TestPromptIsSettled: a command is typed once the prompt has stood for a moment, so that a
// banner which looks like one is none, and an echo that the program behind the prompt takes
// over late from the terminal is not there twice.
func TestPromptIsSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		defer there.Close()
		s := expect.New(here, expect.Options{})
		defer s.Close()
		go func() {
			typed, began := make([]byte, len("show\r")), time.Now()
			for _, piece := range []string{"####### ", "\r\nno entry\r\n", "core9# "} {
				io.WriteString(there, piece)
				time.Sleep(20 * time.Millisecond)
			}
			if _, err := io.ReadFull(there, typed); err != nil || time.Since(began) < 90*time.Millisecond {
				t.Errorf("typed %q after %v, %v", typed, time.Since(began), err)
			}
			io.WriteString(there, "show\r\n####### \r\ncore9# ")
			io.ReadFull(there, typed)
			io.WriteString(there, "show\r\ncore9# ")
		}()
		prompt, err := expect.Regexp("# $")
		check(t, err)
		_, err = s.Expect(t.Context(), expect.Wait{Patterns: []expect.Pattern{prompt}, Timeout: time.Minute})
		check(t, err)
		for _, c := range []struct {
			want   string
			within time.Duration
		}{{"####### \n", time.Second}, {"", 60 * time.Millisecond}} { // of which the prompt at the end has 50 ms
			began := time.Now()
			res, err := s.Command(t.Context(), "show", expect.UsualDevice(), 0)
			if took := time.Since(began); err != nil || string(res.Stdout) != c.want || took > c.within {
				t.Errorf("%q after %v, %v", res.Stdout, took, err)
			}
		}
	})
}

// TestUsualErrors: the words of devices and programs that reject a command are no others'.
func TestUsualErrors(t *testing.T) {
	errors := expect.UsualDevice().Errors
	for _, rejects := range []string{
		"% Invalid input detected at '^' marker.", "%Error opening flash:/x (No such file)", "% Bad IP address", "%Invalid hostname",
		"Invalid input: shwo", "Unknown action 0", "Error: Unrecognized command found at '^' position.", "error: syntax error",
		"IndentationError: unexpected indent", "550 Failed to open file.", "500 'SHWO': command not understood", "?Invalid command",
		"E101: Command Not Found", "syntax error (line 1 column 5)", "bad command name shwo (line 1 column 1)",
	} {
		if !errors.MatchString("a line\n" + rejects + "\n") {
			t.Errorf("%q is no error", rejects)
		}
	}
	for _, is := range []string{
		"400  VLAN0400                         active    Gi0/1", "400   users     active", "440 packets input, 512 bytes",
		"512-byte sectors", "%CPU  PID", "%SYS-5-CONFIG_I: Configured from console by vty0", "Error: 0", "Unknown action: drop (default)",
		"  0 input errors", "errors: none",
	} {
		if found := errors.FindString("a line\n" + is + "\n"); found != "" {
			t.Errorf("%q is an error: %q", is, found)
		}
	}
}
