package autoscript

import (
	"regexp"
	"strings"

	"farmrun/luahost/lazyregexp"
)

// longest is how much of the end of a prompt a pattern is made of.
const longest = 60

// word is what may be of another kind than its letters the next time; between
// words stands what stays.
var word = lazyregexp.New(`[\pL\pN_]+| +`)

// pattern returns a regular expression for text that is like shown: whatever
// looks like a number, a date, the time or a nonce may be another.
func pattern(shown string) string {
	shown = ending(shown)
	clock := strings.ContainsAny(shown, "0123456789")
	var b strings.Builder
	last := 0
	for _, at := range word().FindAllStringIndex(shown, -1) {
		b.WriteString(regexp.QuoteMeta(shown[last:at[0]]))
		b.WriteString(like(shown[at[0]:at[1]], shown[at[1]:], clock))
		last = at[1]
	}
	return b.String() + regexp.QuoteMeta(shown[last:])
}

// ending returns the end of shown, from where a word begins.
func ending(shown string) string {
	runes := []rune(shown)
	if len(runes) <= longest {
		return strings.TrimLeft(shown, " ")
	}
	shown = string(runes[len(runes)-longest:])
	if _, rest, ok := strings.Cut(shown, " "); ok && strings.TrimSpace(rest) != "" {
		return rest
	}
	return shown
}

var (
	digits = lazyregexp.New(`\d+`)
	hex    = lazyregexp.New(`^[0-9a-fA-F]{6,}$`)
	// A nonce changes more than once between letters and digits.
	nonce = lazyregexp.New(`^\w*(\d[A-Za-z]+\d|[A-Za-z]\d+[A-Za-z]+\d)\w*$`)
	names = lazyregexp.New(`^(?i:am|pm|mon|tues?|wed(nes)?|thu(rs)?|fri|sat(ur)?|sun|jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sept?(ember)?|oct(ober)?|nov(ember)?|dec(ember)?)(?i:day)?$`)
)

// like returns a regular expression for a word, or the spaces, before rest.
func like(w, rest string, clock bool) string {
	switch {
	case w[0] == ' ':
		if rest != "" && '0' <= rest[0] && rest[0] <= '9' {
			return " *" // a number may be padded
		}
		return w
	case !digits().MatchString(w):
		if clock && names().MatchString(w) {
			return `\w+`
		}
		return regexp.QuoteMeta(w)
	case digits().FindString(w) == w:
		return `\d+`
	case hex().MatchString(w):
		return `[0-9a-fA-F]+`
	case nonce().MatchString(w):
		return `\w+`
	}
	return digits().ReplaceAllLiteralString(regexp.QuoteMeta(w), `\d+`)
}

// secrets are what programs ask for when they switch echo off.
var secrets = lazyregexp.New(`(?i)pass ?(word|phrase|code|wd)|\bPIN\b|secret|token|kennwort|passwort|mot de passe|contraseña`)

// asksSecret reports whether a prompt asks for something that is not to be seen.
func asksSecret(prompt string) bool { return secrets().MatchString(prompt) }

// isQuestion reports whether a prompt asks for something that may not be seen.
func isQuestion(prompt string) bool { return asksSecret(prompt) || questions().MatchString(prompt) }

var questions = lazyregexp.New(`[:?] *$`)
