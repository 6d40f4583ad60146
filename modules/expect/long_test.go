package expect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"farmrun/luahost/remote"
)

// shellIn starts a shell in a terminal, and a session with it.
func shellIn(t *testing.T, args ...string) *Session {
	t.Helper()
	terminal, err := Start(Program{Args: args, Env: map[string]string{"PS1": "$ ", "ENV": ""}})
	if err != nil {
		t.Fatal(err)
	}
	return begin(t, terminal, Options{})
}

// TestRunKeeps: a command's output is bounded as that of any command is, and says so:
// how much a session remembers for its patterns has nothing to do with it.
func TestRunKeeps(t *testing.T) {
	s := shellIn(t, "sh", "-i")
	var want strings.Builder
	for i := range 100_000 {
		fmt.Fprintln(&want, i+1)
	}
	for _, keep := range []int{0, 1000} {
		res, err := s.Run(t.Context(), remote.Cmd{Line: "seq 1 100000", Keep: keep})
		if err != nil || res.Code != 0 {
			t.Fatal(res.Code, err)
		}
		got := string(res.Stdout)
		if keep == 0 && got != want.String() {
			t.Errorf("got %d bytes, want %d", len(got), want.Len())
		}
		if keep > 0 && (!strings.HasPrefix(got, "1\n2\n") || !strings.Contains(got, "bytes cut here]\n") || !strings.HasSuffix(got, "\n100000\n")) {
			t.Errorf("got %q", got)
		}
	}
}

// TestSyntaxError: a command that the shell cannot read is one that failed, in each
// shell that there is, and what comes after it works.
func TestSyntaxError(t *testing.T) {
	for _, shell := range [][]string{{"dash", "-i"}, {"bash", "--norc", "-i"}, {"bash", "--posix", "--norc", "-i"}, {"busybox", "sh", "-i"}} {
		t.Run(strings.Join(shell, " "), func(t *testing.T) {
			s := shellIn(t, shell...)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			defer cancel()
			for _, line := range []string{"echo 'unclosed", "if true; then", "echo $(", ")", "for", "case x in"} {
				if res, err := s.Run(ctx, remote.Cmd{Line: line}); err != nil || res.Code == 0 {
					t.Fatalf("%s: status %d, %v", line, res.Code, err)
				}
			}
			for _, c := range []struct{ line, want string }{
				{"x=1; cd /; set -u; f() { echo f; }", ""}, {"echo $x; pwd; f", "1\n/\nf\n"}, {"(exit 3)", ""}, {"exec 3</etc/passwd", ""}, {"read l <&3 && echo ${l%%:*}", "root\n"},
			} {
				if res, err := s.Run(ctx, remote.Cmd{Line: c.line}); err != nil || string(res.Stdout) != c.want {
					t.Errorf("%s: %q, %v", c.line, res.Stdout, err)
				}
			}
		})
	}
}

// TestLongSend: a device that prints each line as it takes it, and a prompt, and takes no
// more until that was read, gets all of a text however long it is.
func TestLongSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		s := begin(t, here, Options{})
		line := strings.Repeat("x", 60) + "\r\n"
		text := strings.Repeat(line, 10_000) + "end"
		go func() {
			buf := make([]byte, 1000)
			for {
				n, err := there.Read(buf)
				if err != nil {
					return
				}
				there.Write(bytes.ReplaceAll(buf[:n], []byte("\n"), []byte("\n# ")))
			}
		}()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := s.Send(ctx, text); err != nil {
			t.Fatal(err)
		}
		m, err := s.Expect(ctx, Wait{Patterns: []Pattern{Text("end")}, Timeout: time.Minute})
		if err != nil || !strings.HasSuffix(m.Before, line+"# ") || m.Cut == 0 || m.Cut+len(m.Before)+len("end") < len(text) {
			t.Errorf("%d bytes and %d that were forgotten, of %d: %v", len(m.Before), m.Cut, len(text), err)
		}
		if m, err = s.Expect(ctx, Wait{Patterns: []Pattern{Text("end")}}); m.Cut != 0 || err == nil {
			t.Errorf("after it: %+v, %v", m, err)
		}
		io.WriteString(there, "more")
		if m, err = s.Expect(ctx, Wait{Patterns: []Pattern{Text("more")}, Timeout: time.Minute}); err != nil || m.Cut != 0 || m.Before != "" {
			t.Errorf("in the end: %+v, %v", m, err)
		}
	})
}

