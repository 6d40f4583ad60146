package remote

import (
	"bytes"
	"fmt"
	"sync"
)

// Output keeps what a command says within a bound, however much that is: the
// first and the last bytes stay, and String says how much was cut between
// them. The zero value keeps DefaultKeep bytes. It may be written to and read
// from different goroutines.
type Output struct {
	Keep int // how many bytes stay; 0 is DefaultKeep

	mu   sync.Mutex
	head []byte
	tail []byte // a ring once it is full; next is its oldest byte
	next int
	cut  int64
}

// Write keeps of p what the bound allows. It never fails.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := len(p)
	if room := o.half() - len(o.head); room > 0 {
		take := min(room, len(p))
		o.head = append(o.head, p[:take]...)
		p = p[take:]
	}
	o.writeTail(p)
	return n, nil
}

func (o *Output) writeTail(p []byte) {
	if room := o.half() - len(o.tail); room > 0 {
		take := min(room, len(p))
		o.tail = append(o.tail, p[:take]...)
		p = p[take:]
	}
	o.cut += int64(len(p))
	if skip := len(p) - len(o.tail); skip > 0 { // all that is in the ring would be overwritten
		p = p[skip:]
	}
	for len(p) > 0 {
		n := copy(o.tail[o.next:], p)
		p = p[n:]
		o.next = (o.next + n) % len(o.tail)
	}
}

func (o *Output) half() int {
	if o.Keep == 0 {
		return DefaultKeep / 2
	}
	return max(o.Keep/2, 1)
}

// Cut returns how many bytes were dropped.
func (o *Output) Cut() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.cut
}

// Bytes returns what was kept, with a line in the middle that says how many
// bytes were cut there, if any were.
func (o *Output) Bytes() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	var b bytes.Buffer
	b.Write(o.head)
	if o.cut > 0 {
		fmt.Fprintf(&b, "\n[farmrun: %d bytes cut here]\n", o.cut)
	}
	b.Write(o.tail[o.next:])
	b.Write(o.tail[:o.next])
	return b.Bytes()
}

// LastLines returns at most n of the last lines of text, without the line end
// of the last.
func LastLines(text []byte, n int) string {
	if n <= 0 {
		return ""
	}
	text = bytes.TrimRight(text, "\r\n")
	at := len(text)
	for ; n > 0 && at >= 0; n-- {
		at = bytes.LastIndexByte(text[:at], '\n')
	}
	return string(text[at+1:])
}
