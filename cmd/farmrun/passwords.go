package main

import (
	"context"
	"fmt"
	"strings"

	"farmrun/luahost/console"
	"farmrun/luahost/secret"
	"farmrun/modules/cli"
	"farmrun/modules/login"
)

// askPassword is secret.Keyring.Ask.
func (w *world) askPassword(ctx context.Context, account string) (secret.Secret, error) {
	question := fmt.Sprintf("Password for %s: ", account)
	if host := secret.HostOf(ctx); host != "" {
		question = w.asks(ctx, host, account) + question
	}
	return w.operator.Secret(ctx, question)
}

// asks says which host asks for whose password, in whose words, and who else
// gets it.
func (w *world) asks(ctx context.Context, host, account string) string {
	whose, others := account, "other servers"
	if !strings.Contains(account, "@") { // which is one of cvs
		whose = "user " + account
	}
	if group := w.keyring.Group(host); group != "" {
		others = "the other servers of the password group " + group
	}
	return fmt.Sprintf("%s asks for the password of %s; it will be reused for %s\n%s",
		host, whose, others, console.Quoted(secret.QuestionOf(ctx)))
}

// askPassphrase is secret.Keyring.AskPassphrase.
func (w *world) askPassphrase(ctx context.Context, path string) (secret.Secret, error) {
	return w.operator.Secret(ctx, "Passphrase for "+path+": ")
}

// askOnce is secret.Keyring.AskOnce.
func (w *world) askOnce(ctx context.Context, echo bool) (secret.Secret, error) {
	question := fmt.Sprintf("%s asks; the answer goes to this server only and is not kept\n%sAnswer: ",
		secret.HostOf(ctx), console.Quoted(secret.QuestionOf(ctx)))
	if !echo {
		return w.operator.Secret(ctx, question)
	}
	answer, err := w.operator.Ask(ctx, question)
	return secret.New(answer), err
}

// askNewPassword is secret.Keyring.AskNew.
func (w *world) askNewPassword(ctx context.Context, account string) (secret.Secret, error) {
	question := fmt.Sprintf("The password of %s has expired on %s. Press Enter twice to leave it so.\nNew password for %[1]s:", account, secret.HostOf(ctx))
	s, err := cli.AskSecret(ctx, w.operator, question, true)
	if err == nil && s.Reveal() == "" {
		err = secret.ErrNotGiven
	}
	return s, err
}

// newPasswords are those for hosts that want an expired one changed. A dry run
// changes none.
func (w *world) newPasswords() login.NewPasswords {
	if w.flags.dryRun {
		return nil
	}
	return w.keyring
}
