package scripts_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"farmrun/luahost/journal"
	"farmrun/testdata/farm"
)

// clockFaults are those of the operator's clock, which is an hour behind
// afterwards. What tells how much time has passed goes on as ever, as it does
// where somebody sets a machine's clock.
var clockFaults = []turnFault{
	{"the clock is set back", turnSteps, setClockBack},
	{"farmrun killed and the clock set back", []string{"restart", "drain", "switch", "healthy", "enable"}, func(c *calamity) {
		c.process.Kill()
		c.o.write(setBackFile, "")
	}},
}

// setBackFile is what a farmrun with such a clock looks for when it starts, and
// clockFile where it writes what time it is once the clock is set back.
const (
	setBackFile = "set-back"
	clockFile   = "clock"
)

// newClockOperator is newOperator with a farmrun whose clock can be set back.
func newClockOperator(t testing.TB) *operator {
	t.Helper()
	o := newOperator(t)
	path, err := clockBinary()
	if err != nil {
		t.Fatal(err)
	}
	o.exec = path
	return o
}

// setClockBack sets the clock back of a farmrun that is at work.
func setClockBack(c *calamity) {
	told := fifo(c.t, filepath.Join(c.o.dir, clockFile))
	told.SetReadDeadline(time.Now().Add(10 * time.Second))
	c.process.Signal(syscall.SIGUSR1)
	line, err := bufio.NewReader(told).ReadString('\n')
	if err != nil {
		c.t.Fatal(err)
	}
	now, err := time.Parse(time.RFC3339, strings.TrimSpace(line))
	if err != nil || time.Since(now) < 59*time.Minute {
		c.t.Errorf("its clock says %s: %v", line, err)
	}
}

// setBackMain goes into farmrun's main package, and the others into Go's time.
const (
	setBackMain = `package main

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

func init() {
	if _, err := os.Stat("` + setBackFile + `"); err == nil {
		time.SetBack.Add(-3600)
	}
	strike := make(chan os.Signal, 1)
	signal.Notify(strike, syscall.SIGUSR1)
	go func() {
		<-strike
		time.SetBack.Add(-3600)
		os.WriteFile("` + clockFile + `", []byte(time.Now().Format(time.RFC3339)+"\n"), 0)
	}()
}
`
	setBackTime = "package time\n\nimport \"sync/atomic\"\n\nvar SetBack atomic.Int64 // seconds\n"
	readsClock  = "sec, nsec, mono := runtimeNow()\n"
	readsBack   = "sec, nsec, mono := runtimeNow()\n\tsec += SetBack.Load()\n"
)

// clockBinary builds a farmrun whose clock can be set back: its own time.Now
// tells of it, whoever calls that, and nothing else on the machine does.
var clockBinary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp(farm.Home(), "farmrun-")
	if err != nil {
		return "", err
	}
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return "", err
	}
	root := filepath.Join(strings.TrimSpace(string(out)), "src", "time")
	own, err := os.ReadFile(filepath.Join(root, "time.go"))
	if err != nil {
		return "", err
	}
	if bytes.Count(own, []byte(readsClock)) != 1 {
		return "", errors.New("this Go's time.Now reads the clock in another way")
	}
	main, err := filepath.Abs("../cmd/farmrun/set_back.go")
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	for path, text := range map[string]string{
		filepath.Join(root, "time.go"):     strings.Replace(string(own), readsClock, readsBack, 1),
		filepath.Join(root, "set_back.go"): setBackTime,
		main:                               setBackMain,
	} {
		replace[path] = filepath.Join(dir, fmt.Sprint(len(replace))+".go")
		if err := os.WriteFile(replace[path], []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(path, overlay, 0o600); err != nil {
		return "", err
	}
	return build(dir, "-overlay", path)
})

// steady checks that nothing in the records of a run was before what was written
// ahead of it, but for the moment that writing takes.
func (o *operator) steady() {
	o.t.Helper()
	journals, err := filepath.Glob(filepath.Join(o.state(), "farmrun", "runs", "*", "journal"))
	if err != nil || len(journals) == 0 {
		o.t.Errorf("there is no journal: %v", err)
	}
	for _, path := range journals {
		text, err := os.ReadFile(path)
		if err != nil {
			o.t.Fatal(err)
		}
		records, err := journal.Read(bytes.NewReader(text))
		if err != nil {
			o.t.Error(err)
		}
		var last time.Time
		for _, r := range records {
			if r.Time.Add(time.Second).Before(last) {
				o.t.Errorf("%s: %q was at %v, after %v", path, r.Kind, r.Time, last)
			}
			last = r.Time
		}
	}
}
