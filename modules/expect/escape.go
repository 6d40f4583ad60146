package expect

import "fmt"

// Escape is what an operator types to give a session back. Make it by
// NewEscape; the zero value is never typed.
type Escape struct {
	lead byte // counts only at the beginning of a line; 0 is none
	end  byte
}

// usualEscape is that of ssh(1).
var usualEscape = Escape{lead: '~', end: '.'}

// NewEscape reads an escape: two characters, such as "~.", of which the first
// counts at the beginning of a line only, as in ssh(1); or a single control
// character, such as "\x1d" (^]), which counts everywhere.
func NewEscape(keys string) (Escape, error) {
	switch {
	case len(keys) == 2 && isGraphic(keys[0]) && isGraphic(keys[1]) && keys[0] != keys[1] && keys[1] != '?':
		return Escape{lead: keys[0], end: keys[1]}, nil
	case len(keys) == 1 && keys[0] < ' ':
		return Escape{end: keys[0]}, nil
	}
	return Escape{}, fmt.Errorf(`an escape is two characters, such as "~.", or a control character; got %q`, keys)
}

func isGraphic(c byte) bool { return ' ' < c && c < 0x7f }

// String returns the escape as it is written on keys.
func (e Escape) String() string {
	if e.lead == 0 {
		return string([]byte{'^', e.end ^ 0x40})
	}
	return string([]byte{e.lead, e.end})
}

// hint is what an operator is told who gets a session.
func (e Escape) hint() string {
	switch {
	case e == Escape{}:
		return ""
	case e.lead == 0:
		return fmt.Sprintf("; %v gives it back", e)
	}
	return fmt.Sprintf("; %v at the beginning of a line gives it back, %c? helps", e, e.lead)
}

func (e Escape) help() string {
	return fmt.Sprintf("%v gives the session back to the script, %[2]c%[2]c types %[2]c, %[2]c? is this help", e, e.lead)
}

// keys finds an escape in what is typed.
type keys struct {
	Escape
	begun bool // a line is begun
	led   bool // lead was typed, and is not passed on yet
}

func (e Escape) scanner() *keys { return &keys{Escape: e} }

// keysEvent is what scan has found.
type keysEvent int

const (
	keysGoOn keysEvent = iota
	keysEnd
	keysHelp
)

// scan returns what of typed is for the other end. What comes after the end is
// dropped, and so is what comes at once after a call for help.
func (k *keys) scan(typed []byte) (pass []byte, event keysEvent) {
	for _, c := range typed {
		switch {
		case k.led:
			k.led = false
			switch c {
			case k.end:
				return pass, keysEnd
			case '?':
				return pass, keysHelp
			case k.lead:
				pass = append(pass, c)
			default:
				pass = append(pass, k.lead, c)
			}
			k.begun = !isLineEnd(c)
		case k.lead != 0 && c == k.lead && !k.begun:
			k.led = true
		case k.lead == 0 && c == k.end && k.Escape != Escape{}:
			return pass, keysEnd
		default:
			pass = append(pass, c)
			k.begun = !isLineEnd(c)
		}
	}
	return pass, keysGoOn
}

func isLineEnd(c byte) bool { return c == '\r' || c == '\n' }
