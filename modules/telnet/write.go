package telnet

import (
	"fmt"
	"time"
)

const (
	// mostReplies is how many bytes of replies may wait for a host that does
	// not take them.
	mostReplies = 8 << 10
	// replyWithin is how long Read may be kept from reading by such a host.
	replyWithin = 100 * time.Millisecond
	// writeSize is how much of what is written is encoded at a time.
	writeSize = 16 << 10
)

// Write types p. In what is not binary, CR LF is telnet's end of a line and a
// CR alone is sent as CR NUL, which is the Enter key. LF is sent as it is, which is ^J as
// on other terminals: most hosts make CR of CR LF, so that nothing else gets one through.
func (c *Conn) Write(p []byte) (int, error) {
	for done := 0; ; {
		n, err := c.send(nil, p[done:done+pieceOf(p[done:])])
		done += n
		if err != nil || done == len(p) {
			return done, err
		}
	}
}

// pieceOf returns how much of p to encode at once, such that no CR is parted
// from its LF.
func pieceOf(p []byte) int {
	n := min(len(p), writeSize)
	if n < len(p) && p[n-1] == '\r' {
		return n + 1
	}
	return n
}

// Interrupt sends IP, on which the host does to what runs in the terminal what
// its interrupt key does.
func (c *Conn) Interrupt() error { return c.command(cmdInterrupt) }

// Break sends BRK, the terminal's break key.
func (c *Conn) Break() error { return c.command(cmdBreak) }

func (c *Conn) command(cmd byte) error {
	_, err := c.send([]byte{cmdIAC, cmd}, nil)
	return err
}

// send sends the replies that wait, then raw, then p encoded, and returns how
// much of p was sent. What is left of all else, be it half of a byte of p, waits
// with the replies.
func (c *Conn) send(raw, p []byte) (int, error) {
	c.writing.Lock()
	head, binary := c.takeReplies(raw)
	n, err := c.conn.Write(encode(head[:len(head):len(head)], p, binary))
	done, half := 0, head[min(n, len(head)):]
	if n > len(head) || err == nil {
		done, half = sent(p, binary, n-len(head))
	}
	c.putBack(half)
	c.writing.Unlock()
	if err == nil {
		err = c.reply() // with what Read has left to this goroutine
	}
	return done, err
}

// takeReplies returns what is to be sent first, and raw, and whether what
// follows that is binary.
func (c *Conn) takeReplies(raw []byte) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	head := append(c.replies, raw...)
	c.replies = nil
	return head, c.options.us[optBinary] == yes
}

func (c *Conn) putBack(rest []byte) {
	if len(rest) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.replies = append(rest[:len(rest):len(rest)], c.replies...)
}

// reply sends the replies that wait, unless another goroutine is sending: that
// one does it after. It does not wait long, for it is called by Read, whose
// deadline has to hold.
func (c *Conn) reply() error {
	for c.waiting() > 0 && c.writing.TryLock() {
		head, _ := c.takeReplies(nil)
		c.setReplying(true)
		n, err := c.conn.Write(head)
		c.setReplying(false)
		c.putBack(head[n:])
		c.writing.Unlock()
		if err != nil { // of a broken connection Read tells by itself
			break
		}
	}
	if c.waiting() > mostReplies {
		return fmt.Errorf("%w: it asks and does not take the answers", ErrProtocol)
	}
	return nil
}

func (c *Conn) waiting() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.replies)
}

// setReplying puts the deadline of replies in place of that of the caller, or
// back.
func (c *Conn) setReplying(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.replying = on
	if on {
		c.conn.SetWriteDeadline(time.Now().Add(replyWithin))
	} else {
		c.conn.SetWriteDeadline(c.writeEnd)
	}
}

// encode appends p as it is sent.
func encode(to, p []byte, binary bool) []byte {
	for i := range p {
		to = appendByte(to, p, i, binary)
	}
	return to
}

// appendByte appends p[i] as it is sent.
func appendByte(to, p []byte, i int, binary bool) []byte {
	to = append(to, p[i])
	switch {
	case p[i] == cmdIAC:
		to = append(to, cmdIAC)
	case p[i] == '\r' && !binary && (i+1 == len(p) || p[i+1] != '\n'):
		to = append(to, 0)
	}
	return to
}

// sent returns how much of p the first n encoded bytes are, and the rest of a
// byte of which they are half.
func sent(p []byte, binary bool, n int) (done int, half []byte) {
	var one [2]byte
	for i := range p {
		if n <= 0 {
			return i, nil
		}
		coded := appendByte(one[:0], p, i, binary)
		if n < len(coded) {
			return i + 1, append([]byte(nil), coded[n:]...)
		}
		n -= len(coded)
	}
	return len(p), nil
}
