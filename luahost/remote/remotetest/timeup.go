package remotetest

import (
	"bytes"
	"context"
	"io"
	"sync"
	"time"

	"farmrun/luahost/remote"
)

// TimeUp returns r as a Runner and a context whose time is up, as by a deadline,
// once a command has said text on standard error; where text is empty, half a
// second after a command was begun, for a caller that waits in vain has no other
// sign.
func TimeUp(ctx context.Context, r remote.Runner, text string) (context.Context, remote.Runner) {
	ctx, cancel := context.WithCancelCause(ctx)
	return ctx, &timed{r, text, func() { cancel(context.DeadlineExceeded) }}
}

type timed struct {
	remote.Runner
	text string
	up   func()
}

func (r *timed) Run(ctx context.Context, cmd remote.Cmd) (remote.Result, error) {
	if r.text == "" {
		time.AfterFunc(500*time.Millisecond, r.up)
		return r.Runner.Run(ctx, cmd)
	}
	heard := &listener{text: []byte(r.text), heard: r.up}
	if cmd.Stderr == nil {
		cmd.Stderr = heard
	} else {
		cmd.Stderr = io.MultiWriter(cmd.Stderr, heard)
	}
	return r.Runner.Run(ctx, cmd)
}

// listener waits for a text.
type listener struct {
	text  []byte
	heard func()

	mu   sync.Mutex
	said []byte
}

func (l *listener) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.said = append(l.said, p...); bytes.Contains(l.said, l.text) {
		l.heard()
	}
	return len(p), nil
}
