package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"farmrun/luahost/lazyregexp"
	"farmrun/testdata/need"
	"farmrun/testdata/screen"
)

// recorded is a job that an operator does by hand.
type recorded struct {
	name string
	// keys are typed, each when the next prompt has come after the line before or, where
	// "?text" comes between, when that is on the screen.
	keys []string
	// differs makes the other host another, on which the replay stops; "" has no directory
	// d there. done does as much as the replay may there.
	differs, done string
	// again are keys of the operator in the replay, each after "?text".
	again []string
}

// recordedHome makes the home of each host. The prompt counts itself.
const recordedHome = `
mkdir d depot bin
echo old >old; echo old >d/old; echo old >depot/old; echo 1 >log.1
cat >rc <<'E'
unset ENV; export HISTFILE=
PATH=$HOME/bin:$PATH
PROMPT_COMMAND='n=$((n+1))'
PS1='[$n]$ '
E
cat >bin/ask <<'E'
read -p "Overwrite $1? [y/n] " x; [ "$x" = y ] && echo new >"$1"
E
cat >bin/pin <<'E'
read -s -p 'PIN: ' x; echo; echo ${#x} >d/pin
E
cat >bin/newpass <<'E'
read -s -p 'New password: ' x; echo; read -s -p 'Retype new password: ' y; echo; [ "$x" = "$y" ] && echo changed >d/pass
E
cat >bin/sudo <<'E'
read -s -p '[sudo] password for op: ' x; echo; [ "$x" = hunter2 ] && "$@"
E
cat >bin/su <<'E'
read -s -p 'Password: ' x; echo; PS1='root@h:~# ' PROMPT_COMMAND= exec bash --norc
E
cat >bin/pages <<'E'
for i in 1 2 3; do echo page $i; read -s -n 1 -p --More-- x; printf '\r        \r'; [ "$x" != q ] || exit 0; done
E
cat >bin/slow <<'E'
exec perl -e '$| = 1; $SIG{CONT} = sub { print "again\n" }; print "working\n"; sleep 1000 while 1'
E
cat >bin/publish <<'E'
cp d/old d/published
E
cat >bin/menu <<'E'
while read -p '1) make 2) stop > ' x; do case $x in 1) echo made >d/made;; 2) exit 0;; esac; done
E
cat >bin/sw <<'E'
p='sw1>'
while read -e -p "$p" l; do
	case $l in
	enable) p='sw1#';; 'conf t') p='sw1(config)#';; end) p='sw1#';;
	'vlan '*) [ -d d ] && echo "$l" >>d/vlans || echo "% Invalid input detected at '^' marker.";;
	'no vlan '*) echo "$l" >>removed;; 'show clock') echo 21:04;; exit) exit 0;;
	*) echo "% Invalid input detected at '^' marker.";;
	esac
done
E
sed -i '1i#!/bin/bash' bin/*; chmod +x bin/*
`

