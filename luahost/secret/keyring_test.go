package secret_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"farmrun/luahost/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// operator types a password and counts how often it was asked for it.
type operator struct {
	asked atomic.Int32
	wait  time.Duration
	err   error
}

func (o *operator) ask(ctx context.Context, account string) (secret.Secret, error) {
	o.asked.Add(1)
	select {
	case <-time.After(o.wait):
		return secret.New("of " + account), o.err
	case <-ctx.Done():
		return secret.Secret{}, context.Cause(ctx)
	}
}

// farm is hosts that try a password, one after the other or at once.
type farm struct {
	trying, most, seen atomic.Int32
	mu                 sync.Mutex
	order              []string
}

// try is a host's login: what it makes of the password after a second is up to answer.
func (f *farm) try(ctx context.Context, k *secret.Keyring, host string, answer secret.Outcome) error {
	s, report, err := k.Take(ctx, "web")
	if err != nil {
		return err
	}
	if s.Reveal() != "of web" {
		return fmt.Errorf("got %q", s.Reveal())
	}
	f.seen.Add(1)
	n := f.trying.Add(1)
	for most := f.most.Load(); n > most && !f.most.CompareAndSwap(most, n); most = f.most.Load() {
	}
	f.mu.Lock()
	f.order = append(f.order, host)
	f.mu.Unlock()
	time.Sleep(time.Second)
	f.trying.Add(-1)
	report(answer)
	report(secret.Rejected) // a second report says nothing
	return nil
}

// TestAskedOnce has a hundred hosts want one password: it is asked for once,
// one host tries it, then all others at once.
func TestAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, f := &operator{wait: 10 * time.Second}, &farm{}
		k := &secret.Keyring{Ask: o.ask}
		began := time.Now()
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				if err := f.try(t.Context(), k, fmt.Sprint("web", i), secret.Accepted); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(10*time.Second + time.Millisecond)
		synctest.Wait()
		if n := f.seen.Load(); n != 1 {
			t.Errorf("%d hosts have the password before one has accepted it", n)
		}
		wg.Wait()
		if o.asked.Load() != 1 || f.seen.Load() != 100 || f.most.Load() != 99 {
			t.Errorf("asked %d times, seen by %d hosts, %d at once", o.asked.Load(), f.seen.Load(), f.most.Load())
		}
		if took := time.Since(began); took != 12*time.Second { // asking, the first, the rest
			t.Errorf("took %v", took)
		}
	})
}

// TestRejected: once the first host has rejected it nobody else gets it.
func TestRejected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, f := &operator{}, &farm{}
		k := &secret.Keyring{Ask: o.ask}
		var rejected atomic.Int32
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				if err := f.try(t.Context(), k, fmt.Sprint("web", i), secret.Rejected); errors.Is(err, secret.ErrRejected) {
					rejected.Add(1)
				} else if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if f.seen.Load() != 1 || rejected.Load() != 99 || o.asked.Load() != 1 {
			t.Errorf("seen by %d, %d were told, asked %d times", f.seen.Load(), rejected.Load(), o.asked.Load())
		}
		k.Put("web", secret.New("of web")) // the operator's second try
		if err := f.try(t.Context(), k, "web1", secret.Accepted); err != nil {
			t.Error(err)
		}
	})
}

// TestRejectedLater: what one host has accepted another may reject for itself.
func TestRejectedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, f := &operator{}, &farm{}
		k := &secret.Keyring{Ask: o.ask}
		for _, answer := range []secret.Outcome{secret.Accepted, secret.Rejected, secret.Accepted} {
			if err := f.try(t.Context(), k, "web1", answer); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestUnknown: hosts that cannot be reached try nothing; the next in turn does.
func TestUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, f := &operator{}, &farm{}
		k := &secret.Keyring{Ask: o.ask}
		var wg sync.WaitGroup
		for i := range 5 {
			answer := secret.Unknown
			if i == 4 {
				answer = secret.Accepted
			}
			time.Sleep(time.Millisecond)
			wg.Go(func() { f.try(t.Context(), k, fmt.Sprint("web", i), answer) })
		}
		wg.Wait()
		if fmt.Sprint(f.order) != "[web0 web1 web2 web3 web4]" || f.most.Load() != 1 || o.asked.Load() != 1 {
			t.Errorf("order %v, %d at once, asked %d times", f.order, f.most.Load(), o.asked.Load())
		}
	})
}

// TestAccounts: one account's password does not wait for another's.
func TestAccounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &operator{}
		k := &secret.Keyring{Ask: o.ask}
		_, report, err := k.Take(t.Context(), "web")
		if err != nil {
			t.Fatal(err)
		}
		s, _, err := k.Take(t.Context(), "passphrase for id_rsa")
		if err != nil || s.Reveal() != "of passphrase for id_rsa" {
			t.Error(s.Reveal(), err)
		}
		report(secret.Accepted)
	})
}

