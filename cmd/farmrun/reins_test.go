package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"farmrun/luahost/journal"
	"farmrun/testdata/need"
)

// sink is a standard output that takes nothing, or soon takes no more.
type sink struct {
	name string
	// open makes it, and gives p a terminal where it is one. far is its other end,
	// which holds it up; nil is none.
	open func(tb testing.TB, p *process, dir string) (near, far *os.File)
	both bool // standard error is the same
}

var sinks = []sink{
	{"pipe that nobody reads", openUnread, false},
	{"pipe that nobody reads, 2>&1", openUnread, true},
	{"terminal stopped by ^S", openStopped, false},
	{"terminal stopped by ^S, 2>&1", openStopped, true},
	{"closed pipe", openClosed, false},
	{"closed pipe, 2>&1", openClosed, true},
	{"device that is full", openFull, false},
	{"disk that is full", openFullDisk, false},
	{"disk that is full, 2>&1", openFullDisk, true},
}

func openUnread(tb testing.TB, _ *process, _ string) (near, far *os.File) {
	far, near, err := os.Pipe()
	must(tb, err)
	return near, far
}

func openStopped(tb testing.TB, p *process, _ string) (near, far *os.File) {
	near, err := p.terminal()
	must(tb, err)
	_, err = p.tty.WriteString("\x13") // ^S
	must(tb, err)
	return near, p.tty
}

func openClosed(tb testing.TB, p *process, dir string) (near, far *os.File) {
	near, far = openUnread(tb, p, dir)
	far.Close()
	return near, nil
}

func openFull(tb testing.TB, _ *process, _ string) (near, far *os.File) {
	near, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	must(tb, err)
	return near, nil
}

func openFullDisk(tb testing.TB, _ *process, dir string) (near, far *os.File) {
	need.Root(tb)
	disk := filepath.Join(dir, "disk")
	must(tb, os.Mkdir(disk, 0o700))
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=64k", "none", disk).CombinedOutput(); err != nil {
		tb.Fatalf("mount: %v: %s", err, out)
	}
	tb.Cleanup(func() { exec.Command("umount", "-l", disk).Run() })
	near, err := os.Create(filepath.Join(disk, "out"))
	must(tb, err)
	return near, nil
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// rein is one of the things that end what a script does which prints without end.
type rein struct {
	name    string
	script  string
	signals []syscall.Signal   // nil is a deadline, reinDeadline after web1 has begun
	acts    func(*reined) bool // tells whether it has acted
	says    string             // on standard error
	status  int
}

const reinDeadline = 3 * time.Second

// beginning has each script print more than a pipe or a terminal takes, and then
// web1 tell the test that it has begun.
const beginning = `local farm = require "farm"
local function flood() print(("x"):rep(1023)) end
local web1 = farm.hosts("web1")[1]
web1:run("true") -- so that it is logged in
for i = 1, 200 do flood() end
local function begin(command, options)
  web1:run("echo $$ >pid.new; mv pid.new pid; " .. command, options)
end
`

const (
	printing = beginning + `begin "true"
while true do flood() end
`
	printingInTurn = beginning + `farm.rollout("web[1-2]", { turn = "3s", healthy = function() end }, function(host)
  if host.name == "web1" then begin "true" end
  while true do flood() end
end)
`
	hostPrinting = beginning + `farm.each("web[1-2]", { parallel = 1 }, function(host)
  if host.name ~= "web1" then return end
  local why
  repeat -- a busy machine may not have come to it in time
    why = select(2, pcall(begin, "exec yes", { timeout = "%ds" }))
  until web1:run("test -e pid", { check = false }).code == 0
  error(why, 0)
end)
`
)

var reins = []rein{
	{"deadline of a turn", printingInTurn, nil, (*reined).halted, "web1: failed: ", halted},
	{"deadline of a command", fmt.Sprintf(hostPrinting, 3), nil, (*reined).commandEnded, "did not end within 3s", hostFailed},
	{"SIGINT", printing, []syscall.Signal{syscall.SIGINT}, (*reined).gone, "stopped by the operator", interrupted},
	{"SIGTERM", printing, []syscall.Signal{syscall.SIGTERM}, (*reined).gone, "stopped by the operator", interrupted},
	{"SIGHUP", printing, []syscall.Signal{syscall.SIGHUP}, (*reined).gone, "stopped by the operator", interrupted},
	{"second ^C", fmt.Sprintf(hostPrinting, 3600), []syscall.Signal{syscall.SIGINT, syscall.SIGINT}, (*reined).commandEnded, "stopped by the operator", interrupted},
}

// reined is a farmrun that prints to a sink.
type reined struct {
	*process
	stage *stage
	pid   int // of the command on web1
	far   *os.File
}

