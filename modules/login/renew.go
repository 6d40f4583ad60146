package login

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"farmrun/luahost/remote"
	"farmrun/luahost/secret"
)

// renewal is how far the change of a password has come that has expired.
type renewal struct {
	wanted   bool          // the host has said that it wants one
	answered bool          // it has the expired password
	word     secret.Secret // the new one, once report is there
	report   secret.Report // of the new password, if its outcome is open
	typed    int           // how often it was typed for New
	again    bool          // and for Again
	no       bool          // the host has said something against it
	done     bool          // it has taken it
}

// Why a login that has not come to a shell gets further if it is tried again.
var (
	// errRenewed: the host has taken the new password and hung up.
	errRenewed = errors.New("the password was changed")
	// errLate: the operator took his time to think of a new password, and hosts
	// give those who log in a minute.
	errLate = errors.New("the host had to wait for a new password")
)

// soon is within what a new password is there that nobody had to think of.
const soon = 5 * time.Second

// renew goes on with the change of a password.
func (d *dialogue) renew(ctx context.Context, do Do, question string) error {
	r := &d.renewal
	switch {
	case do == Changed:
		if r.typed > 0 {
			r.done = true
			r.settle(secret.Accepted)
		}
		return nil
	case do == Expired:
		d.settle(secret.Accepted)
		r.wanted = true
		return nil
	case do == Again && !r.wanted: // for the password, which it has rejected
		return d.password(ctx, question)
	}
	if err := d.takeNew(ctx); err != nil {
		return err
	}
	switch do {
	case Current:
		return d.current(ctx, question)
	case Again:
		if r.again {
			return r.rejected(d.session.Said())
		}
		r.again = true
	case New:
		d.settle(secret.Accepted)
		if r.typed++; r.typed > 1 { // once: it is rejected, by this host or by all
			return r.rejected(d.session.Said())
		}
	}
	return d.session.SendSecret(ctx, r.word.Reveal())
}

// takeNew gets the new password. Without one, no question is answered: the
// expired password stays.
func (d *dialogue) takeNew(ctx context.Context) error {
	r := &d.renewal
	r.wanted = true
	if r.report != nil {
		return nil
	}
	if d.NewPasswords == nil {
		return ErrExpired
	}
	began := time.Now()
	word, report, err := d.NewPasswords.TakeNew(ctx, d.account())
	switch {
	case err == nil && time.Since(began) > soon:
		report(secret.Unknown)
		return errLate
	case err == nil:
		r.word, r.report = word, report
		return nil
	case ctx.Err() != nil:
		return err
	case errors.Is(err, secret.ErrNoTerminal):
		return ErrExpired
	}
	return fmt.Errorf("%w; %w", ErrExpired, err)
}

// current types the expired password, once.
func (d *dialogue) current(ctx context.Context, question string) error {
	if d.renewal.answered {
		return d.rejected("")
	}
	d.settle(secret.Accepted) // where it was asked for before
	d.renewal.answered, d.shown = true, ""
	return d.password(ctx, question)
}

// rejected is that the host asks for another one.
func (r *renewal) rejected(said string) error {
	r.settle(secret.Rejected)
	return remote.Quoting(said, fmt.Errorf("%w: %s", ErrNewRejected, reason(said)))
}

// gone is that the host has hung up.
func (r *renewal) gone(said string) error {
	switch {
	case r.done:
		return errRenewed
	case r.typed == 0:
		r.settle(secret.Unknown)
		return ErrNotHere
	case r.no:
		return r.rejected(said + "\n?")
	}
	r.settle(secret.Rejected)
	return fmt.Errorf("%w: it has closed the connection and not said whether it has taken it", ErrNewRejected)
}

// reason is what a host has said before it asked again: its last line but one.
func reason(said string) string {
	lines := strings.FieldsFunc(said, func(r rune) bool { return r == '\n' || r == '\r' })
	if len(lines) < 2 {
		return "it asks for another"
	}
	return strings.TrimSpace(lines[len(lines)-2])
}

// settle tells the keyring what became of the new password, if that is open.
func (r *renewal) settle(o secret.Outcome) {
	if r.report != nil {
		r.report(o)
		r.report = nil
	}
}
