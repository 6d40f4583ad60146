package sudo

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"farmrun/luahost/remote"
	"farmrun/luahost/secret"
)

// ender ends what a sudo has begun; see the file.
//
//go:embed end.sh
var ender string

// How long the time of a command may be over before its runner is told, and
// how long ender may go on behind that.
const (
	endWithin   = 400 * time.Millisecond
	enderWithin = 5 * time.Second
)

// endRoot ends what runs as root although the time of the command is over:
// by a second sudo, with the password of the first. Where the user may run
// nothing but the command, that is refused. Then the runner, which comes next,
// is left to send SIGTERM to sudo, which passes that on to the command itself
// but not to its children; what it cannot end it names.
func (d *dialogue) endRoot() {
	d.mu.Lock()
	pid, word, begun := d.pid, d.word, d.state == running
	d.mu.Unlock()
	if !begun || pid <= 1 || d.o.last {
		return
	}
	o := Options{User: d.o.User, last: true}
	if word != nil {
		o.Take = func(context.Context, string) (secret.Secret, secret.Report, error) {
			return *word, func(secret.Outcome) {}, nil
		}
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		ctx, done := context.WithTimeout(context.WithoutCancel(d.ctx), enderWithin)
		defer done()
		Run(ctx, d.r, remote.Cmd{Line: fmt.Sprintf("P=%d\n%s", pid, ender), Quiet: true}, o)
	}()
	select {
	case <-ended:
	case <-time.After(endWithin):
	}
}
