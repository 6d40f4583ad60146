package secret

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// ErrRejected is wrapped by the error of every Take that follows a rejection.
var ErrRejected = errors.New("the password was rejected")

// ErrNoTerminal is what an Ask returns that has nobody to ask.
var ErrNoTerminal = errors.New("no terminal to ask for a password")

// Outcome is what a host made of a password.
type Outcome int

// The outcomes. Unknown means that the host was not reached, or broke before
// it answered, so the password is still untried.
const (
	Unknown Outcome = iota
	Accepted
	Rejected
)

// Keyring holds the passwords of one run, one for each account. The first
// Take for an account asks the operator; until one host has accepted what was
// typed, only one host at a time gets to try it, and once the first host has
// rejected it no other host sees it, so that a mistyped password locks no
// account on a hundred machines. A Keyring is shared by all hosts of a run and
// is safe for concurrent use.
type Keyring struct {
	// Ask gets a password from the operator, without echo; the account says
	// whose. It is called once for each account. nil fails with ErrNoTerminal.
	Ask func(ctx context.Context, account string) (Secret, error)
	// AskNew gets one in the place of a password that has expired; HostOf says
	// on which host. nil fails with ErrNoTerminal.
	AskNew func(ctx context.Context, account string) (Secret, error)
	// AskPassphrase gets the passphrase of a key. nil fails with ErrNoTerminal.
	AskPassphrase func(ctx context.Context, path string) (Secret, error)
	// AskOnce gets the answer to the question that QuestionOf returns; see
	// Answer. nil fails with ErrNoTerminal.
	AskOnce func(ctx context.Context, echo bool) (Secret, error)
	// Group names the group of a host, whose hosts share their passwords: one
	// that was given for one group is not tried on the hosts of another. nil is
	// one group for all.
	Group func(host string) string

	mu      sync.Mutex
	entries map[entryKey]*entry
	new     *Secret                // of PutNew; nil if there is none
	renewed map[place]Secret       // see Renewed
	hidden  atomic.Pointer[hidden] // what Mask and a Masker look for; replaced under mu
}

// entry is the state of one account's password. turn has one place: whoever
// holds it asks or tries, the others wait.
type entry struct {
	turn chan struct{}

	mu       sync.Mutex
	secret   Secret
	known    bool  // Ask has answered, or Put has
	verified bool  // a host accepted it
	failed   error // it was rejected, or asking for it failed
}

// Report tells a Keyring what a host made of a password. It must be called
// once for each successful Take; further calls do nothing.
type Report func(Outcome)

// Take returns the password for account once it is this caller's turn to use
// it. It fails when the password was rejected elsewhere (ErrRejected), when it
// could not be asked for, and when ctx is done, with its context.Cause.
func (k *Keyring) Take(ctx context.Context, account string) (Secret, Report, error) {
	if s, ok := k.Renewed(HostOf(ctx), account); ok {
		return s, func(Outcome) {}, nil
	}
	return k.take(ctx, k.entry(k.key(ctx, account)), "password for "+account, account, k.Ask)
}

// Passphrase is Take for the passphrase of the key in a file of the operator's.
// No account has that for its password, whatever the account's name.
func (k *Keyring) Passphrase(ctx context.Context, path string) (Secret, Report, error) {
	return k.take(ctx, k.entry(entryKey{kind: ofKey, account: path}), "passphrase for "+path, path, k.AskPassphrase)
}

// take is Take for the password that is called what.
func (k *Keyring) take(ctx context.Context, e *entry, what, account string, ask func(context.Context, string) (Secret, error)) (Secret, Report, error) {
	if s, ok := e.ready(); ok {
		return s, e.reportVerified, nil
	}
	select {
	case e.turn <- struct{}{}:
	case <-ctx.Done():
		return Secret{}, nil, fmt.Errorf("%s: somebody else still tries it: %w", what, context.Cause(ctx))
	}
	if s, ok := e.ready(); ok { // accepted while this caller waited
		<-e.turn
		return s, e.reportVerified, nil
	}
	s, err := e.get(ctx, what, account, ask)
	if err != nil {
		<-e.turn
		return Secret{}, nil, err
	}
	k.Hide(s)
	var once sync.Once
	return s, func(o Outcome) { once.Do(func() { e.report(what, o) }) }, nil
}

// Put sets the password for account without asking, untried as yet. It is that
// of hosts without a group.
func (k *Keyring) Put(account string, s Secret) {
	k.Hide(s)
	e := k.entry(entryKey{account: account})
	e.mu.Lock()
	defer e.mu.Unlock()
	e.secret, e.known, e.verified, e.failed = s, true, false, nil
}

// entryKey names an entry by its kind and its owner. farmrun alone decides it: no
// part of it comes from a host.
type entryKey struct {
	kind    kind
	account string // or the path of a key
	group   string // of hosts
}

// kind is the purpose of a secret.
type kind int

const (
	ofAccount kind = iota
	ofNew          // the one of TakeNew
	ofKey
)

// key is that of an account's password on the host of ctx.
func (k *Keyring) key(ctx context.Context, account string) entryKey {
	key := entryKey{account: account}
	if host := HostOf(ctx); host != "" && k.Group != nil {
		key.group = k.Group(host)
	}
	return key
}

func (k *Keyring) entry(key entryKey) *entry {
	k.mu.Lock()
	defer k.mu.Unlock()
	e := k.entries[key]
	if e == nil {
		e = &entry{turn: make(chan struct{}, 1)}
		if k.entries == nil {
			k.entries = map[entryKey]*entry{}
		}
		k.entries[key] = e
	}
	return e
}

// ready returns the password if a host has accepted it.
func (e *entry) ready() (Secret, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.secret, e.verified
}

// get returns the untried password, asking for it first if need be. The
// caller holds the turn.
func (e *entry) get(ctx context.Context, what, account string, ask func(context.Context, string) (Secret, error)) (Secret, error) {
	e.mu.Lock()
	secret, known, failed := e.secret, e.known, e.failed
	e.mu.Unlock()
	if failed != nil || known {
		return secret, failed
	}
	if ask == nil {
		return Secret{}, fmt.Errorf("%s: %w", what, ErrNoTerminal)
	}
	secret, err := ask(ctx, account)
	if err != nil {
		err = fmt.Errorf("%s: %w", what, err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if ctx.Err() == nil || err == nil { // a wait that was called off says nothing about the next
		e.secret, e.known, e.failed = secret, err == nil, err
	}
	return secret, err
}

// report ends the turn of whoever tried the password first.
func (e *entry) report(what string, o Outcome) {
	e.mu.Lock()
	switch o {
	case Accepted:
		e.verified = true
	case Rejected:
		e.failed = fmt.Errorf("%s: %w", what, ErrRejected)
	}
	e.mu.Unlock()
	<-e.turn
}

// reportVerified is the report for a password that other hosts accept: that
// one host rejects it is that host's affair.
func (e *entry) reportVerified(Outcome) {}
