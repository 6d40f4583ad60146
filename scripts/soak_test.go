package scripts_test

import (
	"cmp"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"farmrun/testdata/farm"
)

// TestSoak cuts over back and forth, kills farmrun at a random moment of each
// cut-over, and resumes. FARM_SOAK=100 has it do that a hundred times on all
// servers; FARM_SOAK_SEED has it do so again as it did then.
func TestSoak(t *testing.T) {
	o := newOperator(t)
	reset(t)
	t.Cleanup(func() { reset(t) })
	times, hosts, count := 2, few, 3
	if n, err := strconv.Atoi(os.Getenv("FARM_SOAK")); err == nil {
		times, hosts, count = n, "@web", servers
	}
	seed, err := strconv.ParseUint(os.Getenv("FARM_SOAK_SEED"), 10, 64)
	if err != nil {
		seed = cmp.Or(rand.Uint64(), 1)
	}
	t.Logf("FARM_SOAK_SEED=%d", seed)
	dice := rand.New(rand.NewPCG(seed, 0))
	dates := []string{"2000-09-12", "2000-09-19"}
	for _, date := range dates {
		o.ok("cvs-pull-snapshot", "--hosts", hosts, date)
	}
	v := visit(t, 200)
	killed := 0
	for i := range times {
		date := dates[i%len(dates)]
		cutover := []string{"cutover", "--hosts", hosts, "--settle", "0s", date}
		step := []string{"drain", "switch", "restart", "healthy", "enable"}[dice.IntN(5)]
		at := fmt.Sprintf("webserv%d: %s\n", 1+dice.IntN(count), step)
		got := o.runKilled(at, time.Duration(dice.IntN(400))*time.Millisecond, cutover...)
		if got.code == -1 {
			killed++
			got = o.run("resume")
			if got.code == 2 && strings.Contains(got.err, "there is no run that was halted or killed") {
				got.code = 0 // it was killed after the last turn
			}
		}
		if got.code != 0 {
			t.Fatalf("cut-over %d to %s: exit status %d\n%s", i, date, got.code, got.err)
		}
		if on := onAir(t); on["releases/"+date] != count {
			t.Fatalf("cut-over %d to %s: %v\n%s", i, date, on, got.err)
		}
		locked(t, "")
	}
	t.Logf("%d cut-overs of %d servers, %d killed", times, count, killed)
	v.check()
	if left := farm.Exec(t, "webserv1", "sh", "-c", "ls -A /home/web | grep farmrun-link || :"); left != "" {
		t.Errorf("left behind: %s", left)
	}
}

// runKilled is run, but that farmrun is killed a while after it has said at, if
// it has not ended.
func (o *operator) runKilled(at string, after time.Duration, args ...string) outcome {
	o.t.Helper()
	var timer *time.Timer
	kill := func(_ io.Writer, p *os.Process) { timer = time.AfterFunc(after, func() { p.Kill() }) }
	got := o.runWhen([]reaction{{at, kill}}, args...)
	if timer != nil {
		timer.Stop()
	}
	return got
}