// recordedJobs are the jobs.
func recordedJobs() []recorded {
	return []recorded{
		{name: "a directory and a file", keys: []string{"cd d\r", "rm old\r", "touch done\r"}},
		{name: "a command that only reads", keys: []string{"ls d\r", "rm old\r"}},
		{name: "backspace", keys: []string{"cd dd\x7f\r", "rm old\r"}},
		{name: "^U", keys: []string{"rubbish\x15cd d\r", "rm old\r"}},
		{name: "^A", keys: []string{"d", "?$ d", "\x01cd ", "?$ cd d", "\r", "rm old\r"}},
		{name: "^A and ^E", keys: []string{"cd", "?$ cd", "\x01\x05 d", "?$ cd d", "\r", "rm old\r"}},
		{name: "^W", keys: []string{"cd x", "?$ cd x", "\x17d", "?$ cd d", "\r", "rm old\r"}},
		{name: "arrows", keys: []string{"cdd", "?$ cdd", "\x1b[D ", "?$ cd d", "\r", "rm old\r"}},
		{name: "history", keys: []string{"cd d\r", "cd ..\r", "\x1b[A", "?3]$ cd ..", "\x1b[A", "?3]$ cd d", "\r", "rm old\r"}},
		{name: "^R", keys: []string{"cd d\r", "cd ..\r", "\x12cd d", "?cd d': cd d", "\r", "rm old\r"}},
		{name: "Tab", keys: []string{"cd dep\t", "?cd depot/", "\r", "rm old\r"}, differs: "mv depot e"},
		{name: "Tab, another name", keys: []string{"rm log\t", "?rm log.1", "\r", "rm old\r"}, differs: "mv log.1 log.2"},
		{name: "here-document", keys: []string{"cat >d/f <<E\r", "?E> ", "one\r", "?> one>", "two\r", "?> two>", "E\r", "rm old\r"}},
		{name: "a loop", keys: []string{"for i in d\r", "?d> ", "do cd $i\r", "?$i>", "done\r", "rm old\r"}},
		{name: "a loop that reads", keys: []string{"while read x; do echo $x >>d/f; done <log.1\r", "rm old\r"}},
		{name: "a long line", keys: []string{"echo " + strings.Repeat("long ", 40) + ">d/f\r", "rm old\r"}},
		{name: "a long line, edited", keys: []string{"mkdir " + strings.Repeat("a", 120) + " d/x", "?d/x", "\x1b[D\x05\x7fy", "?d/y", "\r", "rm old\r"},
			differs: "mkdir d/y", done: "mkdir " + strings.Repeat("a", 120)},
		{name: "read -s", keys: []string{"pin\r", "?PIN: ", "4711\r", "rm old\r"}, again: []string{"?PIN: ", "4711\r"}},
		{name: "passwd", keys: []string{"newpass\r", "?New password:", "a1\r", "?Retype", "a1\r", "rm old\r"}, again: []string{"?New password:", "a1\r", "?Retype", "a1\r"}},
		{name: "passwd asks otherwise", keys: []string{"newpass\r", "?New password:", "a1\r", "?Retype", "a1\r", "rm old\r"}, differs: "sed -i 's/Retype/Wrong/' bin/newpass", again: []string{"?New password:", "a1\r", "?Retype", "a1\r"}},
		{name: "sudo", keys: []string{"sudo touch d/done\r", "?password for op", "hunter2\r", "rm old\r"}, again: []string{"?password for op", "hunter2\r"}},
		{name: "sudo rejects", keys: []string{"sudo touch d/done\r", "?password for op", "hunter2\r", "rm old\r"}, differs: "sed -i s/hunter2/other/ bin/sudo", again: []string{"?password for op", "hunter2\r"}},
		{name: "su", keys: []string{"su\r", "?Password:", "x\r", "?root@h:~#", "cd d\r", "?# cd droot", "rm old\r", "?# rm oldroot", "exit\r", "touch done\r"}, again: []string{"?Password:", "x\r"}},
		{name: "a pager", keys: []string{"pages\r", "?page 1--More--", " ", "?page 2--More--", "q", "cd d\r", "rm old\r"}},
		{name: "a pager that fails", keys: []string{"pages\r", "?page 1--More--", " ", "?page 2--More--", "q", "rm old\r"}, differs: "sed -i 's/exit 0/exit 3/' bin/pages"},
		{name: "^C", keys: []string{"slow\r", "?working", "\x03", "cd d\r", "rm old\r"}},
		{name: "^Z and fg", keys: []string{"slow\r", "?working", "\x1a", "fg\r", "?again", "\x03", "cd d\r", "rm old\r"}},
		{name: "^D", keys: []string{"cat >d/f\r", "?cat >d/f", "hello\r", "?hello", "\x04", "rm old\r"}},
		{name: "umask and variables", keys: []string{"umask 077\r", "x=d/new\r", "touch $x\r", "rm old\r"}},
		{name: "two shells", keys: []string{"cd d\r", "PS1='in$ ' PROMPT_COMMAND= bash --norc\r", "?--norcin$", "rm old\r", "?in$ rm oldin$", "exit\r", "touch done\r"}},
		{name: "a device", keys: []string{"sw\r", "?sw1>", "enable\r", "?sw1#", "show clock\r", "?21:04sw1#", "conf t\r", "?(config)#", "vlan 7\r", "?vlan 7sw1(config)#", "no vlan 8\r", "?no vlan 8sw1(config)#", "end\r", "?#endsw1#", "exit\r", "rm old\r"}},
		{name: "a menu", keys: []string{"menu\r", "?stop >", "1\r", "?stop > 11) make 2) stop >", "2\r", "rm old\r"}, differs: "sed -i 's/stop/end/' bin/menu"},
		{name: "an editor by hand", keys: []string{"cd d\r", "busybox vi f\r", "?- f 1/1", "ihello", "?I f", "\x1b", "?- f [Modified]", ":wq\r", "rm old\r"}, again: []string{"?- f 1/1", "ihello", "?I f", "\x1b", "?- f [Modified]", ":wq\r", "?]$", "~."}},
		{name: "a line editor", keys: []string{"ed -p '* ' d/old\r", "?d/old4*", "s/old/new/\r", "?new/*", "w\r", "?w4*", "q\r", "rm old\r"}},
		{name: "a list", keys: []string{"cd d && rm old\r", "rm ../old; touch done\r"}},
		{name: "quotes", keys: []string{"echo \"it's\" 'a\"b\\' $((6*7)) >d/f\r", "rm old\r"}},
		{name: "letters", keys: []string{"echo größer >d/é\r", "rm old\r"}},
		{name: "an exclamation mark", keys: []string{"[ ! -e d/new ] && touch d/new\r", "rm old\r"}, differs: "touch d/new"},
		{name: "a job", keys: []string{"touch d/f & wait $!\r", "rm old\r"}},
		{name: "typed ahead", keys: []string{"cd d\rrm old\r", "?3]$", "touch done\r"}},
		{name: "a word that ends in sh", keys: []string{"publish\r", "rm old\r"}},
		{name: "a question", keys: []string{"ask old\r", "?Overwrite", "y\r", "rm log.1\r"}, differs: "sed -i 's/Overwrite/Really overwrite/' bin/ask"},
		{name: "a file that is there", keys: []string{"set -C\r", "echo x >new\r", "rm old\r"}, differs: "touch new"},
		{name: "a line that goes on", keys: []string{"rm d/old \\\r", "?\\> ", "log.1\r", "rm old\r"}, differs: "mv d e", done: "rm log.1"},
		{name: "a link", keys: []string{"ln -s d current\r", "rm old\r"}, differs: "echo >current"},
		{name: "csh", keys: []string{"tcsh -f\r", "?tcsh -f", "set prompt='c% '\r", "?c% '", "cd d\r", "?c% cd dc%", "rm old\r", "?c% rm oldc%", "exit\r", "touch done\r"}},
		{name: "another prompt", keys: []string{"PS1='{$n}> '\r", "?{2}>", "cd d\r", "?{3}>", "rm old\r", "?{4}>"}},
	}
}

