package secret

import (
	"context"
	"errors"
)

// ErrNotGiven is what a Keyring.AskNew returns whose operator leaves an expired
// password as it is.
var ErrNotGiven = errors.New("no new password was given")

// onHost is the key under which a context holds the name of a host.
type onHost struct{}

// OnHost returns a copy of ctx for work on that host: an Ask can tell the
// operator who wants a password, and a Take gets the one that the account has
// there, if that was renewed. "" is on no host in particular.
func OnHost(ctx context.Context, host string) context.Context {
	return context.WithValue(ctx, onHost{}, host)
}

// HostOf returns the host that OnHost has named, or "".
func HostOf(ctx context.Context) string {
	host, _ := ctx.Value(onHost{}).(string)
	return host
}

// place is an account on a host.
type place struct{ host, account string }

// TakeNew returns the password to choose on the host of ctx, which wants one in
// the place of the account's, because that has expired. It is like Take, with
// AskNew for Ask: asked for once for each account, or what PutNew has given, and
// tried on one host before any other; once one has rejected it, no other sees
// it. When a host has accepted it, Take returns it there.
func (k *Keyring) TakeNew(ctx context.Context, account string) (Secret, Report, error) {
	ask := k.AskNew
	if given := k.given(); given != nil {
		ask = func(context.Context, string) (Secret, error) { return *given, nil }
	}
	key := k.key(ctx, account)
	key.kind = ofNew
	s, report, err := k.take(ctx, k.entry(key), "new password for "+account, account, ask)
	if err != nil {
		return Secret{}, nil, err
	}
	return s, func(o Outcome) {
		if o == Accepted {
			k.renew(place{HostOf(ctx), account}, s)
		}
		report(o)
	}, nil
}

// PutNew sets what TakeNew returns without asking, for all accounts but those for
// which it was asked before: they keep what came of that.
func (k *Keyring) PutNew(s Secret) {
	k.Hide(s)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.new = &s
}

func (k *Keyring) given() *Secret {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.new
}

func (k *Keyring) renew(at place, s Secret) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.renewed == nil {
		k.renewed = map[place]Secret{}
	}
	k.renewed[at] = s
}

// Renewed returns the password that an account was given on a host by way of
// TakeNew, and whether it was.
func (k *Keyring) Renewed(host, account string) (Secret, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	s, ok := k.renewed[place{host, account}]
	return s, ok
}
