package cvs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"farmrun/luahost/lazyregexp"
	"farmrun/luahost/remote"
	"farmrun/luahost/secret"
)

// Passwords are those for pservers. One is shared by the Clients of all hosts,
// so that once a server has asked one of them the others bring the password
// along. Safe for concurrent use.
type Passwords struct {
	// Take is that of a secret.Keyring; the account is such as
	// "rel@127.0.0.1:/cvsroot", the server and directory as cvs names them. ctx
	// is about the host (secret.OnHost) and its question (secret.Asking).
	Take func(ctx context.Context, account string) (secret.Secret, secret.Report, error)

	mu     sync.Mutex
	wanted map[string]bool // the accounts whose password a server was seen to want
	named  map[place]bool
}

// place is an account that somebody has named in a CVSROOT for cvs on a host.
type place struct{ host, account string }

// try runs a cvs command, and once more with a password if the server wants
// one and p has it. A password that was rejected is not tried again. Whose
// password that is the CVSROOT says that we have named, now or before: a host
// that says that another account's is wanted is sent none.
func (p *Passwords) try(ctx context.Context, host, root string, run func(pass io.Reader) (remote.Result, error)) (remote.Result, error) {
	if p == nil || p.Take == nil {
		return run(nil)
	}
	account := p.name(host, root)
	if !p.wants(account) {
		res, err := run(nil)
		failed, is := errors.AsType[*Error](err)
		if !is || failed.account == "" {
			return res, err
		}
		if account == "" && p.hasNamed(host, failed.account) {
			account = failed.account
		}
		if failed.account != account {
			failed.other = &secret.OtherError{Asked: failed.account, Gives: account}
			return res, err
		}
		p.want(account)
		ctx = secret.Asking(ctx, failed.Said)
	}
	pass, report, err := p.Take(secret.OnHost(ctx, host), account)
	if err != nil {
		return remote.Result{}, err
	}
	line, err := scramble(pass.Reveal())
	if err != nil {
		report(secret.Rejected)
		return remote.Result{}, fmt.Errorf("password for %s: %w", account, err)
	}
	res, err := run(strings.NewReader(line + "\n"))
	report(outcome(res, err))
	return res, err
}

// outcome tells what a server made of a password. cvs checks it before
// anything else, so whatever else went wrong after an answer of the server was
// not the password; but where the server may never have been reached, nothing
// is known.
func outcome(res remote.Result, err error) secret.Outcome {
	var failed *Error
	switch {
	case errors.Is(err, ErrAuth):
		return secret.Rejected
	case err == nil && !res.Dry:
		return secret.Accepted
	case errors.As(err, &failed) && failed.spoke:
		return secret.Accepted
	}
	return secret.Unknown
}

// name returns the account that root names, and notes that it was named for cvs
// on the host; "" if root leaves it to the host.
func (p *Passwords) name(host, root string) string {
	account := accountOf(root)
	if account == "" {
		return ""
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.named == nil {
		p.named = map[place]bool{}
	}
	p.named[place{host, account}] = true
	return account
}

func (p *Passwords) hasNamed(host, account string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.named[place{host, account}]
}

func (p *Passwords) wants(account string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.wanted[account]
}

func (p *Passwords) want(account string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.wanted == nil {
		p.wanted = map[string]bool{}
	}
	p.wanted[account] = true
}

var pserver = lazyregexp.New(`^:pserver(?:;[^:]*)?:([^@:/]+)@([^:/@]+):?\d*(/.*)$`)

// accountOf returns the account that a CVSROOT names, in the form in which cvs
// speaks of it: without the port.
func accountOf(root string) string {
	m := pserver().FindStringSubmatch(root)
	if m == nil {
		return ""
	}
	return m[1] + "@" + m[2] + ":" + m[3]
}

// scramble returns pass as it stands in a password file, which is how it goes
// over the wire as well: each byte is exchanged for another, the printing ones
// among themselves, after an "A" that names the table. It hides nothing. See
// "Password scrambling" in the CVS client/server protocol; the bytes that the
// table there leaves out are as cvs 1.12 has them.
func scramble(pass string) (string, error) {
	if strings.ContainsAny(pass, "\n\x00") {
		return "", errors.New("a password for cvs has neither a line end nor a NUL in it")
	}
	out := []byte{'A'}
	for _, b := range []byte(pass) {
		if b >= ' ' {
			b = scrambled[b-' ']
		}
		out = append(out, b)
	}
	return string(out), nil
}

// scrambled is what each byte from the space on is exchanged for.
var scrambled = [256 - ' ']byte{
	114, 120, 53, 79, 96, 109, 72, 108, 70, 64, 76, 67, 116, 74, 68, 87,
	111, 52, 75, 119, 49, 34, 82, 81, 95, 65, 112, 86, 118, 110, 122, 105,
	41, 57, 83, 43, 46, 102, 40, 89, 38, 103, 45, 50, 42, 123, 91, 35,
	125, 55, 54, 66, 124, 126, 59, 47, 92, 71, 115, 78, 88, 107, 106, 56,
	36, 121, 117, 104, 101, 100, 69, 73, 99, 63, 94, 93, 39, 37, 61, 48,
	58, 113, 32, 90, 44, 98, 60, 51, 33, 97, 62, 77, 84, 80, 85, 223,
	225, 216, 187, 166, 229, 189, 222, 188, 141, 249, 148, 200, 184, 136, 248, 190,
	199, 170, 181, 204, 138, 232, 218, 183, 255, 234, 220, 247, 213, 203, 226, 193,
	174, 172, 228, 252, 217, 201, 131, 230, 197, 211, 145, 238, 161, 179, 160, 212,
	207, 221, 254, 173, 202, 146, 224, 151, 140, 196, 205, 130, 135, 133, 143, 246,
	192, 159, 244, 239, 185, 168, 215, 144, 139, 165, 180, 157, 147, 186, 214, 176,
	227, 231, 219, 169, 175, 156, 206, 198, 129, 164, 150, 210, 154, 177, 134, 127,
	182, 128, 158, 208, 162, 132, 167, 209, 149, 241, 153, 251, 237, 236, 171, 195,
	243, 233, 253, 240, 194, 250, 191, 155, 142, 137, 245, 235, 163, 242, 178, 152,
}
