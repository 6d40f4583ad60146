package scripts_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"farmrun/testdata/farm"
)

// locked checks who holds the farm's lock: the name of a run's script, or "" for
// nobody.
func locked(t *testing.T, script string) {
	t.Helper()
	lock := farm.Exec(t, "lb1", "sh", "-c", "cat /home/web/farmrun.lock 2>/dev/null || :")
	if script == "" && lock != "" || !strings.Contains(lock, script) {
		t.Errorf("the lock is held by %q, want %q", lock, script)
	}
	if left := farm.Exec(t, "lb1", "sh", "-c", "ls /home/web | grep 'farmrun.lock[.]' || :"); left != "" {
		t.Errorf("left behind: %s", left)
	}
}

// TestKilled kills farmrun in the second server's turn, and resumes.
// TestFaultsOfOperator tries that at all steps.
func TestKilled(t *testing.T) {
	for _, step := range []string{"switch", "enable"} {
		t.Run(step, func(t *testing.T) {
			o := newOperator(t)
			reset(t)
			t.Cleanup(func() { reset(t) })
			o.ok("cvs-pull-snapshot", "--hosts", few, "2000-09-19")
			holdBefore(o, step)
			goOn := fifo(t, filepath.Join(o.dir, "go-on"))
			v := visit(t, 50)
			kill := reaction{"webserv2: waits before " + step, func(_ io.Writer, p *os.Process) {
				p.Kill()
				io.WriteString(goOn, "\n")
			}}
			killed := o.runWhen([]reaction{kill}, "cutover", "--hosts", few, "--settle", "0s", "2000-09-19")
			if killed.code != -1 {
				t.Errorf("exit status %d:\n%s", killed.code, killed.err)
			}
			locked(t, "-cutover")

			other := newOperator(t)
			other.fails(1, []string{"the farm is locked", "-cutover", "farmrun resume"}, "rollback", "--hosts", few, "--settle", "0s", "2000-09-19")
			got := o.ok("resume")
			for _, want := range []string{"webserv2: was in the middle", "webserv2: now: on ", "webserv2: turn 1 of 2", "webserv3: turn 2 of 2"} {
				if !strings.Contains(got.err, want) {
					t.Errorf("resume does not say %q:\n%s", want, got.err)
				}
			}
			if on := onAir(t); on["releases/2000-09-19"] != 3 {
				t.Errorf("after going on: %v", on)
			}
			v.check()
			locked(t, "")
		})
	}
}

// TestTwoAtOnce starts two cut-overs together, by two operators: one runs, the
// other says who has the farm, and has prepared nothing.
func TestTwoAtOnce(t *testing.T) {
	reset(t)
	t.Cleanup(func() { reset(t) })
	first := newOperator(t)
	first.ok("cvs-pull-snapshot", "--hosts", few, "2000-09-19")
	v := visit(t, 50)
	operators := []*operator{first, newOperator(t), newOperator(t)}
	outcomes := make([]outcome, len(operators))
	var wg sync.WaitGroup
	for i, o := range operators {
		o.write("site.lua", strings.Replace(o.read("site.lua"), "function site.update_data(date) end",
			`function site.update_data() io.open("updated", "w"):close() end`, 1))
		args := []string{"cutover", "--hosts", few, "--settle", "1s", "2000-09-19"}
		if i == 2 { // who waits gets it afterwards
			args = append([]string{"--lock-wait", "1m"}, args...)
		}
		wg.Go(func() { outcomes[i] = o.run(args...) })
	}
	wg.Wait()
	ran, refused := 0, 0
	for i, got := range outcomes {
		switch {
		case got.code == 0:
			ran++
		case got.code == 1 && strings.Contains(got.err, "the farm is locked (farmrun.lock on lb1): the lock is held by root@"):
			refused++
			if _, err := os.Stat(filepath.Join(operators[i].dir, "updated")); err == nil {
				t.Errorf("operator %d has updated the data although another has the farm", i)
			}
		default:
			t.Errorf("operator %d: exit status %d\n%s", i, got.code, got.err)
		}
	}
	if outcomes[2].code != 0 || ran+refused != 3 || refused == 0 {
		t.Errorf("%d ran, %d were refused; who waited: %d\n%s", ran, refused, outcomes[2].code, outcomes[2].err)
	}
	v.check()
	locked(t, "")
}

// TestCutoverGoesBack is a cut-over whose third server does not come up: all that
// were begun are taken back, through the pool, and no visitor notices.
func TestCutoverGoesBack(t *testing.T) {
	o := newOperator(t)
	reset(t)
	t.Cleanup(func() { reset(t) })
	o.ok("cvs-pull-snapshot", "--hosts", few, "2000-09-19")
	farm.Exec(t, "webserv3", "rm", "/home/web/releases/2000-09-19/htdocs/index.html")
	v := visit(t, 50)
	o.fails(3, []string{
		"webserv3: failed: check health", "taking back what was begun: webserv[1-3]", "all that was begun is as it was before",
		"0 done, 3 taken back (webserv[1-3]), 0 failed, 0 not touched",
	}, "cutover", "--rollback", "--hosts", few, "--settle", "0s", "2000-09-19")
	if on := onAir(t); on["releases/initial"] != servers {
		t.Errorf("after going back: %v", on)
	}
	v.check()
	locked(t, "")
}