// TestRecorded does jobs by hand, each with farmrun record, and again by the script: on a
// host that was like the first, which is then like it, and on one that was not, where the
// script stops.
func TestRecorded(t *testing.T) {
	need.Program(t, "bash", "tcsh", "tmux", "busybox", "ed", "perl")
	for _, job := range recordedJobs() {
		t.Run(job.name, func(t *testing.T) {
			t.Parallel()
			job.test(t)
		})
	}
}

func (job recorded) test(t *testing.T) {
	s, err := newStage(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	s.env = []string{"ENV=" + filepath.Join(s.dir, "env"), "LC_ALL=C.UTF-8"}
	kindFile(t, s.dir, "env", "exec bash --rcfile \"$HOME/rc\" -i\n")
	for _, name := range []string{"h1", "h2", "h3"} {
		if _, err := s.host(name, "", ""); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"h1", "h2", "h3", "should"} {
		job.prepare(t, filepath.Join(s.dir, name))
	}
	script := job.record(t, s)
	if status, shown := job.replay(t, s, "h2"); status != "0" {
		t.Fatalf("the replay ended with %s:\n%s\nthe script:\n%s", status, shown, script)
	}
	if diff := cmp.Diff(filesIn(t, s, "h1"), filesIn(t, s, "h2")); diff != "" {
		t.Errorf("by hand, and by the script:\n%s\nthe script:\n%s", diff, script)
	}
	if status, shown := job.replay(t, s, "h3"); status == "0" {
		t.Errorf("the replay on the other host ended with 0:\n%s\nthe script:\n%s", shown, script)
	}
	if diff := cmp.Diff(filesIn(t, s, "should"), filesIn(t, s, "h3")); diff != "" {
		t.Errorf("the other host should be, and is:\n%s\nthe script:\n%s", diff, script)
	}
}

// prepare makes a home.
func (job recorded) prepare(t *testing.T, home string) {
	script, name := recordedHome, filepath.Base(home)
	if differs := job.differs; name == "h3" || name == "should" {
		if differs == "" {
			differs = "mv d e"
		}
		script += differs + "\n"
	}
	if name == "should" {
		script += job.done
	}
	if err := os.MkdirAll(home, 0o777); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("bash", "-ec", script)
	cmd.Dir = home
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// window starts farmrun in a terminal that draws, where its status stands in the end.
func (job recorded) window(t *testing.T, s *stage, args ...string) *screen.Screen {
	env := append(os.Environ(), "HOME="+s.home(), "XDG_CONFIG_HOME=", "XDG_STATE_HOME=", "SSH_AUTH_SOCK=", "NO_COLOR=1")
	w, err := screen.Start(s.dir, env, 40, 100, append([]string{"sh", "-c", `farmrun "$@"; echo "status $?."; read x`, "sh"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// press types keys, and waits between them.
func press(t *testing.T, w *screen.Screen, keys []string) {
	prompt := 0
	for i, k := range keys {
		text, awaits := strings.CutPrefix(k, "?")
		if i > 0 && !awaits && endsCommand(keys[i-1]) || i == 0 && !awaits {
			prompt = awaitPrompt(t, w, prompt)
		}
		var err error
		if awaits {
			text = strings.TrimRight(text, " ")
			err = w.Await(func(shown string) bool {
				prompt = max(prompt, promptOn(shown))
				return strings.Contains(strings.ReplaceAll(shown, "\n", ""), text)
			})
		} else {
			_, err = w.Tmux("send-keys", "-l", text)
		}
		if err != nil {
			t.Fatalf("key %d, %q: %v", i, k, err)
		}
	}
	if n := len(keys); n > 0 && endsCommand(keys[n-1]) {
		awaitPrompt(t, w, prompt)
	}
}

// endsCommand tells whether keys end a command, after which there is a prompt.
func endsCommand(keys string) bool {
	return !strings.HasPrefix(keys, "?") && strings.ContainsAny(keys[len(keys)-1:], "\r\x03\x04\x1aq")
}

var countedPrompt = lazyregexp.New(`\[(\d+)\]\$\s*$`)

// promptOn returns the number of the prompt where the cursor is; 0 if there is none.
func promptOn(shown string) (number int) {
	if m := countedPrompt().FindStringSubmatch(shown); m != nil {
		number, _ = strconv.Atoi(m[1])
	}
	return number
}

// awaitPrompt waits for a prompt after that of number last, and returns its number.
func awaitPrompt(t *testing.T, w *screen.Screen, last int) (number int) {
	err := w.Await(func(shown string) bool {
		number = promptOn(shown)
		return number > last
	})
	if err != nil {
		t.Fatalf("no prompt after %d: %v", last, err)
	}
	return number
}

// record does the job by hand and returns the script, in which a wait for a line that does
// not come takes less than half a minute.
func (job recorded) record(t *testing.T, s *stage) string {
	w := job.window(t, s, "record", "h1", "job.lua")
	defer w.Close()
	press(t, w, job.keys)
	press(t, w, []string{"?yours", "~.", "?status 0."})
	name := filepath.Join(s.dir, "job.lua")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	script := strings.Replace(string(text), "show = true", `show = true, timeout = "5s"`, 1)
	if err := os.WriteFile(name, []byte(script), 0o666); err != nil {
		t.Fatal(err)
	}
	return script
}

var endStatus = lazyregexp.New(`status (\d+)\.`)

// replay runs the script on a host.
func (job recorded) replay(t *testing.T, s *stage, host string) (status, shown string) {
	w := job.window(t, s, "job.lua", "--hosts", host)
	defer w.Close()
	ended := func(now string) bool {
		shown = now
		return endStatus().MatchString(now)
	}
	for _, k := range job.again {
		if ended(shown) {
			break
		}
		if text, awaits := strings.CutPrefix(k, "?"); awaits {
			if err := w.Await(func(now string) bool { return ended(now) || strings.Contains(now, strings.TrimRight(text, " ")) }); err != nil {
				t.Fatal(err)
			}
		} else if _, err := w.Tmux("send-keys", "-l", k); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Await(ended); err != nil {
		t.Fatal(err)
	}
	return endStatus().FindStringSubmatch(shown)[1], shown
}

// filesIn returns the files of a host's home.
func filesIn(t *testing.T, s *stage, host string) map[string]string {
	files := map[string]string{}
	home := filepath.Join(s.dir, host)
	err := filepath.WalkDir(home, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		var text []byte
		if info.Mode().IsRegular() {
			text, err = os.ReadFile(path)
		}
		files[strings.TrimPrefix(path, home)] = fmt.Sprintf("%v %s", info.Mode(), text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
