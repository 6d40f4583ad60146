package fence_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"farmrun/luahost/remote"
	"farmrun/luahost/remote/fence"
	"farmrun/luahost/remote/remotetest"
	"farmrun/testdata/need"
)

// machines are the kinds of host that a fence is tried on.
var machines = map[string]func(t *testing.T, s *remotetest.Shell){
	"dash": func(t *testing.T, s *remotetest.Shell) {
		need.Program(t, "dash")
		s.Wrap = []string{"env", "--"}
		wrap(s, "dash")
	},
	"bash":    func(t *testing.T, s *remotetest.Shell) { need.Program(t, "bash"); wrap(s, "bash") },
	"busybox": func(t *testing.T, s *remotetest.Shell) { s.UseBusybox(t) },
	"no proc": func(t *testing.T, s *remotetest.Shell) { s.UseNoProc(t) },
}

// wrap has s run sh as another shell.
func wrap(s *remotetest.Shell, shell string) {
	s.Wrap = []string{"sh", "-c", `shift; exec ` + shell + ` "$@"`, "sh"}
}

// onMachines runs a test on each kind of host.
func onMachines(t *testing.T, test func(t *testing.T, s *remotetest.Shell)) {
	for name, set := range machines {
		t.Run(name, func(t *testing.T) {
			s := remotetest.New(t)
			set(t, s)
			test(t, s)
		})
	}
}

var began = time.Now().Truncate(time.Second)

// owner is the run R in an epoch.
func owner(epoch int) fence.Owner {
	return fence.Owner{
		Token: "TOKENOFR", Epoch: epoch, Run: "2000-09-19T21-04-05Z-cutover", Who: "web@devbox",
		Since: began,
	}
}

func on(s *remotetest.Shell) fence.Fence { return fence.Fence{Runner: s, Name: "web1"} }

var soon = fence.Waits{Patience: 50 * time.Millisecond, Interval: 10 * time.Millisecond}

func take(t *testing.T, f fence.Fence, me fence.Owner) fence.State {
	t.Helper()
	s, err := f.TakeOver(t.Context(), me, soon)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// run runs a line as a command of me, in a slot.
func run(t *testing.T, f fence.Fence, me fence.Owner, slot, line string) remote.Result {
	t.Helper()
	res, err := f.Runner.Run(t.Context(), remote.Cmd{Line: line, Guard: f.Guard(me, slot, 1, "re start")})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// begin begins a line as a login does that is gone a moment later: farmrun was
// killed. It returns when the line has printed something, and calls the function
// that it returns to see it ended.
func begin(t *testing.T, s *remotetest.Shell, f fence.Fence, me fence.Owner, slot, line string) (ended func()) {
	t.Helper()
	script, err := remote.Cmd{Line: line, Guard: f.Guard(me, slot, 1, "restart")}.Script()
	if err != nil {
		t.Fatal(err)
	}
	words := append(append([]string{"setsid"}, s.Wrap...), "sh", "-c", script)
	c := exec.Command(words[0], words[1:]...)
	c.Dir, c.Env = s.Dir, append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.Dir}, s.Env...)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill() })
	in := bufio.NewReader(out)
	if _, err := in.ReadString('\n'); err != nil {
		t.Fatalf("it has not begun: %v", err)
	}
	over := make(chan struct{})
	go func() {
		io.Copy(io.Discard, in)
		c.Wait()
		close(over)
	}()
	return func() { <-over }
}

// TestFence: a fence is there with all its space when it is taken, a command leaves
// its receipt, and nothing is left in the end.
func TestFence(t *testing.T) {
	onMachines(t, func(t *testing.T, s *remotetest.Shell) {
		f := on(s)
		state, err := f.Look(t.Context())
		if err != nil || state.Owner != nil || state.Login == "" || state.Name == "" {
			t.Fatalf("before: %+v, %v", state, err)
		}
		state = take(t, f, owner(1))
		if diff := cmp.Diff(owner(1), *state.Owner, sameTime); diff != "" {
			t.Error(diff)
		}
		if sizes := fileSizes(t, s); sizes != "512 1024" {
			t.Errorf("sizes %s", sizes)
		}
		if res := run(t, f, owner(1), "r3", "cat; echo err >&2; exit 7"); res.Code != 7 || string(res.Stderr) != "err\n" {
			t.Errorf("it ended with %d, %q", res.Code, res.Stderr)
		}
		state = take(t, f, owner(1))
		r, ok := state.Last("re start")
		if !ok || r.Epoch != 1 || r.Status != "7" || r.PID == 0 || r.Ended.IsZero() || len(state.Open()) > 0 {
			t.Errorf("the receipt is %+v", r)
		}
		if sizes := fileSizes(t, s); sizes != "512 1024" {
			t.Errorf("then sizes %s", sizes)
		}
		if err := f.Clear(t.Context(), owner(1)); err != nil {
			t.Error(err)
		}
		if left, _ := filepath.Glob(filepath.Join(s.Dir, ".*")); len(left) > 0 {
			t.Errorf("left: %s", left)
		}
	})
}

