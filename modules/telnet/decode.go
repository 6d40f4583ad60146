package telnet

import "fmt"

// The commands of RFC 854. What is not here is none that a host sends and a
// client would have to heed.
const (
	cmdEnd       = 240 // SE: of a subnegotiation
	cmdBreak     = 243 // BRK
	cmdInterrupt = 244 // IP
	cmdBegin     = 250 // SB: a subnegotiation
	cmdWill      = 251
	cmdWont      = 252
	cmdDo        = 253
	cmdDont      = 254
	cmdIAC       = 255 // interpret as command
)

const (
	// mostCommands is how many commands may come with no data between them; an
	// honest login has about twenty.
	mostCommands = 1000
	// keepSub is how much of a subnegotiation is kept; the longest that is
	// heeded has two bytes. mostSub is where it is none any more.
	keepSub = 64
	mostSub = 64 << 10
)

// decoder takes the stream from the host apart. It is at one of these places
// in it:
//
//	data     in the terminal's text; sawCR after a CR, where a NUL means nothing
//	command  after IAC
//	option   after IAC WILL, WONT, DO or DONT, which verb is
//	sub      in a subnegotiation; subCommand after an IAC in it
type decoder struct {
	handler
	at    place
	sawCR bool
	verb  byte
	sub   []byte
	long  int // how long the subnegotiation is by now
	count int // commands since the last data
}

type place int

const (
	data place = iota
	command
	option
	sub
	subCommand
)

// handler is told what stands between the data.
type handler interface {
	negotiate(verb, option byte)
	subnegotiate(option byte, text []byte)
	// binaryIn tells whether the host's data are binary now.
	binaryIn() bool
}

// decode moves the data in p to its beginning and returns how much it is.
func (d *decoder) decode(p []byte) (int, error) {
	n := 0
	for _, b := range p {
		if c, ok := d.step(b); ok {
			p[n] = c
			n++
			d.count = 0
		}
		if d.count > mostCommands {
			return n, fmt.Errorf("%w: it sends options without end", ErrProtocol)
		}
		if d.long > mostSub {
			return n, fmt.Errorf("%w: it sends an option's text without end", ErrProtocol)
		}
	}
	return n, nil
}

// step takes the next byte from the host and tells whether it is data.
func (d *decoder) step(b byte) (byte, bool) {
	switch d.at {
	case data:
		return d.data(b)
	case command:
		return d.command(b)
	case option:
		d.at = data
		d.negotiate(d.verb, b)
	case sub:
		if b == cmdIAC {
			d.at = subCommand
		} else {
			d.keep(b)
		}
	case subCommand:
		d.inSub(b)
	}
	return 0, false
}

func (d *decoder) data(b byte) (byte, bool) {
	after := d.sawCR
	d.sawCR = false
	switch {
	case b == cmdIAC:
		d.at = command
		d.sawCR = after
		return 0, false
	case d.binaryIn():
	case b == 0 && after:
		return 0, false
	case b == '\r':
		d.sawCR = true
	}
	return b, true
}

// command takes the byte after IAC. What needs no answer, a data mark for
// example, is dropped.
func (d *decoder) command(b byte) (byte, bool) {
	d.at = data
	if b == cmdIAC {
		d.sawCR = false
		return b, true
	}
	d.count++
	switch b {
	case cmdWill, cmdWont, cmdDo, cmdDont:
		d.at, d.verb = option, b
	case cmdBegin:
		d.at, d.sub, d.long = sub, d.sub[:0], 0
	}
	return 0, false
}

func (d *decoder) keep(b byte) {
	if d.long++; len(d.sub) < keepSub {
		d.sub = append(d.sub, b)
	}
}

// inSub takes the byte after an IAC in a subnegotiation. Whatever is neither
// its end nor a byte of 255 ends it too, as a command of its own.
func (d *decoder) inSub(b byte) {
	switch b {
	case cmdIAC:
		d.at = sub
		d.keep(b)
		return
	case cmdEnd:
		d.at = data
		if len(d.sub) > 0 && d.long <= keepSub {
			d.subnegotiate(d.sub[0], d.sub[1:])
		}
	default:
		d.command(b)
	}
	d.long = 0
}
