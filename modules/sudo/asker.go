package sudo

import (
	"bytes"
	"context"
	"io"
	"sync"

	"farmrun/luahost/secret"
)

// asker stands at both ends of a sudo that asks: it takes its standard error,
// and when the prompt has come there it has the password for its standard
// input, followed by the command's. Up to the prompt everything is sudo's: a
// lecture, or what PAM has to say.
type asker struct {
	prompt string
	key    *key
	next   io.Reader // the command's input, nil for none

	ctx   context.Context // done when there is nothing to wait for any more
	end   context.CancelFunc
	asked chan struct{} // closed by the first prompt
	again chan struct{} // closed by the second

	mu      sync.Mutex
	prompts int
	before  []byte  // what came before the first prompt
	part    []byte  // the end of what came, where a prompt may begin
	out     *stderr // what came behind

	line *bytes.Reader // the password and its line end, for Read alone
}

func newAsker(s *run, next io.Reader) *asker {
	a := &asker{
		prompt: newPrompt(), key: s.key, next: next, out: &stderr{live: s.cmd.Stderr, keep: s.cmd.Keep},
		asked: make(chan struct{}), again: make(chan struct{}),
	}
	a.ctx, a.end = context.WithCancel(s.ctx)
	return a
}

// Write takes what sudo and the command say, less the prompts. It never fails.
func (a *asker) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.part = append(a.part, p...)
	for {
		before, after, found := bytes.Cut(a.part, []byte(a.prompt))
		if !found {
			break
		}
		a.pass(before)
		a.part = bytes.Clone(after)
		switch a.prompts++; a.prompts {
		case 1:
			close(a.asked)
		case 2:
			close(a.again)
		}
	}
	whole := len(a.part) - overlap(a.part, a.prompt)
	a.pass(a.part[:whole])
	a.part = bytes.Clone(a.part[whole:])
	return len(p), nil
}

// mostBefore bounds what is kept of what comes before the prompt.
const mostBefore = 64 << 10

func (a *asker) pass(text []byte) {
	if a.prompts == 0 {
		a.before = append(a.before, text[:min(len(text), mostBefore-len(a.before))]...)
		return
	}
	a.out.Write(text)
}

// overlap returns how many bytes at the end of text may begin a prompt.
func overlap(text []byte, prompt string) int {
	for n := min(len(text), len(prompt)-1); n > 0; n-- {
		if string(text[len(text)-n:]) == prompt[:n] {
			return n
		}
	}
	return 0
}

// Read waits for the prompt, and then has the password and the command's input.
// After a second prompt, and where there is no password, it is at its end.
func (a *asker) Read(p []byte) (int, error) {
	select {
	case <-a.asked:
	case <-a.ctx.Done():
		return 0, io.EOF
	}
	if a.line == nil {
		pass, err := a.key.get(a.ctx)
		if err != nil {
			return 0, io.EOF
		}
		a.line = bytes.NewReader([]byte(pass.Reveal() + "\n"))
	}
	select {
	case <-a.again:
		return 0, io.EOF
	default:
	}
	if n, err := a.line.Read(p); err == nil {
		return n, nil
	}
	if a.next == nil {
		return 0, io.EOF
	}
	return a.next.Read(p)
}

// finish returns what was said, without prompts, and how many of those there
// were. What came before a prompt that never did come was the command's.
func (a *asker) finish() (said []byte, prompts int) {
	a.end()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.prompts == 0 {
		a.out.Write(a.before)
	}
	a.out.Write(a.part)
	a.before, a.part = nil, nil
	return a.out.bytes(), a.prompts
}

// key is the password of one Run, taken when it is first wanted.
type key struct {
	take    func(ctx context.Context, account string) (secret.Secret, secret.Report, error)
	account string

	mu     sync.Mutex
	taken  bool
	secret secret.Secret
	report secret.Report
	err    error
}

func (k *key) get(ctx context.Context) (secret.Secret, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.taken {
		k.secret, k.report, k.err = k.take(ctx, k.account)
		k.taken = true
	}
	return k.secret, k.err
}

// tell reports what became of the password, if one was taken.
func (k *key) tell(o secret.Outcome) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.report != nil {
		k.report(o)
		k.report = nil
	}
}

// failure returns why there is no password, nil if there is or none was wanted.
func (k *key) failure() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.err
}