var sameTime = cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })

// fileSizes returns the sizes that the files of the fence have, those of the owner
// and of the receipts.
func fileSizes(t *testing.T, s *remotetest.Shell) string {
	t.Helper()
	var sizes []string
	for _, pattern := range []string{"own.*", "r*"} {
		paths, _ := filepath.Glob(filepath.Join(s.Dir, ".farmrun/fence/web1", pattern))
		for _, p := range paths {
			info, err := os.Stat(p)
			if err != nil {
				t.Fatal(err)
			}
			sizes = append(sizes, fmt.Sprint(info.Size()))
		}
	}
	return strings.Join(slices.Compact(sizes), " ")
}

// TestFormerOwner: a command that has not begun does not begin any more, and says so.
func TestFormerOwner(t *testing.T) {
	onMachines(t, func(t *testing.T, s *remotetest.Shell) {
		f := on(s)
		take(t, f, owner(1))
		take(t, f, owner(2))
		res := run(t, f, owner(1), "r1", "touch ran")
		if _, err := os.Stat(filepath.Join(s.Dir, "ran")); err == nil || !fence.WasRefused(res, owner(1)) {
			t.Errorf("it ran: status %d, %s", res.Code, res.Stderr)
		}
		_, err := f.Take(t.Context(), owner(1))
		if by, ok := errors.AsType[*fence.RelievedError](err); !ok || by.By.Epoch != 2 {
			t.Errorf("it is taken back: %v", err)
		}
		if err := f.Clear(t.Context(), owner(1)); err != nil {
			t.Error(err)
		}
		if state, _ := f.Look(t.Context()); state.Owner == nil {
			t.Error("the former owner has removed it")
		}
	})
}

// TestTakeOver: a command that runs on beside its successor is ended with all that
// belongs to it.
func TestTakeOver(t *testing.T) {
	onMachines(t, func(t *testing.T, s *remotetest.Shell) {
		f, mark := on(s), remotetest.Mark()
		take(t, f, owner(1))
		ended := begin(t, s, f, owner(1), "r2", "sh -c 'echo; sleep 1"+mark+"'; touch ran")
		state := take(t, f, owner(2))
		ended()
		if found := remotetest.Running(mark); found != "" {
			t.Errorf("still running: %s", found)
		}
		if _, err := os.Stat(filepath.Join(s.Dir, "ran")); err == nil {
			t.Error("it came to its end")
		}
		if r, _ := state.Last("restart"); r.Status != fence.Swept || r.Ended.IsZero() {
			t.Errorf("its receipt: %+v", r)
		}
	})
}

// TestWhatItLeaves: a finished command has left a daemon, which nobody may touch.
func TestWhatItLeaves(t *testing.T) {
	onMachines(t, func(t *testing.T, s *remotetest.Shell) {
		f, mark := on(s), remotetest.Mark()
		take(t, f, owner(1))
		begin(t, s, f, owner(1), "r1", "sleep 1"+mark+" </dev/null >/dev/null 2>&1 & echo")
		for { // until it has noted its end
			if s, err := f.Look(t.Context()); err != nil || len(s.Open()) == 0 {
				break
			}
		}
		state := take(t, f, owner(2))
		found := remotetest.Running(mark)
		if r, _ := state.Last("restart"); found == "" || r.Status != "0" {
			t.Errorf("running: %q, receipt %+v", found, r)
		}
		exec.Command("pkill", "-f", "^sleep 1"+mark).Run()
	})
}

