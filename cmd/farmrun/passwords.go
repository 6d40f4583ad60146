package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"farmrun/luahost/console"
	"farmrun/luahost/secret"
	"farmrun/modules/cli"
	"farmrun/modules/login"
)

// askPassword is secret.Keyring.Ask.
func (w *world) askPassword(ctx context.Context, account string) (secret.Secret, error) {
	if w.flags.askFor != "" {
		return w.commanded(ctx, "password", account)
	}
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
	if w.flags.askFor != "" {
		return w.commanded(ctx, "passphrase", path)
	}
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

// passwordsHelp is the text of "farmrun help passwords".
const passwordsHelp = `farmrun asks for a password on the terminal when a host first wants it, once for
each user and for each password_group of the site file. Where there is no
terminal, or to take passwords from a store, name a command:

  farmrun --password-command 'pass show "farm/$FARMRUN_ACCOUNT"' cutover 2000-09-19

/bin/sh runs it on this machine, once for each secret, and the first line that it
prints is the secret. It finds in its environment

  FARMRUN_SECRET   "password", or "passphrase" for that of a key
  FARMRUN_ACCOUNT  the user, a CVS account such as rel@dev:/cvsroot, or the path
                   of the key
  FARMRUN_HOST     the host that asks first, if one does
  FARMRUN_GROUP    its password_group, or ""

farmrun chooses the account, never the host. A command that fails, or prints
nothing, is an error of kind "login". What a host asks besides its password, such
as a code, needs a terminal.
`

// mostOfSecret is more than any password is long.
const mostOfSecret = 64 << 10

// commanded gets a secret from --password-command. Its environment has no secret
// in it, and neither have its arguments.
func (w *world) commanded(ctx context.Context, kind, account string) (secret.Secret, error) {
	defer w.out.Hold(ctx)() // it may ask on the terminal itself
	host := secret.HostOf(ctx)
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", w.flags.askFor)
	cmd.Env = append(os.Environ(), "FARMRUN_SECRET="+kind, "FARMRUN_ACCOUNT="+account,
		"FARMRUN_HOST="+host, "FARMRUN_GROUP="+w.keyring.Group(host))
	cmd.Stderr, cmd.WaitDelay = os.Stderr, time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return secret.Secret{}, err
	}
	if err := cmd.Start(); err != nil {
		return secret.Secret{}, err
	}
	text, err := io.ReadAll(io.LimitReader(out, mostOfSecret))
	err = errors.Join(err, cmd.Wait())
	line, _, _ := strings.Cut(string(text), "\n")
	line = strings.TrimSuffix(line, "\r")
	switch {
	case ctx.Err() != nil:
		return secret.Secret{}, context.Cause(ctx)
	case err != nil:
		return secret.Secret{}, fmt.Errorf("--password-command: %w", err)
	case line == "":
		return secret.Secret{}, errors.New("--password-command printed nothing")
	}
	return secret.New(line), nil
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
