package sshconfig

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
)

// tokens are what "%" stands for before a letter, for one host. See TOKENS in
// ssh_config(5).
type tokens struct {
	config             *Config
	asked, host, alias string
	port, user, jump   string
	about              map[byte]string // further tokens, of the host key
}

// anywhere are the tokens that hold wherever paths are written.
const anywhere = "CLdhijklnpru"

// proxyTokens are those of ProxyCommand and ProxyJump.
const proxyTokens = "hnpr"

// percent expands the tokens of text that are among allowed.
func (t *tokens) percent(text, allowed string) (string, error) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "%")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		if after == "" {
			return "", fmt.Errorf("a single %% at the end of %q", text)
		}
		key := after[0]
		text = after[1:]
		switch {
		case key == '%':
			b.WriteByte('%')
		case strings.IndexByte(allowed, key) >= 0:
			b.WriteString(t.value(key))
		default:
			return "", fmt.Errorf("unknown key %%%c", key)
		}
	}
}

func (t *tokens) value(key byte) string {
	if text, ok := t.about[key]; ok {
		return text
	}
	switch key {
	case 'C':
		sum := sha1.Sum([]byte(t.config.local + t.host + t.port + t.user + t.jump))
		return hex.EncodeToString(sum[:])
	case 'L':
		short, _, _ := strings.Cut(t.config.local, ".")
		return short
	case 'd':
		return t.config.home
	case 'h':
		return t.host
	case 'i':
		return strconv.Itoa(os.Getuid())
	case 'j':
		return t.jump
	case 'k':
		return t.alias
	case 'l':
		return t.config.local
	case 'n':
		return t.asked
	case 'p':
		return t.port
	case 'r':
		return t.user
	}
	return t.config.user // 'u'
}

// path expands "~", tokens and ${VAR} in the name of a file.
func (t *tokens) path(text string) (string, error) {
	text, err := t.percent(t.config.tilde(text), anywhere)
	if err != nil {
		return "", err
	}
	return dollar(text)
}

// socket expands the name of an agent's socket, which may be the name of a
// variable that has it.
func (t *tokens) socket(text string) (string, error) {
	switch {
	case strings.HasPrefix(text, "${"):
		return dollar(text)
	case text == "" || text[0] == '$':
		return text, nil
	}
	return t.path(text)
}

// dollar expands each ${VAR}; a variable that is not set is an error.
func dollar(text string) (string, error) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "${")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		name, rest, closed := strings.Cut(after, "}")
		if !closed {
			return "", fmt.Errorf("a ${ without a } in %q", text)
		}
		value, set := os.LookupEnv(name)
		if !set {
			return "", fmt.Errorf("env var ${%s} has no value", name)
		}
		b.WriteString(value)
		text = rest
	}
}

// tilde replaces a leading ~ or ~user.
func (c *Config) tilde(path string) string {
	if !strings.HasPrefix(path, "~") {
		return path
	}
	name, rest, _ := strings.Cut(path[1:], "/")
	home := c.home
	if name != "" {
		u, err := user.Lookup(name)
		if err != nil {
			return path
		}
		home = u.HomeDir
	}
	return filepath.Join(home, rest)
}
