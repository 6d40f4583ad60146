package login_test

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"farmrun/luahost"
	"farmrun/luahost/secret"
	"farmrun/modules/login"
)

// TestQuestions has passwords that have expired changed where ssh asks for that,
// in the words of PAM.
func TestQuestions(t *testing.T) {
	const (
		due      = "You are required to change your password immediately (administrator enforced).\nChanging password for web.\n"
		old      = "s3cret pw"
		fresh    = "n3w word"
		notMine  = "(not mine)"
		mustStop = "(stop)"
	)
	accepted, rejected, unknown := []secret.Outcome{secret.Accepted}, []secret.Outcome{secret.Rejected}, []secret.Outcome{secret.Unknown}
	site := login.Case{Pattern: regexp.MustCompile(`Neues Kennwort: $`), Do: login.New}
	for _, test := range []struct {
		name      string
		questions []string
		answers   []string
		in        bool // the host lets the user in then
		says      string
		reason    error
		old, new  []secret.Outcome
	}{
		{name: "sshd", questions: []string{due + "Current password: ", "New password: ", "Retype new password: "},
			answers: []string{old, fresh, fresh}, in: true, old: accepted, new: accepted},
		{name: "without the old", questions: []string{due + "\nNew password: ", "Retype new password: "},
			answers: []string{fresh, fresh}, in: true, new: accepted},
		{name: "a warning", questions: []string{due + "New password: ", "BAD PASSWORD: it is too simple\nRetype new password: "},
			answers: []string{fresh, fresh}, in: true, new: accepted},
		{name: "by the site", questions: []string{due + "Neues Kennwort: ", "Retype new password: "},
			answers: []string{fresh, fresh}, in: true, new: accepted},
		{name: "too short", questions: []string{due + "New password: ", "Retype new password: ", "You must choose a longer password.\nNew password: "},
			answers: []string{fresh, fresh, mustStop}, says: "does not take the new one: You must choose a longer password.", reason: login.ErrNewRejected, new: rejected},
		{name: "bad", questions: []string{due + "New password: ", "BAD PASSWORD: it is too short\nNew password: "},
			answers: []string{fresh, mustStop}, says: "BAD PASSWORD: it is too short", reason: login.ErrNewRejected, new: rejected},
		{name: "they differ", questions: []string{due + "New password: ", "Retype new password: ", "Retype new password: "},
			answers: []string{fresh, fresh, mustStop}, reason: login.ErrNewRejected, new: rejected},
		{name: "the old twice", questions: []string{due + "Current password: ", "Current password: "},
			answers: []string{old, mustStop}, says: "password for web: the password was rejected", reason: secret.ErrRejected, old: rejected, new: unknown},
		{name: "out at the end", questions: []string{due + "New password: ", "Retype new password: "},
			answers: []string{fresh, fresh}, says: "not said whether", reason: login.ErrNewRejected, new: rejected},
		{name: "out after the old", questions: []string{due + "Current password: "},
			answers: []string{old}, says: "does not let it be changed by this login", reason: login.ErrExpired, old: unknown, new: unknown},
		{name: "something else", questions: []string{"Password: ", "Verification code: ", "Password again: ", "", "New"},
			answers: []string{notMine, notMine, notMine, notMine, notMine}},
	} {
		t.Run(test.name, func(t *testing.T) {
			word, next := &passwords{word: old}, &newPasswords{word: fresh}
			q := login.NewQuestions(login.Options{Host: "h", User: "web", Cases: []login.Case{site}, Passwords: word, NewPasswords: next})
			var answers []string
			var err error
			for _, question := range test.questions {
				if !q.Concerns(question) {
					answers = append(answers, notMine)
					continue
				}
				var answer string
				if answer, err = q.Answer(t.Context(), question); err != nil {
					answer = mustStop
				}
				answers = append(answers, answer)
			}
			ended := q.End(t.Context(), test.in)
			if err != nil && (ended == nil || ended.Error() != err.Error()) {
				t.Errorf("at the end: %v", ended)
			}
			if diff := cmp.Diff(test.answers, answers); diff != "" {
				t.Errorf("answers: %s", diff)
			}
			if !errors.Is(ended, test.reason) || ended != nil && !strings.Contains(ended.Error(), test.says) {
				t.Errorf("got %v\n%s", ended, luahost.OutputOf(ended))
			}
			if diff := cmp.Diff(test.old, word.outcomes); diff != "" {
				t.Errorf("outcomes of the old password: %s", diff)
			}
			if diff := cmp.Diff(test.new, next.outcomes); diff != "" {
				t.Errorf("outcomes of the new password: %s", diff)
			}
			if q.Again() {
				t.Error("it is to be tried again")
			}
		})
	}
}

// slowly is an operator who thinks about a new password.
type slowly struct{ *newPasswords }

func (s slowly) TakeNew(ctx context.Context, account string) (secret.Secret, secret.Report, error) {
	time.Sleep(10 * time.Second)
	return s.newPasswords.TakeNew(ctx, account)
}

// TestQuestionsLate has a host that was kept waiting asked once more, on which
// the new password counts as untried.
func TestQuestionsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := &newPasswords{word: "n3w word"}
		q := login.NewQuestions(login.Options{Host: "h", User: "web", NewPasswords: slowly{next}})
		if _, err := q.Answer(t.Context(), "New password: "); err == nil || !q.Again() {
			t.Errorf("got %v, again %t", err, q.Again())
		}
		q.End(t.Context(), false)
		if diff := cmp.Diff([]secret.Outcome{secret.Unknown}, next.outcomes); diff != "" {
			t.Error(diff)
		}
	})
}

// TestQuestionsCalledOff has nothing said of a password that somebody's context
// kept from being chosen, and no question answered where there is none.
func TestQuestionsCalledOff(t *testing.T) {
	next := &newPasswords{word: "n3w word"}
	q := login.NewQuestions(login.Options{Host: "h", User: "web", NewPasswords: next})
	ctx, cancel := context.WithCancel(t.Context())
	if answer, err := q.Answer(ctx, "New password: "); err != nil || answer != "n3w word" {
		t.Errorf("got %q, %v", answer, err)
	}
	cancel()
	if err := q.End(ctx, false); err != nil {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff([]secret.Outcome{secret.Unknown}, next.outcomes); diff != "" {
		t.Error(diff)
	}
	word := &passwords{word: "s3cret pw"}
	q = login.NewQuestions(login.Options{Host: "h", User: "web", Passwords: word})
	answer, err := q.Answer(t.Context(), "(current) UNIX password: ")
	if answer != "" || !errors.Is(err, login.ErrExpired) || word.outcomes != nil {
		t.Errorf("got %q, %v, %v", answer, err, word.outcomes)
	}
}
