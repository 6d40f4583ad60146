package secret_test

import (
	"context"
	"errors"
	"testing"

	"farmrun/luahost/secret"
)

func TestReadQuestion(t *testing.T) {
	for text, want := range map[string]secret.Question{
		"Password: ":                                       {Password: true},
		"(web@web1) Password:":                             {Password: true},
		"web@web1's password: ":                            {Password: true, Of: "web@web1"},
		"[sudo] password for alice: ":                      {Password: true, Of: "alice"},
		"Password for web@EXAMPLE.ORG:":                    {Password: true, Of: "web@EXAMPLE.ORG"},
		"Password for user 'web':":                         {Password: true, Of: "web"},
		"Password for the host:":                           {Password: true},
		"Motd for bob\r\npasswd: ":                         {Password: true},
		"Please enter your password for web":               {Password: true, Of: "web"},
		"alice's current UNIX password: ":                  {Password: true, Of: "alice"},
		"One-time password (OATH) for `web':":              {},
		"Enter passphrase for key '/home/op/.ssh/id_op': ": {Of: "/home/op/.ssh/id_op"},
		"Enter PASSCODE:":                                  {},
		"Enter your PIN: ":                                 {},
		"Verification code: ":                              {},
		"Passcode or option (1-3): ":                       {},
		"Password & verification code:":                    {},
		"Response:":                                        {},
		"Pushed a login request to your phone...\nPress Enter to go on": {},
		"": {},
	} {
		if got := secret.ReadQuestion(text); got != want {
			t.Errorf("%q: got %+v, want %+v", text, got, want)
		}
	}
}

func TestQuestionCheck(t *testing.T) {
	for of, fine := range map[string]bool{
		"": true, "web": true, "web@web1": true, "web@EXAMPLE.ORG": true, `DOM\web`: true, "web1": true,
		"alice": false, "webadmin": false, "web/admin@EXAMPLE.ORG": false, "root@web1": false, "/home/op/.ssh/id_op": false,
	} {
		err := secret.Question{Of: of}.Check("web", "web1")
		other, is := errors.AsType[*secret.OtherError](err)
		if is == fine || is && (other.Asked != of || other.Gives != "web") {
			t.Errorf("%q: %v", of, err)
		}
	}
}

// TestAnswer: a host's questions besides that for its password are asked each time,
// in its own words, and the answers are not kept.
func TestAnswer(t *testing.T) {
	var asked []string
	k := &secret.Keyring{AskOnce: func(ctx context.Context, echo bool) (secret.Secret, error) {
		asked = append(asked, secret.HostOf(ctx)+" "+secret.QuestionOf(ctx))
		return secret.New("714233"), nil
	}}
	for range 2 {
		s, err := k.Answer(secret.OnHost(t.Context(), "web1"), "Code: ", false)
		if err != nil || s.Reveal() != "714233" {
			t.Error(s.Reveal(), err)
		}
	}
	if len(asked) != 2 || asked[0] != "web1 Code: " {
		t.Errorf("asked %q", asked)
	}
	if got := string(k.Mask([]byte("echo 714233"))); got != "echo (secret)" {
		t.Errorf("the code is shown: %s", got)
	}
	if _, err := (&secret.Keyring{}).Answer(t.Context(), "Code: ", false); !errors.Is(err, secret.ErrNoTerminal) {
		t.Error(err)
	}
}

// TestBound: a password goes to no host of another group, and nothing but the
// operator's own key gets the passphrase of one, whatever an account is called.
func TestBound(t *testing.T) {
	var asked []string
	k := &secret.Keyring{
		Ask: func(ctx context.Context, account string) (secret.Secret, error) {
			asked = append(asked, "password "+account+" "+secret.HostOf(ctx))
			return secret.New("of " + secret.HostOf(ctx)), nil
		},
		AskPassphrase: func(_ context.Context, path string) (secret.Secret, error) {
			asked = append(asked, "passphrase "+path)
			return secret.New("open sesame"), nil
		},
		Group: func(host string) string { return map[string]string{"db1": "db", "db2": "db"}[host] },
	}
	if s, report, err := k.Passphrase(t.Context(), "/id"); err != nil || s.Reveal() != "open sesame" {
		t.Error(err)
	} else {
		report(secret.Accepted)
	}
	for _, try := range []struct{ host, account, want string }{
		{"web1", "web", "of web1"}, {"web2", "web", "of web1"},
		{"db1", "web", "of db1"}, {"db2", "web", "of db1"}, {"web3", "web", "of web1"},
		{"web1", "/id", "of web1"}, {"web1", "passphrase for /id", "of web1"},
	} {
		s, report, err := k.Take(secret.OnHost(t.Context(), try.host), try.account)
		if err != nil || s.Reveal() != try.want {
			t.Errorf("%v: got %q, %v", try, s.Reveal(), err)
			continue
		}
		report(secret.Accepted)
	}
	if len(asked) != 5 {
		t.Errorf("asked %q", asked)
	}
}