// TestQuiet: a pattern that holds only when nothing follows is the last that is said,
// and does not keep another from being found at once, nor hold up the end.
func TestQuiet(t *testing.T) {
	prompt, err := Regexp(`# $`)
	if err != nil {
		t.Fatal(err)
	}
	prompt.Quiet = 300 * time.Millisecond
	for name, c := range map[string]struct {
		said []string // 200 ms apart; "" is the end
		want Match
		at   time.Duration
		err  error
	}{
		"a line like a prompt": {[]string{"a# ", "b\r\n", "core9# "}, Match{0, "a# b\r\ncore9", "# ", []string{}, 0}, 900 * time.Millisecond, nil},
		"another first":        {[]string{"core9# ", "%ERROR "}, Match{1, "core9# ", "%ERROR", nil, 0}, 400 * time.Millisecond, nil},
		"the end":              {[]string{"core9# ", ""}, Match{0, "core9", "# ", []string{}, 0}, 400 * time.Millisecond, nil},
		"never quiet":          {[]string{"# ", "# ", "# ", "# ", "# ", "# ", "# ", "# "}, Match{}, time.Second, ErrTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				here, there := net.Pipe()
				var other sync.WaitGroup
				defer other.Wait()
				defer there.Close()
				s := begin(t, here, Options{})
				other.Go(func() {
					for _, piece := range c.said {
						time.Sleep(200 * time.Millisecond)
						if piece == "" {
							there.Close()
							return
						}
						there.Write([]byte(piece))
					}
				})
				began := time.Now()
				m, err := s.Expect(t.Context(), Wait{Patterns: []Pattern{prompt, Text("%ERROR")}, Timeout: time.Second})
				took := time.Since(began).Round(50 * time.Millisecond) // a last look is later
				if !errors.Is(err, c.err) || took != c.at {
					t.Errorf("after %v: %v", took, err)
				}
				if diff := cmp.Diff(c.want, m); c.err == nil && diff != "" {
					t.Error("-want +got\n" + diff)
				}
			})
		})
	}
}

// TestSendPaced: a device has as long after each line, and after each key, as it was given,
// and a wait that is over ends it.
func TestSendPaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		d := &dialogue{Session: begin(t, here, Options{})}
		got := make(chan string, 10)
		go func() {
			for began := time.Now(); ; {
				buf := make([]byte, 10)
				n, err := there.Read(buf)
				if err != nil {
					return
				}
				got <- fmt.Sprintf("%v %q", time.Since(began), buf[:n])
			}
		}()
		for line := range typedLines("a\r\nb\n\rc") {
			if err := d.sendPaced(t.Context(), []string{line}, sendOptions{Delay: time.Second}); err != nil {
				t.Fatal(err)
			}
		}
		keys := sendOptions{KeyDelay: 20 * time.Millisecond}
		if err := d.sendPaced(t.Context(), keysOf("a\x1b[15~é\x1bOA\xff\r\n", true), keys); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			`0s "a\r\n"`, `1s "b\n"`, `2s "\r"`, `3s "c"`,
			`4s "a"`, `4.02s "\x1b[15~"`, `4.04s "é"`, `4.06s "\x1bOA"`, `4.08s "\xff"`, `4.1s "\r\n"`,
		} {
			if said := <-got; said != want {
				t.Errorf("got %s, want %s", said, want)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := d.sendPaced(ctx, []string{"d\r"}, sendOptions{Delay: time.Minute}); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

// TestSlowKeysEcho: the echo of keys that are typed one by one is that of their line.
func TestSlowKeysEcho(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		d := &dialogue{Session: begin(t, here, Options{})}
		go func() {
			key := make([]byte, 1)
			for {
				if _, err := there.Read(key); err != nil {
					return
				}
				if key[0] == '\r' {
					io.WriteString(there, "\r\ndone: finished\r\n")
					continue
				}
				there.Write(key)
			}
		}()
		if err := d.sendPaced(t.Context(), keysOf("update finished\r", true), sendOptions{KeyDelay: time.Second}); err != nil {
			t.Fatal(err)
		}
		m, err := d.Expect(t.Context(), Wait{Patterns: []Pattern{Compiled(regexp.MustCompile("done: |finished"))}, Timeout: time.Second})
		if err != nil || m.Text != "done: " {
			t.Errorf("got %q, %v", m.Text, err)
		}
	})
}

// TestMuchBeforeTheWait: the answer to a line is found, however much follows it
// before its wait begins.
func TestMuchBeforeTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		s := begin(t, here, Options{})
		more := strings.Repeat("x", queueLimit-1)
		go io.WriteString(there, "older\nbegun"+more+"!")
		synctest.Wait()
		for _, want := range []Match{{Before: "older\n", Text: "begun"}, {Before: more, Text: "!"}} {
			m, err := s.Expect(t.Context(), Wait{Patterns: []Pattern{Text(want.Text)}, Timeout: time.Minute})
			if diff := cmp.Diff(want, m); err != nil || diff != "" {
				t.Fatal(err, diff)
			}
		}
	})
}
