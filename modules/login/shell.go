package login

import (
	"bytes"
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"farmrun/luahost/console"
	"farmrun/luahost/remote"
	"farmrun/luahost/remote/prompt"
	"farmrun/luahost/remote/sweep"
)

// driver is what the shell on the host becomes; see the file.
//
//go:embed driver.sh
var driver string

// sweepName is what the driver calls the script of package sweep.
const sweepName = "sweep"

// driverOrders is driver without its comments, behind what it needs.
func driverOrders() string {
	var b strings.Builder
	b.WriteString(sweep.Function(sweepName))
	for line := range strings.Lines(driver) {
		if text := strings.TrimSpace(line); text != "" && !strings.HasPrefix(text, "#") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// shell is a terminal whose shell has become a driver: it runs one command at
// a time.
type shell struct {
	stream   remote.Terminal
	order    string // by which it is to become a driver
	encoding encoding
	base64s  bool          // of input, too
	leaders  bool          // commands have a process session of their own
	slow     time.Duration // how long it took to answer

	frames frames
	got    chan frame    // what the driver says, for whoever waits for it
	gone   chan struct{} // closed when nothing more comes
	err    error         // why; set before gone is closed
	once   sync.Once
	over   chan struct{} // closed by close

	typing sync.Mutex // whoever types holds it

	busy <-chan struct{} // closed when the shell may be closed; nil is at once

	mu   sync.Mutex
	into func(frame) bool // takes the frames of a command; false is for those that go to got
}

// newShell makes a driver of the shell to which a dialogue has come. When it fails, its
// terminal is closed, and the shell is good for its reply only.
func newShell(ctx context.Context, a arrival) (*shell, error) {
	stream := a.terminal
	nonce := rand.Text()[:12]
	s := &shell{
		stream: stream,
		frames: frames{mark: []byte("@" + nonce)},
		got:    make(chan frame, 1),
		gone:   make(chan struct{}),
		over:   make(chan struct{}),
	}
	err := s.awaitPrompt(ctx, a)
	go s.listen()
	if err == nil {
		err = s.boot(ctx, nonce)
	}
	if err != nil {
		s.close()
		<-s.gone
		return s, err
	}
	return s, nil
}

// awaitPrompt waits until the shell waits for a line. The end of the dialogue may be that of a
// message that pauses, and the host's next question must not have the order for its answer.
func (s *shell) awaitPrompt(ctx context.Context, a arrival) error {
	if a.known {
		return nil
	}
	begun := len(a.prompt)
	text, err := prompt.Await(ctx, a.terminal, []byte(a.prompt))
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	s.frames.drop(text[begun:])
	if errors.Is(err, prompt.ErrNone) {
		return fmt.Errorf("%w: %w", ErrNoShell, err)
	}
	return errEnded
}

// bootstrap has any login shell become a plain one, one that does not edit
// lines nor shows a prompt, reads the driver line by line up to a "." and
// becomes that. csh and fish take the quotes as sh does; the mark is such that
// its echo is none.
const bootstrap = `exec /bin/sh -c 'stty raw -echo icrnl;printf %%s @"%s"A\;;n=${IFS#??};s=;` +
	`while IFS= read -r l;do case $l in .)break;;esac;s=$s$l$n;done;eval "$s"'`

// obeysWithin is how long the shell may take to obey.
const obeysWithin = 9 * time.Second

func (s *shell) boot(ctx context.Context, nonce string) error {
	s.order = fmt.Sprintf(bootstrap, nonce)
	if err := s.send(ctx, []byte(s.order+"\r")); err != nil {
		return err
	}
	if ready, err := s.next(ctx, obeysWithin); err != nil || ready.kind != 'A' {
		return noShell(err)
	}
	asked := time.Now()
	if err := s.send(ctx, fmt.Appendf(nil, "_m=@'%s'\n%s.\n", nonce, driverOrders())); err != nil {
		return err
	}
	ready, err := s.next(ctx, obeysWithin)
	if err != nil || ready.kind != 'R' {
		return noShell(err)
	}
	s.slow = time.Since(asked)
	codings := strings.Fields(string(ready.body))
	if len(codings) != 3 {
		return ErrNoShell
	}
	s.encoding, s.base64s, s.leaders = encoding(codings[0]), codings[1] == string(inBase64), codings[2] == "leaders"
	return nil
}

// noShell is err, or ErrNoShell where that says no more than that the answer is
// not that of a shell.
func noShell(err error) error {
	if err == nil || err == errNothing {
		return ErrNoShell
	}
	return err
}

// errNothing is that no frame came in time.
var errNothing = errors.New("no answer")

// next waits for a frame that is of no command.
func (s *shell) next(ctx context.Context, within time.Duration) (frame, error) {
	late := time.NewTimer(within)
	defer late.Stop()
	select {
	case f := <-s.got:
		return f, nil
	case <-s.gone:
		return frame{}, s.err
	case <-ctx.Done():
		return frame{}, context.Cause(ctx)
	case <-late.C:
	}
	select {
	case f := <-s.got: // just in time
		return f, nil
	default:
		return frame{}, errNothing
	}
}

// listen reads what the driver says, until the end.
func (s *shell) listen() {
	buf := make([]byte, 32<<10)
	for {
		n, err := s.stream.Read(buf)
		if bad := s.frames.add(buf[:n], s.took); bad != nil {
			err = bad
		}
		if err != nil {
			s.lose(err)
			return
		}
	}
}

// took gives a frame to whom it is for.
func (s *shell) took(f frame) {
	s.mu.Lock()
	into := s.into
	s.mu.Unlock()
	if into != nil && into(f) {
		return
	}
	f.body = bytes.Clone(f.body)
	select {
	case s.got <- f:
	case <-s.over:
	}
}

// lose notes why nothing more comes.
func (s *shell) lose(err error) {
	switch {
	case isClosed(s.over):
		s.err = ErrClosed
	case errors.Is(err, errGarbled):
		s.err = fmt.Errorf("%w: %w", ErrLost, err)
	default: // a terminal ends in more ways than tell anything
		s.err = errEnded
	}
	s.close()
	close(s.gone)
}

// send types text; it fails when ctx is done before all of it is with the
// terminal, which is of no use then.
func (s *shell) send(ctx context.Context, text []byte) error {
	s.typing.Lock()
	defer s.typing.Unlock()
	late := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		s.stream.SetWriteDeadline(time.Unix(1, 0))
		close(late)
	})
	_, err := s.stream.Write(text)
	if !stop() {
		<-late
		s.stream.SetWriteDeadline(time.Time{})
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case isClosed(s.over):
		return ErrClosed
	}
	return fmt.Errorf("%w: %w", ErrLost, err)
}

// close ends the terminal. Further calls do nothing.
func (s *shell) close() {
	s.once.Do(func() {
		close(s.over)
		s.stream.Close()
	})
}

// said is the end of what the host said besides frames; call it when the shell
// is gone.
func (s *shell) said() string {
	text := bytes.ReplaceAll(append(s.frames.noise, s.frames.part...), []byte("\r\n"), []byte("\n"))
	return remote.LastLines(console.Printable(bytes.TrimSpace(text)), 10)
}

// reply is the output that followed the prompt, or the order to become a driver: what is no
// shell may say there what it is. The order's echo may be wrapped.
func (s *shell) reply() string {
	text := string(append(s.frames.noise, s.frames.part...))
	text = strings.NewReplacer("\r\n", "\n", " \r", "", "\r", "").Replace(text)
	if at := strings.LastIndex(text, s.order); at >= 0 && s.order != "" {
		text = text[at+len(s.order):]
	}
	return "\n" + remote.LastLines(console.Printable([]byte(strings.TrimSpace(text))), 10)
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
