package secret_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"farmrun/luahost/secret"
)

const text = "w3b \"Secret' pw"

// carrier has secrets where printers may look.
type carrier struct {
	Public  secret.Secret
	private secret.Secret
	pointer *secret.Secret
	list    []secret.Secret
	byName  map[string]secret.Secret
	any     any
}

func carried() carrier {
	s := secret.New(text)
	return carrier{s, s, &s, []secret.Secret{s}, map[string]secret.Secret{"web": s}, s}
}

// TestPrint prints a secret, and values it is hidden in, in every way there is.
func TestPrint(t *testing.T) {
	s := secret.New(text)
	c := carried()
	for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%X", "%q", "%s", "%d", "%p", "%c", "%U", "%08.3v", "% x", "%T"} {
		for _, v := range []any{s, &s, []secret.Secret{s}, map[string]any{"x": s}, c, &c, []any{c}, fmt.Errorf("wrapped: %v", s), errors.Join(fmt.Errorf("%w: %v", errors.New("x"), c))} {
			shows(t, fmt.Sprintf(verb, v), "%s of %T", verb, v)
		}
	}
	if got := fmt.Sprintf("%v|%s|%q|%x|%#v", s, s, s, s, s); got != strings.Repeat("(secret)|", 4)+"(secret)" {
		t.Error(got)
	}
	var b bytes.Buffer
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "s", s, "c", c)
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "s", s, "c", c)
	shows(t, b.String(), "slog")
}

type element struct{ S secret.Secret }

func TestEncode(t *testing.T) {
	s := secret.New(text)
	asJSON, err := json.Marshal(map[string]any{"s": s, "c": carried(), "k": map[secret.Secret]int{s: 1}})
	if err != nil || !bytes.Contains(asJSON, []byte("(secret)")) {
		t.Errorf("%s, %v", asJSON, err)
	}
	shows(t, string(asJSON), "json")
	asXML, err := xml.Marshal(element{s})
	if err != nil {
		t.Error(err)
	}
	shows(t, string(asXML), "xml")
	var b bytes.Buffer
	gob.NewEncoder(&b).Encode(struct{ S secret.Secret }{s})
	shows(t, b.String(), "gob")
}

// shows fails if shown has a piece of the password in it, as it is or in hex.
func shows(t *testing.T, shown, format string, args ...any) {
	t.Helper()
	for _, piece := range []string{"w3b", "Secret'", fmt.Sprintf("%x", "Secret"), fmt.Sprintf("%X", "Secret")} {
		if strings.Contains(shown, piece) {
			t.Errorf("%s shows %q", fmt.Sprintf(format, args...), shown)
		}
	}
}

func TestReveal(t *testing.T) {
	if got := secret.New(text).Reveal(); got != text {
		t.Errorf("got %q", got)
	}
	if got := (secret.Secret{}).Reveal(); got != "" {
		t.Errorf("the zero value is %q", got)
	}
}

func TestMask(t *testing.T) {
	var k secret.Keyring
	for account, text := range map[string]string{"a": "hunter", "b": "hunter2!", "c": "ab", "d": "", "e": "\xff\x00\xfe\x01"} {
		k.Put(account, secret.New(text))
	}
	for line, want := range map[string]string{
		"":                      "",
		"nothing":               "nothing",
		"hunter":                "(secret)",
		"hunter2! and hunter":   "(secret) and (secret)",
		"hunterhunter2!hunter2": "(secret)(secret)(secret)2",
		"ab is too short":       "ab is too short",
		"x\xff\x00\xfe\x01y":    "x(secret)y",
	} {
		if got := string(k.Mask([]byte(line))); got != want {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
	}
}

// TestMaskOwn: a secret that is a word is redacted in the host's words that a text
// of farmrun's quotes, and nowhere else in it.
func TestMaskOwn(t *testing.T) {
	var k secret.Keyring
	k.Hide(secret.New("login"))
	k.Hide(secret.New("Xq7vkZ9w"))
	for _, c := range []struct{ text, said, want string }{
		{"login: refused", "", "login: refused"},
		{"login: refused", "no such user", "login: refused"},
		{"login: exit status 1: your login is bad", "your login is bad", "login: exit status 1: your (secret) is bad"},
		{"login: no login, no login (login)", "hello\n  no login, no login\r\n", "login: no (secret), no (secret) (login)"},
		{"login: web of login is", "web of login is locked", "login: web of (secret) is"}, // cut off
		{"the host asks \"my login\"", "my\tlogin?", "the host asks \"my (secret)\""},     // quoted in another way
		{"login: Xq7vkZ9w is no login", "is no login", "login: (secret) is no (secret)"},
		{"web-login: a login", "a login", "web-login: a (secret)"},
	} {
		if got := string(k.MaskOwn([]byte(c.text), c.said, "web-login")); got != c.want {
			t.Errorf("MaskOwn(%q, %q): got %q, want %q", c.text, c.said, got, c.want)
		}
	}
}
