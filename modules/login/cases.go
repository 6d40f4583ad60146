package login

import (
	"context"
	"regexp"
	"slices"
	"sync"
	"time"
)

// Case is something that a host may say in a dialogue, and what follows.
type Case struct {
	// Pattern matches output of the host. nil is that no case matches
	// for Silence, before it has asked for anything: a console that wants Enter first.
	Pattern *regexp.Regexp
	Silence time.Duration // 0 is at once; where Pattern is nil
	Do      Do
	// Send is typed, for Answer.
	Send string
	// Talk goes on with the dialogue, for Talk; groups are what the pattern
	// and its groups matched.
	Talk func(ctx context.Context, s Session, groups []string) error
}

// Do says what a Case means.
type Do int

// What a Case means.
const (
	Name     Do = iota + 1 // the host asks who logs in
	Password               // it asks for the password
	Rejected               // it has rejected the password
	Expired                // it wants the password changed first
	Refused                // it lets the user in by no means; the match says why
	Shell                  // it waits for commands
	Continue               // it says something that is no question
	Current                // it asks for the expired password, before the new one
	New                    // it asks for the new password
	Again                  // it asks for the new password once more
	Changed                // it has taken the new password
	Ask                    // it asks what the operator answers, for this host alone
	Answer                 // it asks what Send answers
	Talk                   // it asks something that Talk answers
)

// Word returns the word by which site files have d; "" for Answer and Talk.
func (d Do) Word() string {
	return map[Do]string{
		Name: "name", Password: "password", Rejected: "rejected", Expired: "expired",
		Refused: "refused", Shell: "shell", Continue: "continue",
		Current: "current", New: "new", Again: "again", Changed: "changed", Ask: "ask",
	}[d]
}

// Words are all that Word returns.
func Words() []string {
	var words []string
	for d := Name; d <= Ask; d++ {
		words = append(words, d.Word())
	}
	return words
}

// DefaultCases are what the telnetd, rlogind, login and PAM of the usual
// systems say, and most routers and terminal servers. An earlier case wins.
func DefaultCases() []Case { return slices.Clone(usual()) }

// begins is where a prompt begins that is to be told from the same words in the
// middle of a line.
const begins = `(?:^|[\r\n])`

// usual are compiled when there is a login that needs them.
var usual = sync.OnceValue(func() []Case {
	return []Case{
		// What has the words of a question in it and is none.
		usually(Continue, `last (?:(?:un)?successful |failed |interactive )?login(?:$|:| )[^\r\n]*`),
		usually(Expired, `(?:(?:you are )?required to change your password|password (?:has|is) expired|`+
			`your password has been expired|must change your password|choose a new password)[^\r\n]*`),
		usually(Changed, `(?:(?:updated|changed) successfully|successfully (?:updated|changed)|password (?:updated|changed)[.\r\n])[^\r\n]*`),
		usually(Rejected, `(?:login incorrect|authentication (?:failure|failed|token [^\r\n]*error)|access denied|permission denied|bad passwords?|`+
			`password (?:is )?unchanged|`+
			`(?:login|password|username)[^\r\n]{0,20} (?:invalid|incorrect|failed)|`+
			`(?:invalid|incorrect|wrong) (?:login|password|username))[^\r\n]*`),
		usually(Refused, `(?:this account is currently not available|account[^\r\n]{0,20} (?:locked|disabled|expired|suspended)|`+
			`too many (?:users|failures|tries|logins)|maximum number of tries|logins? (?:is|are) (?:disabled|not allowed)|`+
			`host key verification failed|could not make a connection|connection (?:refused|timed out)|no route to host)[^\r\n]*`),
		usually(Refused, `are you sure you want to continue connecting \([^)]*\)\? $`),
		// Of routers and switches: MikroTik, Huawei, Cisco, Fortinet, Nortel.
		answered("n", `software license\? ?\[y/n\]: ?$`),
		answered("\x03", begins+`new password> ?$`),
		answered("n\r", `change (?:it |the password )?now\? ?\[y/n\] ?:? ?$`),
		answered("no\r", `initial configuration dialog\? \[yes/no\]: ?$`),
		answered("a", `press '?a'? to accept\)? ?:? ?$`),
		answered("\x19", `enter ctrl-y to begin[^\r\n]*$`),
		// Questions.
		usually(Again, begins+`[^\r\n]*(?:(?:retype|re-?enter|re-?type|verify|confirm|repeat)[^\r\n]*(?:password|passwd)|`+
			`(?:password|passwd)[^\r\n]* again)[^\r\n:]*: ?$`),
		usually(New, begins+`(?:[^\r\n]*[^a-z\r\n])?new [^\r\n]{0,20}(?:password|passwd)[^\r\n:]*: ?$`),
		usually(Current, begins+`(?:[^\r\n]*[^a-z\r\n])?(?:current|old|existing)[) ][^\r\n]{0,20}(?:password|passwd)[^\r\n:]*: ?$`),
		usually(Ask, `[^\r\n]*(?:pass ?code|passphrase|one[- ]?time|\b(?:pin|otp|token|code)\b)[^\r\n:]*: ?$`),
		usually(Password, `[^\r\n]*(?:password|passwd)[^\r\n:]*: ?$`),
		usually(Name, begins+`[^\r\n]*(?:login|logon|user ?name|userid|user|account)(?: name)? ?: ?$`),
		answered(" ", `--more--[^\r\n]{0,20}$|`+begins+`:$|press (?:the )?(?:space|any key)[^\r\n]*$`),
		answered("\r", `(?:press|hit|strike) (?:the )?<?(?:return|enter)>?[^\r\n]*$|`+
			begins+`term(?:inal)?(?: type)? ?=? ?[(\[][^)\]]*[)\]]\??:? ?$`),
		// A shell, once nothing follows.
		usually(Shell, begins+`[^\r\n]*[$#%>] ?$`),
	}
})

// usually is a case in small letters or capitals.
func usually(do Do, expr string) Case {
	return Case{Pattern: regexp.MustCompile(`(?i)` + expr), Do: do}
}

func answered(with, expr string) Case {
	c := usually(Answer, expr)
	c.Send = with
	return c
}