// startReined starts r's script, and returns when web1 has begun.
func startReined(tb testing.TB, s sink, r rein) *reined {
	stage, err := newStage(tb.TempDir())
	must(tb, err)
	tb.Cleanup(stage.close)
	for _, name := range []string{"web1", "web2"} {
		_, err := stage.host(name, "", "")
		must(tb, err)
	}
	must(tb, os.WriteFile(filepath.Join(stage.dir, "script.lua"), []byte(r.script), 0o600))
	p := &process{cmd: exec.Command("farmrun", "script.lua"), done: make(chan error, 1), said: map[string][]byte{}}
	p.more = sync.NewCond(&p.mu)
	p.cmd.Dir = stage.dir
	p.cmd.Env = []string{"HOME=" + stage.home(), "PATH=" + os.Getenv("PATH"), "NO_COLOR=1", "TERM=xterm"}
	near, far := s.open(tb, p, stage.dir)
	defer near.Close()
	p.cmd.Stdout, p.cmd.Stderr = near, near
	if !s.both {
		file, err := os.Create(filepath.Join(stage.dir, "err"))
		must(tb, err)
		p.cmd.Stderr = &stream{p, "err", file}
	}
	must(tb, p.cmd.Start())
	tb.Cleanup(func() { p.cmd.Process.Kill() })
	go func() {
		err := p.cmd.Wait()
		p.mu.Lock()
		defer p.mu.Unlock()
		p.ended = true
		p.more.Broadcast()
		p.done <- err
	}()
	started := &reined{process: p, stage: stage, far: far}
	started.await(tb, (*reined).begun)
	return started
}

// begun tells whether the script has begun, on web1, or its turn there is over already.
func (r *reined) begun() bool {
	text, err := os.ReadFile(filepath.Join(r.stage.dir, "web1", "pid"))
	r.pid, _ = strconv.Atoi(strings.TrimSpace(string(text)))
	return err == nil || r.halted()
}

// pull sends the signals, each when the one before has been heard of.
func (r *reined) pull(tb testing.TB, signals []syscall.Signal, heard bool) {
	for i, s := range signals {
		switch {
		case i == 0:
		case heard:
			must(tb, r.says("stopping: ", 1))
		default:
			s = syscall.SIGTERM // two of one kind may be taken for one
		}
		must(tb, r.cmd.Process.Signal(s))
	}
}

// halted tells whether the rollout has halted.
func (r *reined) halted() bool {
	_, is := r.turn()
	return is
}

// turn returns how long web1's turn took until the rollout halted.
func (r *reined) turn() (took time.Duration, is bool) {
	journals, _ := filepath.Glob(filepath.Join(r.stage.home(), ".local/state/farmrun/runs/*/journal"))
	var began time.Time
	for _, path := range journals {
		text, _ := os.ReadFile(path)
		records, _ := journal.Read(bytes.NewReader(text))
		for _, e := range records {
			switch e.Kind {
			case journal.TurnBegan:
				began = e.Time
			case journal.Halting:
				return e.Time.Sub(began), true
			}
		}
	}
	return 0, false
}

// commandEnded tells whether the command on web1 is no more.
func (r *reined) commandEnded() bool { return syscall.Kill(r.pid, 0) == syscall.ESRCH }

// gone tells whether farmrun has ended.
func (r *reined) gone() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ended
}

// await waits until there is true.
func (r *reined) await(tb testing.TB, there func(*reined) bool) {
	tb.Helper()
	late := time.After(10 * time.Minute)
	for !there(r) {
		select {
		case <-late:
			tb.Fatalf("nothing came of it; farmrun said:\n%s", r.all())
		case err := <-r.done:
			if !there(r) {
				tb.Fatalf("farmrun ended before: %v; it said:\n%s", err, r.all())
			}
			r.done <- err
			return
		case <-time.After(time.Millisecond):
		}
	}
}

// release has the sink take all from now on, and waits for the end.
func (r *reined) release(tb testing.TB, status int) {
	var last []byte
	taken := make(chan struct{})
	go func() {
		defer close(taken)
		if r.far != nil {
			if r.tty != nil {
				r.tty.WriteString("\x11") // ^Q
			}
			last, _ = io.ReadAll(r.far)
		}
	}()
	r.await(tb, (*reined).gone)
	if err := wantStatus(strconv.Itoa(status), <-r.done); err != nil {
		select {
		case <-taken:
		case <-time.After(10 * time.Second): // somebody else has the sink open
		}
		tb.Errorf("%v; farmrun said:\n%s%s", err, r.all(), last[max(0, len(last)-10000):])
	}
}

// TestReins: whatever becomes of the output, deadlines and signals act. What is
// asserted comes while the sink still takes nothing.
func TestReins(t *testing.T) {
	for _, s := range sinks {
		for _, rein := range reins {
			t.Run(rein.name+"/"+s.name, func(t *testing.T) {
				t.Parallel()
				r := startReined(t, s, rein)
				r.pull(t, rein.signals, !s.both)
				if !s.both {
					must(t, r.says(rein.says, 1))
				}
				r.await(t, rein.acts)
				r.release(t, rein.status)
			})
		}
	}
}

// BenchmarkReins measures how late each acts, in milliseconds after the deadline or
// the last signal; the slowest of all.
func BenchmarkReins(b *testing.B) {
	for _, rein := range reins {
		for _, s := range sinks {
			b.Run(rein.name+"/"+s.name, func(b *testing.B) {
				var worst time.Duration
				for b.Loop() {
					r := startReined(b, s, rein)
					from := time.Now().Add(reinDeadline)
					if rein.signals != nil {
						r.pull(b, rein.signals, !s.both)
						from = time.Now()
					}
					r.await(b, rein.acts)
					late := time.Since(from)
					if turn, is := r.turn(); is { // which began before web1 told so
						late = turn - reinDeadline
					}
					worst = max(worst, late)
					r.release(b, rein.status)
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(float64(worst)/float64(time.Millisecond), "ms-late")
			})
		}
	}
}
