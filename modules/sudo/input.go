package sudo

import (
	"io"
	"strings"
	"sync"
)

// input is a standard input that is given out piece by piece, when it is time.
// Its Read waits for the next piece.
type input struct {
	pieces  chan io.Reader
	over    chan struct{} // closed by end
	end     func()        // makes Read return io.EOF; it may be called often
	current io.Reader
}

func newInput() *input {
	in := &input{pieces: make(chan io.Reader, 2), over: make(chan struct{})}
	in.end = sync.OnceFunc(func() { close(in.over) })
	return in
}

// line gives out a line.
func (in *input) line(text string) { in.pieces <- strings.NewReader(text + "\n") }

// last gives out r, which may be nil, and after it the end.
func (in *input) last(r io.Reader) {
	if r == nil {
		in.end()
		return
	}
	in.pieces <- r
	close(in.pieces)
}

func (in *input) Read(p []byte) (int, error) {
	for {
		if in.current != nil {
			n, err := in.current.Read(p)
			if err == nil || n > 0 {
				return n, nil
			}
			in.current = nil
		}
		select {
		case piece, more := <-in.pieces:
			if !more {
				return 0, io.EOF
			}
			in.current = piece
		case <-in.over:
			return 0, io.EOF
		}
	}
}