// TestAnotherRun is refused, and told whose the host is.
func TestAnotherRun(t *testing.T) {
	f := on(remotetest.New(t))
	take(t, f, owner(3))
	other := owner(9)
	other.Token = "OTHER"
	for name, err := range map[string]error{
		"take":  func() error { _, err := f.TakeOver(t.Context(), other, soon); return err }(),
		"clear": f.Clear(t.Context(), other),
	} {
		held, ok := errors.AsType[*fence.HeldError](err)
		if name == "take" && (!ok || held.Owner.Epoch != 3 || !strings.Contains(err.Error(), "2000-09-19T21-04-05Z-cutover of web@devbox, for ")) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s, _ := f.Look(t.Context()); s.Owner == nil || s.Owner.Epoch != 3 {
		t.Errorf("then: %+v", s.Owner)
	}
}

// TestManyAtOnce: of several runs one has it, and of several owners of a run the
// last.
func TestManyAtOnce(t *testing.T) {
	for range 5 {
		f := on(remotetest.New(t))
		var wg sync.WaitGroup
		var mu sync.Mutex
		var got []string
		for i := range 8 {
			wg.Go(func() {
				me := owner(1 + i/2)
				me.Token = []string{"A", "B"}[i%2]
				_, err := f.Take(t.Context(), me)
				_, held := errors.AsType[*fence.HeldError](err)
				_, relieved := errors.AsType[*fence.RelievedError](err)
				if err != nil && !held && !relieved {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				if !held {
					got = append(got, me.Token)
				}
			})
		}
		wg.Wait()
		s, err := f.Look(t.Context())
		if err != nil || s.Owner == nil || s.Owner.Epoch != 4 || strings.Count(strings.Join(got, ""), s.Owner.Token) != 4 || len(got) != 4 {
			t.Errorf("%+v, %v, got by %s", s.Owner, err, got)
		}
	}
}

// TestNoneSlipsThrough: commands of the former owner that begin while the fence is
// taken over either do not, or are ended: when it is taken over nothing happens any
// more.
func TestNoneSlipsThrough(t *testing.T) {
	s := remotetest.New(t)
	f := on(s)
	take(t, f, owner(1))
	var wg sync.WaitGroup
	stop := make(chan struct{})
	defer func() { close(stop); wg.Wait() }()
	for i := range 6 {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				f.Runner.Run(t.Context(), remote.Cmd{
					Line:  "echo >>log; sleep 0.01; echo >>log; sleep 0.01; echo >>log",
					Guard: f.Guard(owner(1), fence.Slots[i], n, "x"),
				})
			}
		})
	}
	for begun := false; !begun; {
		info, err := os.Stat(filepath.Join(s.Dir, "log"))
		begun = err == nil && info.Size() > 20
	}
	take(t, f, owner(2))
	before, err := os.Stat(filepath.Join(s.Dir, "log"))
	for range 3 { // each of them would have the former owner's begin
		run(t, f, owner(2), "r8", "sleep 0.02")
	}
	after, _ := os.Stat(filepath.Join(s.Dir, "log"))
	if err != nil || before.Size() != after.Size() {
		t.Errorf("%d bytes, then %d, %v", before.Size(), after.Size(), err)
	}
}

// TestFullDisk: a disk that fills up later bars neither the way forward nor the way
// back.
func TestFullDisk(t *testing.T) {
	need.Root(t)
	s := remotetest.New(t)
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=256k", "none", s.Dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Cleanup(func() { exec.Command("umount", "-l", s.Dir).Run() })
	f := on(s)
	take(t, f, owner(1))
	s.Must(t, "cat /dev/zero >fill 2>/dev/null || :")
	if _, err := (fence.Fence{Runner: s, Name: "web2"}).Take(t.Context(), owner(1)); err == nil {
		t.Error("there is room for another")
	}
	run(t, f, owner(1), "r1", "exit 3")
	state := take(t, f, owner(2))
	if r, _ := state.Last("re start"); r.Status != "3" {
		t.Errorf("the receipt: %+v", r)
	}
	if res := run(t, f, owner(2), "r1", "exit 4"); res.Code != 4 {
		t.Errorf("status %d: %s", res.Code, res.Stderr)
	}
	if err := f.Clear(t.Context(), owner(2)); err != nil {
		t.Error(err)
	}
}

