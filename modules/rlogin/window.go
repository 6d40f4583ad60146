package rlogin

import (
	"cmp"
	"encoding/binary"
	"errors"
)

// askSize is by what a host asks, out of band, for the size of the window and
// its changes (RFC 1282). It also may ask to have output thrown away, or ^S and
// ^Q passed on, which is what happens here anyway: all that it says is kept,
// and all that is typed is sent.
const askSize = 0x80

// sizeMark begins the message that tells it.
const sizeMark = "\xff\xffss"

// Break fails: the protocol has no break key.
func (c *Conn) Break() error { return errors.ErrUnsupported }

// Resize tells the host how large the terminal is now, as soon as it has asked
// for that. 0 stays as it is.
func (c *Conn) Resize(rows, columns int) error {
	c.mu.Lock()
	c.size.Rows, c.size.Columns = cmp.Or(rows, c.size.Rows), cmp.Or(columns, c.size.Columns)
	c.owed = c.asked
	c.mu.Unlock()
	_, err := c.write(nil)
	return err
}

func (c *Conn) sizeAsked() {
	c.mu.Lock()
	c.asked, c.owed = true, true
	c.mu.Unlock()
	c.answer()
}

// answer tells the size if it is owed, and does not wait for a host that takes
// nothing: it is called by Read, whose deadline has to hold. What is left, and
// what another goroutine keeps it from, goes with the next Write.
func (c *Conn) answer() {
	for c.owes() && c.writing.TryLock() {
		c.settle(c.urgent.tryWrite)
		c.writing.Unlock()
	}
}

func (c *Conn) owes() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.owed
}

// settle sends what is left of a message, and the size if it is owed. Its
// caller holds c.writing.
func (c *Conn) settle(write func([]byte) (int, error)) error {
	c.mu.Lock()
	if c.owed {
		c.owed = false
		c.half = append(c.half, c.sizeMessage()...)
	}
	c.mu.Unlock()
	if len(c.half) == 0 {
		return nil
	}
	n, err := write(c.half)
	c.half = c.half[n:]
	return err
}

// sizeMessage has rows, columns, and pixels, which nobody knows.
func (c *Conn) sizeMessage() []byte {
	m := []byte(sizeMark)
	for _, n := range []int{c.size.Rows, c.size.Columns, 0, 0} {
		m = binary.BigEndian.AppendUint16(m, uint16(max(0, min(n, 1<<16-1))))
	}
	return m
}
