package autoscript_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"farmrun/luahost/remote"
	"farmrun/modules/expect"
	"farmrun/modules/expect/autoscript"
)

// host is a terminal whose host says what the test has it say.
type host struct {
	remote.Terminal
	says string
	err  error
}

func (h *host) Read(p []byte) (int, error) {
	if h.says == "" {
		return 0, h.err
	}
	n := copy(p, h.says)
	h.says = h.says[n:]
	return n, nil
}

func (h *host) Close() error { return nil }

func (h *host) Resize(rows, columns int) error { return nil }

func (h *host) Write(p []byte) (int, error) { return len(p), nil }

// watch has a person and a host talk: words that begin with "<" are typed, one
// key after the other or, with "<<", at once; all else is said. "..." is half a
// minute, and NARROW makes the terminal one of ten columns.
func watch(t *testing.T, words ...string) *autoscript.Transcript {
	t.Helper()
	h := &host{err: os.ErrDeadlineExceeded}
	tr := autoscript.Watch(h)
	for _, w := range words {
		switch {
		case w == "...":
			time.Sleep(30 * time.Second)
		case w == "NARROW":
			tr.Resize(0, 10)
		case w == "CLOSE":
			h.err = os.ErrClosed
			tr.Close()
			tr.Read(make([]byte, 1))
		case w == "END":
			h.err = io.EOF
			tr.Read(make([]byte, 1))
		case strings.HasPrefix(w, "<"):
			io.WriteString(tr, strings.TrimLeft(w, "<"))
		default:
			h.says = w
			for h.says != "" {
				tr.Read(make([]byte, 1000))
			}
		}
	}
	return tr
}

// steps returns what a script does in a session.
func steps(t *testing.T, tr *autoscript.Transcript) string {
	t.Helper()
	script, err := tr.Script(autoscript.About{Host: "web1", File: "x.lua"})
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(script), "host:session { strip = \"screen\", echo = false, show = true }\n")
	body = strings.TrimSuffix(body, "end)\n")
	return strings.ReplaceAll(body, "\n  ", "\n")[2*min(1, len(body)):]
}

