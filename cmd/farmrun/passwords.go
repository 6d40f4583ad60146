package main

import (
	"context"
	"fmt"
	"strings"

	"farmrun/luahost/secret"
	"farmrun/modules/cli"
	"farmrun/modules/login"
)

// askPassword is secret.Keyring.Ask.
func (w *world) askPassword(ctx context.Context, account string) (secret.Secret, error) {
	if path, is := strings.CutPrefix(account, "passphrase for "); is {
		return w.operator.Secret(ctx, "Passphrase for "+path+": ")
	}
	question := fmt.Sprintf("Password for %s: ", account)
	if host := secret.HostOf(ctx); host != "" {
		question = fmt.Sprintf("%s wants the password of %s; so may others, which get the same.\n%s", host, account, question)
	}
	return w.operator.Secret(ctx, question)
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