// TestWhatIsGivenIsMasked: every password that a Keyring gives or is given is
// masked, also before a host has accepted it.
func TestWhatIsGivenIsMasked(t *testing.T) {
	asked := func(_ context.Context, account string) (secret.Secret, error) {
		return secret.New("of " + account), nil
	}
	k := &secret.Keyring{Ask: asked, AskNew: func(ctx context.Context, account string) (secret.Secret, error) {
		return asked(ctx, "new "+account)
	}}
	for _, take := range []func(context.Context, string) (secret.Secret, secret.Report, error){k.Take, k.TakeNew} {
		_, report, err := take(t.Context(), "web")
		if err != nil {
			t.Fatal(err)
		}
		report(secret.Rejected)
	}
	k.Put("db", secret.New("xyzzy"))
	k.PutNew(secret.New("plugh"))
	for _, said := range []string{"of web", "of new web", "xyzzy", "plugh"} {
		if got := masked(t, k, said, len(said)); got != strings.Repeat("*", len(said)) {
			t.Errorf("of %q %q is seen", said, got)
		}
	}
}

// TestCalledOff: whoever waits can give up, also while the operator is asked,
// and spoils nothing for the next.
func TestCalledOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("the turn is over")
		o, f := &operator{wait: time.Minute}, &farm{}
		k := &secret.Keyring{Ask: o.ask}
		ctx, cancel := context.WithCancelCause(t.Context())
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if _, _, err := k.Take(ctx, "web"); !errors.Is(err, why) {
					t.Errorf("got %v, want %v", err, why)
				}
			})
		}
		synctest.Wait()
		cancel(why)
		wg.Wait()
		if err := f.try(t.Context(), k, "web1", secret.Accepted); err != nil {
			t.Error(err)
		}
		if o.asked.Load() != 2 {
			t.Errorf("asked %d times", o.asked.Load())
		}
	})
}

// TestNobodyToAsk: what the operator cannot or will not say stays unsaid.
func TestNobodyToAsk(t *testing.T) {
	var none secret.Keyring
	if _, _, err := none.Take(t.Context(), "web"); !errors.Is(err, secret.ErrNoTerminal) {
		t.Errorf("got %v", err)
	}
	none.Put("web", secret.New("put"))
	if s, report, err := none.Take(t.Context(), "web"); err != nil || s.Reveal() != "put" {
		t.Error(err)
	} else {
		report(secret.Unknown)
	}
	will := errors.New("I will not")
	o := &operator{err: will}
	k := &secret.Keyring{Ask: o.ask}
	for range 3 {
		_, _, err := k.Take(t.Context(), "web")
		if !errors.Is(err, will) || err.Error() != "password for web: I will not" {
			t.Errorf("got %v", err)
		}
	}
	if o.asked.Load() != 1 {
		t.Errorf("asked %d times", o.asked.Load())
	}
}

// TestNotItsTurn: who gives up while another tries the password hears that.
func TestNotItsTurn(t *testing.T) {
	k := &secret.Keyring{Ask: (&operator{}).ask}
	_, report, err := k.Take(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	defer report(secret.Unknown)
	why := errors.New("the turn is over")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	_, _, err = k.Take(ctx, "web")
	if want := "password for web: somebody else still tries it: the turn is over"; !errors.Is(err, why) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestNewPassword has hosts want another password in place of one that has
// expired: it is asked for once, tried on one host first, and is the account's
// on those hosts alone that took it.
func TestNewPassword(t *testing.T) {
	old, fresh := &operator{}, &operator{}
	k := &secret.Keyring{Ask: old.ask, AskNew: func(ctx context.Context, account string) (secret.Secret, error) {
		return fresh.ask(ctx, account+" on "+secret.HostOf(ctx))
	}}
	on := func(host string) context.Context { return secret.OnHost(t.Context(), host) }
	take := func(host, want string) {
		t.Helper()
		s, report, err := k.Take(on(host), "web")
		if err != nil || s.Reveal() != want {
			t.Fatalf("on %s: got %q, %v, want %q", host, s.Reveal(), err, want)
		}
		report(secret.Accepted)
	}
	take("a", "of web")
	for _, host := range []string{"a", "b"} {
		s, report, err := k.TakeNew(on(host), "web")
		if err != nil || s.Reveal() != "of web on a" {
			t.Fatalf("got %q, %v", s.Reveal(), err)
		}
		report(secret.Accepted)
	}
	take("a", "of web on a")
	take("b", "of web on a")
	take("c", "of web")
	if old.asked.Load() != 1 || fresh.asked.Load() != 1 {
		t.Errorf("asked %d and %d times, want once", old.asked.Load(), fresh.asked.Load())
	}
	if _, is := k.Renewed("c", "web"); is {
		t.Error("c has a new one")
	}
}

// TestNewPasswordRejected has one host reject the new password, which no other
// sees then.
func TestNewPasswordRejected(t *testing.T) {
	k := &secret.Keyring{}
	if _, _, err := k.TakeNew(t.Context(), "db"); !errors.Is(err, secret.ErrNoTerminal) {
		t.Errorf("got %v", err)
	}
	k.PutNew(secret.New("n3w word"))
	if got := string(k.Mask([]byte("it is n3w word"))); got != "it is (secret)" {
		t.Errorf("it is shown: %s", got)
	}
	_, report, err := k.TakeNew(secret.OnHost(t.Context(), "a"), "web")
	if err != nil {
		t.Fatal(err)
	}
	report(secret.Rejected)
	_, _, err = k.TakeNew(secret.OnHost(t.Context(), "b"), "web")
	if !errors.Is(err, secret.ErrRejected) || err.Error() != "new password for web: the password was rejected" {
		t.Errorf("got %v", err)
	}
	if _, is := k.Renewed("a", "web"); is {
		t.Error("the host that has rejected it has it")
	}
}
