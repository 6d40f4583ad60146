package telnet

import (
	"bytes"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"farmrun/luahost/remote"
)

// half is a connection that takes one byte of a write, while the host asks.
type half struct {
	net.Conn
	got  []byte
	asks func()
}

func (h *half) SetWriteDeadline(time.Time) error { return nil }

func (h *half) Write(p []byte) (int, error) {
	if h.asks == nil {
		h.got = append(h.got, p...)
		return len(p), nil
	}
	h.got = append(h.got, p[0])
	h.asks()
	h.asks = nil
	return 1, os.ErrDeadlineExceeded
}

// TestHalfComesFirst has the rest of a byte go before an answer that was given
// while it was being written.
func TestHalfComesFirst(t *testing.T) {
	h := &half{}
	c := New(h, remote.TerminalOptions{})
	h.asks = func() { c.tell(cmdWont, 99) }
	n, err := c.Write([]byte("\xff."))
	if n != 1 || err == nil {
		t.Errorf("%d, %v", n, err)
	}
	c.Write([]byte("."))
	if want := "\xff\xff\xff\xfcc."; string(h.got) != want {
		t.Errorf("sent %q, want %q", h.got, want)
	}
}

// notes is a handler that notes what it is told, and a Conn's memory of options.
type notes struct {
	Conn
	told []byte
}

func (n *notes) negotiate(verb, option byte) {
	n.told = append(n.told, verb, option)
	n.Conn.negotiate(verb, option)
}

func (n *notes) subnegotiate(option byte, text []byte) {
	n.told = append(append(n.told, cmdBegin, option), text...)
	n.Conn.subnegotiate(option, text)
}

// FuzzDecode has the same come out of a stream however it is cut, within what
// is promised of it.
func FuzzDecode(f *testing.F) {
	f.Add([]byte("login: \r\x00\r\n\xff\xff"), 3)
	f.Add([]byte("\xff\xfb\x25\xff\xfd\x18\xff\xfa\x18\x01\xff\xf0\xff\xfd\x1fhello"), 1)
	f.Add([]byte("\xff\xfb\x00\r\x00\xff\xfc\x00\r\xff\xf2\x00\xff\xfax\xff\xffy\xff\xfd"), 5)
	f.Add(bytes.Repeat([]byte("\xff\xfb\x63"), mostCommands+1), 7)
	f.Fuzz(func(t *testing.T, stream []byte, cut int) {
		if cut < 1 {
			return
		}
		whole, n1, err1 := decodeBy(stream, len(stream)+1)
		pieces, n2, err2 := decodeBy(stream, cut)
		if !bytes.Equal(whole, pieces) || !bytes.Equal(n1.told, n2.told) || !bytes.Equal(n1.replies, n2.replies) || (err1 == nil) != (err2 == nil) {
			t.Errorf("by %d: %q %q %v, want %q %q %v", cut, pieces, n2.told, err2, whole, n1.told, err1)
		}
		if len(whole) > len(stream) || len(n1.told) > len(stream) || err1 != nil && !errors.Is(err1, ErrProtocol) {
			t.Errorf("%q, %q, %v", whole, n1.told, err1)
		}
		if err1 == nil && !bytes.ContainsAny(stream, "\xff\r") && !bytes.Equal(whole, stream) {
			t.Errorf("%q became %q", stream, whole)
		}
	})
}

func decodeBy(stream []byte, cut int) (out []byte, n *notes, err error) {
	n = &notes{}
	d := decoder{handler: n}
	for len(stream) > 0 && err == nil {
		piece := bytes.Clone(stream[:min(cut, len(stream))])
		stream = stream[len(piece):]
		var got int
		got, err = d.decode(piece)
		out = append(out, piece[:got]...)
	}
	return out, n, err
}

// FuzzEncode has what is typed arrive at a host, whichever way it is written.
func FuzzEncode(f *testing.F) {
	f.Add([]byte("a\rb\r\n\n\xff\x00"), 2, true)
	f.Add([]byte("\r\r\x00\n\r"), 1, false)
	f.Fuzz(func(t *testing.T, text []byte, n int, binary bool) {
		coded := encode(nil, text, binary)
		done, half := sent(text, binary, n)
		if n >= 0 && n <= len(coded) {
			if got := append(coded[:n:n], append(half, encode(nil, text[done:], binary)...)...); !bytes.Equal(got, coded) {
				t.Errorf("cut at %d: %q, want %q", n, got, coded)
			}
		}
		host := &notes{}
		if host.options.him[optBinary] = no; binary {
			host.options.him[optBinary] = yes
		}
		d := decoder{handler: host}
		got, err := d.decode(coded)
		if !bytes.Equal(coded[:got], text) || err != nil || host.told != nil {
			t.Errorf("%q arrived as %q, %q, %v", text, coded[:got], host.told, err)
		}
	})
}
