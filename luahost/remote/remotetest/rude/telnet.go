package rude

import (
	"fmt"
	"strings"
)

// What a Device knows of telnet.
const (
	iac, dont, do, wont, will, sb, se = 255, 254, 253, 252, 251, 250, 240

	echo, noGoAhead, windowSize = 1, 3, 31
)

// options begins a telnet connection.
func (t *talk) options() error {
	switch t.Telnet {
	case Polite:
		return t.polite()
	case Endless:
		var all []byte
		for option := byte(200); option < 250; option++ {
			all = append(all, iac, will, option, iac, do, option)
		}
		for t.err == nil {
			t.write(string(all))
		}
		return t.err
	case Loop:
		t.write(string([]byte{iac, do, 200, iac, will, echo}))
	case SubEnd:
		t.write(string([]byte{iac, sb, windowSize}))
		for t.err == nil {
			t.write(strings.Repeat("and so on, ", 100))
		}
	}
	return t.err
}

// polite offers to echo, and asks for two things of which a client knows one.
func (t *talk) polite() error {
	t.write(string([]byte{iac, will, echo, iac, will, noGoAhead, iac, do, windowSize, iac, do, 200}))
	for range 4 {
		b, err := t.in.ReadByte()
		if err == nil && b != iac {
			err = fmt.Errorf("byte %d in place of an answer", b)
		}
		if err == nil {
			err = t.command()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// command reads what a client says after IAC.
func (t *talk) command() error {
	verb, err := t.in.ReadByte()
	if err != nil || verb < sb {
		return err
	}
	if verb == sb {
		return t.subnegotiation()
	}
	option, err := t.in.ReadByte()
	if t.Telnet == Loop {
		t.write(string([]byte{iac, opposite(verb), option}))
	}
	return err
}

// opposite is what nobody would say to whoever has said verb.
func opposite(verb byte) byte {
	switch verb {
	case will:
		return dont
	case wont:
		return do
	case do:
		return wont
	default:
		return will
	}
}

func (t *talk) subnegotiation() error {
	for last := byte(0); ; {
		b, err := t.in.ReadByte()
		if err != nil || last == iac && b == se {
			return err
		}
		if last == iac {
			b = 0
		}
		last = b
	}
}