func TestSteps(t *testing.T) {
	for name, test := range map[string]struct {
		words []string
		want  string
	}{
		"lines": {
			[]string{"Last login\r\nweb@web1:~$ ", "<l", "l", "<s", "s", "<\r", "\r\nfile1\r\nweb@web1:~$ ", "<<pwd\r", "pwd\r\n/web\r\nweb@web1:~$ "},
			`s:expect { like = "web@web1:~$ " }
s:run "ls"
s:run "pwd"
`,
		},
		"goodbye": {
			[]string{"$ ", "<<exit\r", "exit\r\nlogout\r\n", "END"},
			`s:expect { like = "$ " }
s:send "exit\r"
s:expect { on_end = "over" }
`,
		},
		"a password": {
			[]string{"$ ", "<<sudo ls /root\r", "sudo ls /root\r\n[sudo] password for web: ", "<h", "<unter2", "<\r", "\r\nfile\r\n$ "},
			`s:expect { like = "$ " }
s:send "sudo ls /root\r"
s:expect { like = "[sudo] password for web: " }
s:send_secret(password)
s:expect { like = "$ " }
s:check()
`,
		},
		"a password that is echoed as asterisks": {
			[]string{"Password: ", "<h", "*", "<u", "*", "<n", "*", "<\r", "\r\n$ "},
			`s:expect { like = "Password: " }
s:send_secret(password)
s:expect { like = "$ " }
`,
		},
		"two passwords, one twice": {
			[]string{"Old password: ", "<<a\r", "\r\nNew password: ", "<<b\r", "\r\nRetype new password: ", "<<b\r", "\r\nNew password: ", "<<c\r", "\r\n$ "},
			`s:expect { like = "Old password: " }
s:send_secret(password)
s:expect { like = "New password: " }
s:send_secret(password2)
s:expect { like = "Retype new password: " }
s:send_secret(password3)
s:expect { like = "New password: " }
s:send_secret(password2)
s:expect { like = "$ " }
`,
		},
		"typed ahead": {
			[]string{"$ ", "<<sudo x\rhunter2\rls\r", "sudo x\r\nPassword: \r\nls\r\n$ ls\r\nfile\r\n$ "},
			`s:expect { like = "$ " }
s:send "sudo x\r"
s:expect { like = "Password: " }
s:send_secret(password)
s:expect { like = "$ " }
s:check()
s:run "ls"
`,
		},
		"corrected": {
			[]string{"$ ", "<lx", "lx", "<\x7f", "\b \b", "<s", "s", "<\r", "\r\n$ ", "<<rubbish\x15id\r", "rubbish\b\b\b\b\b\b\b\x1b[Kid\r\n$ "},
			`s:expect { like = "$ " }
s:run "ls"
s:run "id"
`,
		},
		"completed by the shell": {
			[]string{"$ ", "<cat /et", "cat /et", "<\t", "c/", "<pas\t", "passwd ", "<\r", "\r\nroot\r\n$ "},
			`s:expect { like = "$ " }
s:send "cat /et\009pas\009"
s:expect { line = "cat /etc/passwd" }
s:key "enter"
s:expect { like = "$ " }
s:check()
`,
		},
		"from the history": {
			[]string{"$ ", "<\x1b[A", "id", "<\x1b[A", "\b\b\x1b[Kls -l", "<\r", "\r\n$ "},
			`s:expect { like = "$ " }
s:key "up"
s:key "up"
s:expect { line = "ls -l" }
s:key "enter"
s:expect { like = "$ " }
s:check()
`,
		},
		"keys that count at once": {
			[]string{"$ ", "<<more x\r", "more x\r\nline\r\n--More--(50%)", "< ", "\rline two\r\n--More--(90%)", "<q", "\r\x1b[K$ ", "<<cat\r", "cat\r\n", "<\x03", "^C\r\n$ ", "<\x04", "logout\r\n", "END"},
			`s:expect { like = "$ " }
s:send "more x\r"
s:expect { like = "--More--(50%)" }
s:send " "
s:expect { like = "--More--(90%)" }
s:send "q"
s:expect { like = "$ " }
s:check()
s:expect { like = "$ " }
s:send "cat\r"
s:expect { silence = "300ms", on_timeout = "ready" }
s:send "\003"
s:expect { like = "$ " }
s:send "\004"
s:expect { on_end = "over" }
`,
		},
		"yes": {
			[]string{"Continue? [y/n] ", "<y", "y\r\nworking\r\n$ "},
			`s:expect { like = "Continue? [y/n] " }
s:send "y"
s:expect { like = "$ " }
`,
		},
		"only Enter": {
			[]string{"Press Enter ", "<\r", "\r\n$ "},
			`s:expect { like = "Press Enter " }
s:key "enter"
s:expect { like = "$ " }
`,
		},
		"no prompt": {
			[]string{"220 ready 21:04\r\n", "<<QUIT\r", "QUIT\r\n221 bye\r\n", "END"},
			`s:expect { like = "220 ready 21:04\n" }
s:send "QUIT\r"
s:expect { on_end = "over" }
`,
		},
		"slow": {
			[]string{"$ ", "<<make\r", "make\r\n", "...", "...", "done\r\n$ ", "<<ls\r", "ls\r\n$ "},
			`s:expect { like = "$ " }
s:run "make"
s:run "ls"
`,
		},
		"slow, and no shell": {
			[]string{"Continue? ", "<<yes\r", "yes\r\n", "...", "...", "Name: "},
			"s:expect { like = \"Continue? \" }\ns:send \"yes\\r\"\ns:expect { { like = \"Name: \" }, timeout = \"3m\" }\n",
		},
		"a line over two rows": {
			[]string{"NARROW", "$ ", "<<echo 3456789\r", "echo 345 \r6789\r\n3456789\r\n$ ", "<<ls\r", "ls\r\n$ "},
			"s:expect { like = \"$ \" }\ns:run \"echo 3456789\"\ns:run \"ls\"\n",
		},
		"coloured": {
			[]string{"\x1b]0;web1\a\x1b[1;32mweb\x1b[0m$ ", "<<ls\r", "ls\r\n\x1b[?2004l\r\x1b[1;32mweb\x1b[0m$ "},
			"s:expect { like = \"web$ \" }\ns:run \"ls\"\n",
		},
		"commands in a row": {
			[]string{"$ ", "<<cd b\r", "cd b\r\n$ ", "<<rm old\r", "rm old\r\n$ ", "<<su\r", "su\r\nroot@web1:/# ", "<<id\r", "id\r\nuid=0\r\nroot@web1:/# ", "<<exit\r", "exit\r\n$ "},
			`s:expect { like = "$ " }
s:run "cd b"
s:run "rm old"
s:expect { like = "$ " }
s:send "su\r"
s:expect { like = "root@web1:/# " }
s:run "id"
s:expect { like = "root@web1:/# " }
s:send "exit\r"
s:expect { like = "$ " }
`,
		},
		"a device": {
			[]string{"core9#", "<<show clock\r", "show clock\r\n21:04\r\ncore9#", "<<conf t\r", "conf t\r\ncore9(config)#"},
			`s:expect { like = "core9#" }
s:command "show clock"
s:command("conf t", { prompt = { like = "core9(config)#" } })
`,
		},
		"a pager's traces": {
			[]string{"core9#", "<<show big\r", "show big\r\nline\r\n --More-- ", "<q", strings.Repeat("\b", 9) + strings.Repeat(" ", 8) + strings.Repeat("\b", 9) + "core9#"},
			`s:expect { like = "core9#" }
s:send "show big\r"
s:expect { like = " --More-- " }
s:send "q"
s:expect { like = "core9#" }
`,
		},
		"an editor": {
			[]string{"$ ", "<<nano f\r", "nano f\r\n\x1b[?1049h\x1b[1;1HGNU nano\x1b[23;1H^G Help", "<aa", "aa", "<\r", "\x1b[3;1H", "<\x0f", "\x1b[22;1HFile Name to Write: f", "<\r", "\x1b[22;1H[ Wrote ]", "<\x18", "\x1b[?1049l\r\n$ ", "<<ls\r", "ls\r\nf\r\n$ "},
			`s:expect { like = "$ " }
s:send "nano f\r"
-- by hand: a full-screen program; type ~. when it is done
s:interact()
s:key "enter"
s:expect { like = "$ " }
s:run "ls"
`,
		},
		"a menu on the whole screen": {
			[]string{"$ ", "<<whiptail\r", "whiptail\r\n\x1b[1;1H\x1b[5;9Hone\x1b[6;9Htwo", "<\x1b[B", "\x1b[6;9Htwo", "<\r", "\x1b[24;1H\r\n$ "},
			`s:expect { like = "$ " }
s:send "whiptail\r"
-- by hand: a full-screen program; type ~. when it is done
s:interact()
s:key "enter"
s:expect { like = "$ " }
`,
		},
		"a menu of lines": {
			[]string{"1- Outlets\r\n> ", "<\x1b", "<\x1b", "<4", "4", "<\r", "\r\n> "},
			`s:expect { like = "> " }
s:key "esc"
s:key "esc"
s:send "4"
s:expect { line = "4" }
s:command("", { prompt = { like = "> " } })
`,
		},
		"not shown as it was typed": {
			[]string{"root@web1:/root# ", "<<\xc3\xa9cho\r", "\x1b[7m\\303\\251\x1b[mcho\r\nroot@web1:/root# "},
			`-- by hand: a line that was not shown as it was typed; type ~. when it is done
s:interact()
s:key "enter"
s:expect { like = "root@web1:/root# " }
`,
		},
		"a host that draws upon Tab": {
			[]string{"$ ", "<l", "l", "<\t", "s /tmp; touch planted", "<\r", "\r\n$ "},
			`s:expect { like = "$ " }
s:send "l\009"
s:expect { line = "ls /tmp; touch planted" }
s:key "enter"
s:expect { like = "$ " }
s:check()
`,
		},
		"a loop and a here-document": {
			[]string{"$ ", "<<for i in a b\r", "for i in a b\r\n> ", "<<do cd $i; done\r", "do cd $i; done\r\n$ ", "<<cat >f <<E\r", "cat >f <<E\r\n> ", "<<x\r", "x\r\n> ", "<<E\r", "E\r\n$ ", "<<publish\r", "publish\r\n$ "},
			`s:expect { like = "$ " }
s:send "for i in a b\r"
s:expect { like = "> " }
s:send "do cd $i; done\r"
s:expect { like = "$ " }
s:check()
s:expect { like = "$ " }
s:send "cat >f <<E\r"
s:expect { like = "> " }
s:send "x\r"
s:expect { like = "> " }
s:send "E\r"
s:expect { like = "$ " }
s:check()
s:run "publish"
`,
		},
		"other prompts that are a shell's": {
			[]string{"$ ", "<<PS1='[\\t]> '\r", "PS1='[\\t]> '\r\n[21:04:05]> ", "<<cd b\r", "cd b\r\n[21:04:06]> ", "<<rm old\r", "rm old\r\n[21:04:07]> "},
			`s:expect { like = "$ " }
s:send "PS1='[\\t]> '\r"
s:expect { like = "[21:04:05]> " }
s:run "cd b"
s:run "rm old"
`,
		},
		"csh": {
			[]string{"web1% ", "<<cd b\r", "cd b\r\nweb1% ", "<<su\r", "su\r\nweb1# ", "<<rm old\r", "rm old\r\nweb1# ", "<<exit\r", "exit\r\nweb1% "},
			`s:expect { like = "web1% " }
s:send "cd b\r"
s:expect { like = "web1% " }
s:check()
s:expect { like = "web1% " }
s:send "su\r"
s:expect { like = "web1# " }
s:send "rm old\r"
s:expect { like = "web1# " }
s:check()
s:expect { like = "web1# " }
s:send "exit\r"
s:expect { like = "web1% " }
`,
		},
		"a shell or a device": {
			[]string{"web1# ", "<<cd b\r", "cd b\r\nweb1# ", "<<rm old\r", "rm old\r\nweb1# "},
			`s:expect { like = "web1# " }
s:command "cd b"
s:command "rm old"
`,
		},
		"history by !": {
			[]string{"$ ", "<<[ ! -e 'a!b' ]\r", "[ ! -e 'a!b' ]\r\n$ ", "<<!r\r", "!r\r\nrm old\r\n$ "},
			`s:expect { like = "$ " }
s:run "[ ! -e 'a!b' ]"
-- by hand: a line out of the history; type ~. when it is done
s:interact()
s:key "enter"
s:expect { like = "$ " }
`,
		},
		"the same line again, out of the history": {
			[]string{"$ ", "<<rm old\r", "rm old\r\n$ ", "<\x1b[A", "rm old", "<\r", "\r\n$ ", "<\x12", "\r(i-search)`': ", "<r", "\b\b\br': rm old", "<\r", "\r\x1b[K$ rm old\r\n$ "},
			`s:expect { like = "$ " }
s:run "rm old"
s:run "rm old"
s:run "rm old"
`,
		},
		"a command that leads to another host": {
			[]string{"web@a:~$ ", "<<enter b\r", "enter b\r\nweb@b:~$ ", "<<rm old\r", "rm old\r\nweb@b:~$ "},
			`s:expect { like = "web@a:~$ " }
s:send "enter b\r"
s:expect { like = "web@b:~$ " }
s:run "rm old"
`,
		},
		"a device completes a line": {
			[]string{"sw1#", "<sh clo", "sh clo", "<\t", "\rsw1#show clock ", "<\r", "\r\n21:04\r\nsw1#"},
			`s:expect { like = "sw1#" }
s:send "sh clo\009"
s:expect { line = "show clock" }
s:command("", { prompt = { like = "sw1#" } })
`,
		},
		"a console's log": {
			[]string{"core9#", "<<end\r", "end\r\ncore9#", "", "\r\n*Mar  1 00:01:02.003: %SYS-5-CONFIG_I: Configured from console\r\n", "<<show clock\r", "show clock\r\n21:04\r\ncore9#"},
			`s:expect { like = "core9#" }
s:send "end\r"
s:expect [[(?m)^core\d+#]]
s:command("show clock", { prompt = { like = "core9#" } })
`,
		},
		"a log line and no prompt": {
			[]string{"*Mar  1 00:01:02.003: %SYS-5-CONFIG_I: Configured from console\r\n", "<<show clock\r", "show clock\r\n"},
			"s:expect { silence = \"300ms\", on_timeout = \"ready\" }\ns:send \"show clock\\r\"\ns:expect { silence = \"300ms\", on_timeout = \"ready\" }\n",
		},
		"typed ahead, nothing asks": {
			[]string{"$ ", "<<cat\rhunter2\r", "cat\r\nhunter2\r\nhunter2\r\n", "CLOSE"},
			`s:expect { like = "$ " }
s:send "cat\r"
-- by hand: a line that was typed ahead; type ~. when it is done
s:interact()
s:key "enter"
s:expect { like = "hunter2\n" }
`,
		},
		"typed ahead at two prompts": {
			[]string{"$ ", "<<cd b\rrm old\r", "cd b\r\nrm old\r\n$ rm old\r\n$ "},
			`s:expect { like = "$ " }
s:run "cd b"
s:run "rm old"
`,
		},
		"typed before the prompt came": {
			[]string{"$ ", "<<make\r", "make\r\n", "<<rm old\r", "rm old\r\nfailed\r\n$ rm old\r\n$ "},
			"s:expect { like = \"$ \" }\ns:run \"make\"\ns:run \"rm old\"\n",
		},
		"left in the middle": {
			[]string{"$ ", "<<ls\r", "ls\r\n$ ", "<rm -r", "rm -r", "CLOSE"},
			"s:expect { like = \"$ \" }\ns:run \"ls\"\n",
		},
		"quoting": {
			[]string{"a]] \"b\\", "<<say \"x\\y\" é \r", "say \"x\\y\" é \r\n]$]", "<<x\r", "x\r\n"},
			`s:expect { like = "a]] \"b\\" }
s:send "say \"x\\y\" é \r"
s:expect { like = "]$]" }
s:send "x\r"
s:expect { silence = "300ms", on_timeout = "ready" }
`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if diff := cmp.Diff(test.want, steps(t, watch(t, test.words...))); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// TestPrompts: what a prompt has become the next time matches its pattern, and
// another prompt does not.
func TestPrompts(t *testing.T) {
	for shown, next := range map[string]struct{ again, not []string }{
		"web1:~$ ":                             {[]string{"web12:~$ "}, []string{"web1:~$ ls", "root:~$ ", "web1:~# "}},
		"[21:04:05] web1> ":                    {[]string{"[07:00:00] web1> ", "last\r\n[7:00:00] web1> "}, []string{"web1> "}},
		"Tue Sep 19 21:04:05 2000 [17] % ":     {[]string{"Mon Oct  2 09:00:01 2000 [118] % "}, []string{"Password: "}},
		"9:05 PM web1$ ":                       {[]string{"10:05 AM web1$ "}, nil},
		"at  9:05 $ ":                          {[]string{"at 10:05 $ "}, nil},
		"session a3f9c2> ":                     {[]string{"session 00ffee> ", "session 123456> "}, []string{"session > "}},
		"id x9K2pQ7z: ":                        {[]string{"id 7aB8cD9e: "}, []string{"id : "}},
		"May I? ":                              {nil, []string{"Can I? "}},
		"load 0.52, 3 users (a.b) [c]* {d}+ ":  {[]string{"load 11.00, 12 users (a.b) [c]* {d}+ "}, []string{"load 0.52, 3 users (aab) [c]* {d}+ "}},
		strings.Repeat("long ", 30) + "web1$ ": {[]string{"long long web2$ ", strings.Repeat("long ", 30) + "web1$ "}, []string{"$ "}},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := steps(t, watch(t, shown, "<\r"))
			wait, _, _ := strings.Cut(s, "\n")
			wait, err := strconv.Unquote(strings.TrimSuffix(strings.TrimPrefix(wait, "s:expect { like = "), " }"))
			if err != nil {
				t.Fatal(err)
			}
			re := expect.Like(wait).Regexp()
			if strings.HasPrefix(shown, "long") {
				next.again = next.again[1:]
			}
			for _, again := range append(next.again, shown) {
				if !re.MatchString(again) {
					t.Errorf("%q, of %q, does not match %q", wait, shown, again)
				}
			}
			for _, not := range next.not {
				if re.MatchString(not) {
					t.Errorf("%q, of %q, matches %q", wait, shown, not)
				}
			}
		})
	}
}

// TestScript: the whole file.
func TestScript(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got, err := watch(t, "login: ", "<<web\r", "web\r\nPassword: ", "<<hunter2\r", "\r\n$ ").Script(autoscript.About{
			Host: "web1", File: "mend.lua", When: time.Date(2000, 9, 19, 21, 4, 5, 0, time.UTC), Site: true, Term: "xterm",
		})
		if err != nil {
			t.Fatal(err)
		}
		want := `-- mend.lua: what was done on web1 on 2000-09-19 21:04, written by farmrun record.
--
-- Each s:run fails if its command does; if that is meant, add { check = false }. s:check
-- fails if the command before did, and s:command if a device rejects the line. Each
-- s:expect waits for the host's last line before the next key, or for its silence.
-- Numbers, dates, times and nonces in a line that is only like it may differ. Take out all
-- that does not matter, and give cases where the host may answer otherwise:
-- farmrun help session:expect.
local cli, farm = require "cli", require "farm"
require "site"

local args = cli.parse {
  about = "Does what was done on web1.",
  hosts = { default = "web1", help = "where to do it" },
}
local password = cli.secret "Password:"

farm.each(farm.hosts(args.hosts), { on_failure = "stop", parallel = 1 }, function(host)
  local s = host:session { strip = "screen", echo = false, show = true, term = "xterm" }
  s:expect { like = "login: " }
  s:send "web\r"
  s:expect { like = "Password: " }
  s:send_secret(password)
  s:expect { like = "$ " }
end)
`
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestNothing(t *testing.T) {
	for _, words := range [][]string{nil, {"$ "}, {"$ ", "<not finished"}, {"$ ", "END"}} {
		if script, err := watch(t, words...).Script(autoscript.About{}); !errors.Is(err, autoscript.ErrNothing) {
			t.Errorf("%q: %v\n%s", words, err, script)
		}
	}
}

// FuzzUnseen: whatever a host says and in whichever portions, what it has not
// echoed is not in the script.
func FuzzUnseen(f *testing.F) {
	f.Add([]byte("$ \r\n\x1b[K--More--Password: \b *"), uint8(3))
	f.Fuzz(func(t *testing.T, says []byte, portion uint8) {
		const secret = "Hunter2secret"
		clean := regexp.MustCompile(`(?i)[hunter2sc]`).ReplaceAll(says, nil)
		h := &host{err: os.ErrDeadlineExceeded}
		tr := autoscript.Watch(h)
		for i := range 4 {
			n := min(len(clean), max(1, int(portion)))
			h.says, clean = string(clean[:n]), clean[n:]
			for h.says != "" {
				tr.Read(make([]byte, 7))
			}
			if i%2 == 0 {
				io.WriteString(tr, secret+"\r")
				continue
			}
			for _, k := range secret {
				io.WriteString(tr, string(k))
			}
			io.WriteString(tr, "\t\r")
		}
		script, err := tr.Script(autoscript.About{Host: "x", File: "x"})
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(script), secret) {
			t.Errorf("%s", script)
		}
	})
}

// FuzzPlanted: whatever a host draws upon which keys, nothing but these keys is typed by
// the script.
func FuzzPlanted(f *testing.F) {
	f.Add([]byte("$ \r\nrm -r /\r\n$ rm -r /"), []byte("l\t\x1b[A\x12\x01\r!\x04"), uint8(3))
	f.Add([]byte("sw1#\rsw1#write erase\r\nsw1#"), []byte("\t\rsh clo\t\rshow\r"), uint8(5))
	f.Add([]byte("l\b \bPS1='\\t]> '\r\n[1]> rm\r\n[2]> "), []byte("PS1\rl\rrm\r\x1b[A\r"), uint8(4))
	f.Fuzz(func(t *testing.T, draws, keys []byte, portion uint8) {
		h := &host{err: os.ErrDeadlineExceeded}
		tr := autoscript.Watch(h)
		for i := range min(len(keys), 100) {
			n := min(len(draws), int(portion))
			h.says, draws = string(draws[:n]), draws[n:]
			for h.says != "" {
				tr.Read(make([]byte, 7))
			}
			tr.Write(keys[i : i+1])
		}
		script, err := tr.Script(autoscript.About{Host: "x", File: "x"})
		if err != nil {
			return
		}
		for _, typed := range regexp.MustCompile(`(?m)^  s:(?:send|run|command)[ (]("(?:[^"\\]|\\.)*")`).FindAllSubmatch(script, -1) {
			if left := without(luaText(t, string(typed[1])), string(keys)); left != "" {
				t.Errorf("%q, which was not typed, in %s of\n%s", left, typed[1], script)
			}
		}
	})
}

// luaText returns the text of a Lua string.
func luaText(t *testing.T, quoted string) string {
	text, err := strconv.Unquote(regexp.MustCompile(`\\(\d{3})`).ReplaceAllStringFunc(quoted, func(code string) string {
		n, _ := strconv.Atoi(code[1:])
		return fmt.Sprintf(`\x%02x`, n)
	}))
	if err != nil {
		t.Fatalf("%s: %v", quoted, err)
	}
	return text
}

// without returns the characters of text for which there are too few keys: Enter stands for
// itself, and a line may come again out of the history.
func without(text, keys string) (left string) {
	for _, r := range text {
		if r != '\r' && strings.Count(keys, string(r)) < strings.Count(text, string(r)) {
			left += string(r)
		}
	}
	return left
}