// receipt changes a word of the receipt in r1: 3 is the boot mark, 5 the start.
func receipt(t *testing.T, s *remotetest.Shell, word int, to string) {
	t.Helper()
	path := filepath.Join(s.Dir, ".farmrun/fence/web1/r1")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(string(text))
	words[word] = to
	if err := os.WriteFile(path, fmt.Appendf(nil, "%-1023s\n", strings.Join(words, " ")), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestAnotherProcess that has got the number of a command since is left alone, and
// so is all that belongs to another start of the system.
func TestAnotherProcess(t *testing.T) {
	for name, change := range map[string]struct {
		word int
		to   string
	}{"its start": {5, "12"}, "its boot": {3, "x/1"}} {
		t.Run(name, func(t *testing.T) {
			s := remotetest.New(t)
			f, mark := on(s), remotetest.Mark()
			take(t, f, owner(1))
			ended := begin(t, s, f, owner(1), "r1", "echo; exec sleep 1"+mark)
			receipt(t, s, change.word, change.to)
			state := take(t, f, owner(2))
			if remotetest.Running(mark) == "" || len(state.Open()) > 0 {
				t.Errorf("it was ended, or counts: %+v", state.Receipts)
			}
			exec.Command("pkill", "-f", "^sleep 1"+mark).Run()
			ended()
		})
	}
}

// TestClockSetBack: a command is ended though the host's clock was set back since it began,
// by which a host without /proc tells when it and its processes were started.
func TestClockSetBack(t *testing.T) {
	for name, set := range map[string]func(s *remotetest.Shell){
		"proc": func(*remotetest.Shell) {}, "ps": func(s *remotetest.Shell) { s.UseNoProc(t) },
	} {
		t.Run(name, func(t *testing.T) {
			s := remotetest.New(t)
			set(s)
			byClock(t, s)
			f, mark := on(s), remotetest.Mark()
			s.Must(t, "echo 2030 >year")
			take(t, f, owner(1))
			ended := begin(t, s, f, owner(1), "r2", "sh -c 'echo; sleep 1"+mark+"'; touch ran")
			s.Must(t, "echo 1999 >year")
			state := take(t, f, owner(2))
			if found := remotetest.Running(mark); found != "" {
				exec.Command("pkill", "-f", "^sleep 1"+mark).Run()
				t.Errorf("still running: %s", found)
			}
			ended()
			if r, _ := state.Last("restart"); r.Status != fence.Swept || r.Begun.Year() != 2030 || r.Ended.Year() != 1999 {
				t.Errorf("its receipt: %+v", r)
			}
			run(t, f, owner(2), "r1", "exit 3")
			state = take(t, f, owner(3))
			if r, _ := state.Last("re start"); r.Status != "3" || len(state.Open()) > 0 {
				t.Errorf("the receipts: %+v", state.Receipts)
			}
		})
	}
}

// byClock gives s a date, and a start of processes, in the year of its file year.
func byClock(t *testing.T, s *remotetest.Shell) {
	t.Helper()
	bin := t.TempDir()
	for name, script := range map[string]string{
		"date": `echo "$(cat "$HOME/year")0919T210405Z"`,
		"ps": `run() { unshare --mount sh -c 'umount /proc 2>/dev/null; exec /bin/ps "$@"' ps "$@"; }
case "$*" in
*lstart*) run "$@" | sed "s/20[0-9][0-9] *$/$(cat "$HOME/year")/" ;;
*) run "$@" ;;
esac`,
	} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s.Env = append(s.Env, "PATH="+bin+":"+os.Getenv("PATH"))
}

// TestNotOurs: a command that may not be ended is left as it is and waited for, and
// then named. Here it is root's, and the user who goes on is nobody.
func TestNotOurs(t *testing.T) {
	need.Root(t)
	s := remotetest.New(t)
	dir := s.Dir + "/shared"
	s.Must(t, "mkdir -m 777 shared; chmod 755 . ..")
	f, mark := fence.Fence{Runner: s, Dir: dir, Name: "web1"}, remotetest.Mark()
	take(t, f, owner(1))
	ended := begin(t, s, f, owner(1), "r1", "echo; sleep 1"+mark+"; exit 5")
	nobody := &remotetest.Shell{Dir: "/", Wrap: []string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"}}
	g := fence.Fence{Runner: nobody, Dir: dir, Name: "web1"}
	_, err := g.TakeOver(t.Context(), owner(2), soon)
	running, ok := errors.AsType[*fence.RunningError](err)
	if !ok || len(running.Left) == 0 || !strings.Contains(err.Error(), strconv.Itoa(running.Left[0].PID)) || remotetest.Running(mark) == "" {
		t.Fatalf("%v, %q runs", err, remotetest.Running(mark))
	}
	exec.Command("pkill", "-f", "^sleep 1"+mark).Run()
	ended()
	state, err := g.TakeOver(t.Context(), owner(3), soon)
	if r, _ := state.Last("restart"); err != nil || r.Status != "5" {
		t.Errorf("then: %+v, %v", state, err)
	}
}

// TestShared: all who may write in the site's directory may take a fence there over, and
// nobody else.
func TestShared(t *testing.T) {
	need.Root(t)
	need.Program(t, "setpriv")
	const group = 65533
	for mode, want := range map[os.FileMode]os.FileMode{0o777: 0o777, 0o770: 0o770, 0o2770: 0o770, 0o700: 0o700} {
		t.Run(fmt.Sprintf("%o", mode), func(t *testing.T) {
			s := remotetest.New(t)
			dir := s.Dir + "/shared"
			s.Must(t, fmt.Sprintf("mkdir shared; chgrp %d shared; chmod %o shared; chmod 755 . ..", group, mode))
			f := fence.Fence{Runner: s, Dir: dir, Name: "web1"}
			take(t, f, owner(1))
			for name, want := range map[string]os.FileMode{"": want, "/own.TOKENOFR.1": want & 0o666, "/r1": want & 0o666} {
				info, err := os.Stat(dir + "/web1" + name)
				if err != nil || info.Mode().Perm() != want {
					t.Errorf("web1%s: %v, %v, want %v", name, info, err, want)
				} else if gid := info.Sys().(*syscall.Stat_t).Gid; gid != group {
					t.Errorf("web1%s is of group %d", name, gid)
				}
			}
			words := fmt.Sprintf("setpriv --reuid=65534 --regid=65534 --groups=%d", group)
			colleague := &remotetest.Shell{Dir: "/", Wrap: strings.Fields(words)}
			g := fence.Fence{Runner: colleague, Dir: dir, Name: "web1"}
			_, err := g.TakeOver(t.Context(), owner(2), soon)
			if may := want&0o070 != 0; (err == nil) != may {
				t.Errorf("a colleague: %v", err)
			}
			if err != nil {
				return
			}
			if res := run(t, g, owner(2), "r1", "echo ran"); string(res.Stdout) != "ran\n" {
				t.Errorf("a colleague's command: %q", res.Stderr)
			}
			if res := run(t, f, owner(1), "r2", "echo ran"); !fence.WasRefused(res, owner(1)) {
				t.Errorf("the former owner's: %+v", res)
			}
			if err := g.Clear(t.Context(), owner(2)); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestClearWhileItRuns keeps the fence.
func TestClearWhileItRuns(t *testing.T) {
	s := remotetest.New(t)
	f := on(s)
	take(t, f, owner(1))
	begin(t, s, f, owner(1), "r1", "echo; exec sleep 100")
	err := f.Clear(t.Context(), owner(1))
	if running, ok := errors.AsType[*fence.RunningError](err); !ok || len(running.Of) != 1 {
		t.Errorf("got %v", err)
	}
	take(t, f, owner(2))
	if err := f.Clear(t.Context(), owner(2)); err != nil {
		t.Error(err)
	}
}

// FuzzState: whatever the host says, reading it ends.
func FuzzState(f *testing.F) {
	f.Add("boot x/1\nown own.T.1 r w 2000-09-19T21:04:05Z\nreceipt r1 1 1 s x/1 12 3 20000919T210405Z -\nleft 12 root sleep 9\ndone\n")
	f.Fuzz(func(t *testing.T, said string) {
		fe := fence.Fence{Runner: says(said), Name: "web1"}
		s, err := fe.Take(t.Context(), owner(1))
		if err == nil && (s.Owner == nil || s.Owner.Token != owner(1).Token) {
			t.Errorf("%+v", s)
		}
	})
}

type says string

func (s says) Run(context.Context, remote.Cmd) (remote.Result, error) {
	return remote.Result{Stdout: []byte(s)}, nil
}
