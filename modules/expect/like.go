package expect

import (
	"regexp"
	"strconv"
	"strings"

	"farmrun/luahost/lazyregexp"
)

// mostLike is how much of the end of a line a pattern is made of.
const mostLike = 60

// Like returns the pattern of a line that is the last, and like shown: numbers, dates,
// times and nonces in it may be others, and so may the blanks in the end. Where shown ends
// with "\n", the cursor is behind that line.
func Like(shown string) Pattern { return atEnd(shown, similar(strings.TrimRight(shown, " \n"))+" *") }

// Line returns the pattern of a line that is the last and the same as shown, but for
// blanks in the end.
func Line(shown string) Pattern {
	return atEnd(shown, regexp.QuoteMeta(strings.TrimRight(shown, " \n"))+" *")
}

// atEnd is the pattern of a line that was shown, by a regular expression of it.
func atEnd(shown, expr string) Pattern {
	if len([]rune(shown)) <= mostLike {
		expr = "^ *" + expr
	}
	if strings.HasSuffix(shown, "\n") {
		expr += `\s*`
	}
	p := Compiled(regexp.MustCompile("(?m)" + expr + `\z`))
	p.shown, p.line = strconv.Quote(shown), strings.TrimSpace(shown)
	return p
}

// word is a part of a line that may differ the next time, or blanks; the text between
// words stays.
var word = lazyregexp.New(`[\pL\pN_]+| +`)

// similar returns a regular expression of text like shown.
func similar(shown string) string {
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
	if len(runes) <= mostLike {
		return strings.TrimLeft(shown, " ")
	}
	shown = string(runes[len(runes)-mostLike:])
	if _, rest, ok := strings.Cut(shown, " "); ok && strings.TrimSpace(rest) != "" {
		return rest
	}
	return shown
}

var (
	hex = lazyregexp.New(`^[0-9a-fA-F]{6,}$`)
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
