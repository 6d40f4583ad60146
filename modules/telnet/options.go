package telnet

import (
	"bytes"
	"cmp"

	"farmrun/luahost/remote"
)

// The options that this end agrees to.
const (
	optBinary   = 0  // RFC 856
	optEcho     = 1  // RFC 857
	optNoGA     = 3  // suppress go ahead, RFC 858
	optTermType = 24 // RFC 1091
	optNAWS     = 31 // window size, RFC 1073
)

// state is that of an option at one end. Options are settled by the Q method
// (RFC 1143), by which the two ends cannot answer each other for ever. This end
// never asks for an option to end, so the states that wait for that are not
// there.
type state byte

const (
	no state = iota
	yes
	wantYes // asked for, and not yet answered
)

// options are the state of all options and what the host is told through them.
type options struct {
	us, him  [256]state
	terminal remote.TerminalOptions
}

// agreeable tells whether this end agrees to an option at either end.
func agreeable(verb, option byte) bool {
	switch option {
	case optBinary, optNoGA:
		return true
	case optEcho:
		return verb == cmdWill
	case optTermType, optNAWS:
		return verb == cmdDo
	}
	return false
}

// negotiate answers WILL, WONT, DO and DONT.
func (c *Conn) negotiate(verb, option byte) {
	side, accept, refuse := &c.options.him[option], byte(cmdDo), byte(cmdDont)
	if verb == cmdDo || verb == cmdDont {
		side, accept, refuse = &c.options.us[option], cmdWill, cmdWont
	}
	was := *side
	switch verb {
	case cmdWill, cmdDo:
		switch {
		case was != no:
			*side = yes
		case agreeable(verb, option):
			*side = yes
			c.tell(accept, option)
		default:
			c.tell(refuse, option)
		}
	default:
		*side = no
		if was == yes {
			c.tell(refuse, option)
		}
	}
	if option == optNAWS && was == no && *side == yes {
		c.tellSize()
	}
}

// AskBinary asks the host for binary data in both directions, see Binary. Ask
// no host that may not know telnet, and ask after the login: some end it when
// that begins. Until the host has answered, which Read sees, it may take a CR for
// one that has a NUL after it.
func (c *Conn) AskBinary() error {
	c.mu.Lock()
	c.ask(&c.options.us[optBinary], cmdWill)
	c.ask(&c.options.him[optBinary], cmdDo)
	c.mu.Unlock()
	_, err := c.send(nil, nil)
	return err
}

func (c *Conn) ask(side *state, verb byte) {
	if *side == no {
		*side = wantYes
		c.tell(verb, optBinary)
	}
}

// subnegotiate answers the question for the terminal's type (RFC 1091).
func (c *Conn) subnegotiate(option byte, text []byte) {
	const is, send = 0, 1
	if option == optTermType && c.options.us[optTermType] == yes && bytes.Equal(text, []byte{send}) {
		c.tellSub(optTermType, append([]byte{is}, c.options.terminal.Term...))
	}
}

func (c *Conn) binaryIn() bool { return c.options.him[optBinary] == yes }

// tellSize tells the host the size of the terminal (RFC 1073).
func (c *Conn) tellSize() {
	w, h := clamp(c.options.terminal.Columns), clamp(c.options.terminal.Rows)
	c.tellSub(optNAWS, []byte{byte(w >> 8), byte(w), byte(h >> 8), byte(h)})
}

func clamp(n int) uint16 { return uint16(max(0, min(n, 1<<16-1))) }

func (c *Conn) tell(verb, option byte) {
	c.replies = append(c.replies, cmdIAC, verb, option)
}

func (c *Conn) tellSub(option byte, text []byte) {
	c.replies = append(c.replies, cmdIAC, cmdBegin, option)
	c.replies = append(c.replies, bytes.ReplaceAll(text, []byte{cmdIAC}, []byte{cmdIAC, cmdIAC})...)
	c.replies = append(c.replies, cmdIAC, cmdEnd)
}

// Resize tells the host how large the terminal is now, or will when it asks.
// 0 stays as it is.
func (c *Conn) Resize(rows, columns int) error {
	c.mu.Lock()
	t := &c.options.terminal
	t.Rows, t.Columns = cmp.Or(rows, t.Rows), cmp.Or(columns, t.Columns)
	if c.options.us[optNAWS] == yes {
		c.tellSize()
	}
	c.mu.Unlock()
	_, err := c.send(nil, nil)
	return err
}
