package cli

import (
	"context"

	"farmrun/luahost"
	"farmrun/luahost/secret"
)

// word is a secret in the hands of a script.
type word struct {
	secret.Secret
	account string        // whose password it is, if it is one
	host    string        // for which it is, or ""
	report  secret.Report // nil if nobody waits to hear what became of it
	told    bool          // somebody has said that
}

// Close lets others have the password, if the script has not said what became
// of it.
func (w *word) Close() error {
	w.tell(secret.Unknown)
	return nil
}

func (w *word) tell(o secret.Outcome) {
	w.told = true
	if w.report != nil {
		w.report(o)
	}
}

// named is a host.
type named interface{ Name() string }

// secretType is how secrets look in Lua: there is no way to the text.
var secretType = &luahost.Type[*word]{
	Name:    "secret",
	Methods: map[string]luahost.Func{"accept": accept, "reject": reject},
	String:  func(*word) string { return "(secret)" },
}

// secretOptions are those of cli.secret.
type secretOptions struct{ Twice bool }

// cli.secret(question [, options]) -> secret
//
// Asks the operator for a secret, which is not shown. A script cannot read it,
// only hand it on: session:send_secret types it. Nothing that farmrun writes has
// it in it. Options:
//
//   - twice (false): true has it typed twice, until both are the same
func (b *binding) secret(c *luahost.Call) {
	question, o := c.String(1), luahost.Options[secretOptions](c, 2)
	var s secret.Secret
	c.Wait("cli.secret", 0, func(ctx context.Context) (err error) {
		s, err = AskSecret(ctx, b.Operator, question, o.Twice)
		return unasked(err, "run it on a terminal")
	})
	if b.Passwords != nil {
		b.Passwords.Hide(s)
	}
	c.Push(secretType.Value(&word{Secret: s}))
}

// AskSecret asks for a secret; where it is twice, until the operator has typed
// it twice the same.
func AskSecret(ctx context.Context, operator Operator, question string, twice bool) (secret.Secret, error) {
	for first := question; ; first = "They differ. " + question {
		s, err := operator.Secret(ctx, first+" ")
		if err != nil || !twice {
			return s, err
		}
		again, err := operator.Secret(ctx, "Once more: ")
		if err != nil || again.Reveal() == s.Reveal() {
			return s, err
		}
	}
}

// cli.password(account [, host]) -> secret
//
// Returns the password of an account: the one with which farmrun logs in, where
// the name is that of the user (host:user()), and which it asks for if it has
// not done so before. Say for which host it is, where the site file has a
// password_group: each group has passwords of its own. Until a host has accepted it nobody else gets it, so say
// what the host made of it: secret:accept() or secret:reject(). A function that
// ends without a word lets the next host try; until then farmrun's own logins of
// that user wait, too.
func (b *binding) password(c *luahost.Call) {
	account, host := c.String(1), ""
	if c.Has(2) {
		host = luahost.Arg[named](c, 2, "a host").Name()
	}
	if b.Passwords == nil {
		c.Fail("there are no passwords")
	}
	for _, mine := range luahost.Owned[*word](c) {
		if mine.account == account && mine.host == host && !mine.told {
			c.Raise(&luahost.Error{
				Kind:    luahost.Script,
				Message: c.Name() + ": the script has the password of " + account + " already, and has not said what became of it",
				Hint:    "say secret:accept() or secret:reject() as soon as the host has answered",
			})
		}
	}
	w := &word{account: account, host: host}
	c.Wait("cli.password of "+account, 0, func(ctx context.Context) (err error) {
		w.Secret, w.report, err = b.Passwords.Take(secret.OnHost(ctx, host), account)
		return err
	})
	c.Own(w)
	c.Push(secretType.Value(w))
}

// cli.renew(secret)
//
// Gives the new password for hosts where the old one has expired: they let the user
// in only when he changes it. Say it before the script does anything on a host;
// without it, farmrun asks the operator for one when the first host wants that. It
// is tried on one host before the others, and a host that does not take it is an
// error of kind "login" with what it says. host:renewed tells where the password was
// changed.
func (b *binding) renew(c *luahost.Call) {
	s := luahost.Arg[*word](c, 1, "a secret")
	if b.Passwords == nil {
		c.Fail("there are no passwords")
	}
	b.Passwords.PutNew(s.Secret)
}

// secret:accept()
//
// Says that the host took the password, so that all others get it now.
func accept(c *luahost.Call) {
	luahost.Arg[*word](c, 1, "a secret").tell(secret.Accepted)
}

// secret:reject()
//
// Says that the host did not take the password, and raises an error of kind
// "login". If no host has taken it before, none gets it any more.
func reject(c *luahost.Call) {
	luahost.Arg[*word](c, 1, "a secret").tell(secret.Rejected)
	c.Raise(&luahost.Error{Kind: luahost.Login, Message: secret.ErrRejected.Error(), Err: secret.ErrRejected})
}
