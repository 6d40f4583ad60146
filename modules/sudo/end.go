package sudo

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"sync"
	"time"

	"farmrun/luahost/remote"
	"farmrun/luahost/secret"
)

// ender ends what a sudo has begun; see the file.
//
//go:embed end.sh
var ender string

// patience is how long the time of a command may be over before its runner is
// told. Zero fields are those of usually.
type patience struct {
	idle  time.Duration // of a host that gives no sign
	busy  time.Duration // of one that has begun to end it
	aside time.Duration // for which that may go on, behind the runner's back too
}

// usually is the patience of Options that have none. A runner that is told too early
// has sudo end before root's shell can look at it, which then takes the command for
// finished and leaves its children alone.
var usually = patience{idle: 3 * time.Second, busy: 3 * time.Second, aside: 10 * time.Second}

// end ends sudo and what it runs as far as the runner could not do it, which
// comes next.
func (d *dialogue) end() {
	d.mu.Lock()
	pid, state := d.pid, d.state
	d.mu.Unlock()
	switch {
	case pid <= 1 || d.o.last:
	case state == asked || state == answered:
		d.endAsking(pid)
	case state == running:
		d.aside(func(ctx context.Context, begun func()) { d.endRoot(ctx, pid, begun) })
	}
}

// endAsking ends a sudo that asks. It still has the user for its real user then,
// who may kill it. SIGKILL is the gentle way: after SIGTERM, or the end of its
// input, PAM counts another wrong password, and three lock some accounts. One that
// has a child has just begun the command, which somebody else has to end: root,
// once the mark of that has come.
func (d *dialogue) endAsking(pid int) {
	kill := fmt.Sprintf(`child=$({ cat /proc/%[1]d/task/*/children || pgrep -P %[1]d || ps -A -o ppid= | grep -x ' *%[1]d'; } 2>/dev/null)
		if [ -n "$child" ]; then echo begun; else kill -KILL %[1]d; fi`, pid)
	d.aside(func(ctx context.Context, begun func()) {
		res, err := d.r.Run(ctx, remote.Cmd{Line: kill, Quiet: true})
		if err != nil || len(res.Stdout) == 0 {
			return
		}
		begun()
		select {
		case <-d.began:
			d.endRoot(ctx, pid, func() {})
		case <-d.live.Done(): // the runner ends the processes left, and no mark will come
		}
	})
}

// endRoot ends what runs as root: by a second sudo, with the password of the
// first. Where the user may run nothing but the command, that is refused. Then
// the runner is left to send SIGTERM to sudo, which passes that on to the
// command itself but not to its children; what it cannot end it names.
func (d *dialogue) endRoot(ctx context.Context, pid int, begun func()) {
	d.mu.Lock()
	word := d.word
	d.mu.Unlock()
	o := Options{User: d.o.User, Account: d.o.Account, last: true, begun: begun}
	if word != nil {
		o.Take = func(context.Context, string) (secret.Secret, secret.Report, error) {
			return *word, func(secret.Outcome) {}, nil
		}
	}
	res, err := Run(ctx, d.r, remote.Cmd{Line: fmt.Sprintf("P=%d\n%s", pid, ender), Quiet: true}, o)
	_, refused := errors.AsType[*Error](err)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.spared = refused || string(res.Stdout) == "over\n"
}

// aside does something else on the host and waits for that for a while, longer
// if it calls begun.
func (d *dialogue) aside(do func(ctx context.Context, begun func())) {
	p := d.o.patience
	done, busy := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(d.ctx), cmp.Or(p.aside, usually.aside))
		defer cancel()
		do(ctx, sync.OnceFunc(func() { close(busy) }))
	}()
	late := time.NewTimer(cmp.Or(p.idle, usually.idle))
	defer late.Stop()
	for {
		select {
		case <-done:
			return
		case <-busy:
			busy = nil
			late.Reset(cmp.Or(p.busy, usually.busy))
		case <-late.C:
			return
		}
	}
}
