package login

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"

	"farmrun/luahost/remote"
)

// frame is something that the driver says; see driver.sh.
type frame struct {
	kind byte // R, P, O, E, X, k or K; A is that of the bootstrap
	body []byte
}

// frames finds the frames in what a terminal says. What is between them, the
// notes of a syslogd or the farewell of a login, is dropped, but for its end.
type frames struct {
	mark  []byte // how each begins
	part  []byte // what may be the beginning of one
	noise []byte // the last of what was between them
}

const (
	longestFrame = 256 << 10 // more than encode makes
	mostNoise    = 2 << 10
)

// add takes what the terminal says and calls took with each frame, whose body
// is good until the next call. It fails for a frame that does not end.
func (f *frames) add(text []byte, took func(frame)) error {
	f.part = append(f.part, text...)
	rest := f.part
	for {
		at := bytes.Index(rest, f.mark)
		if at < 0 {
			break
		}
		f.drop(rest[:at])
		rest = rest[at:]
		end := bytes.IndexByte(rest, ';')
		if end < 0 {
			break
		}
		if body := rest[len(f.mark):end]; len(body) > 0 {
			took(frame{body[0], body[1:]})
		}
		rest = rest[end+1:]
	}
	if !bytes.HasPrefix(rest, f.mark) {
		keep := remote.Overlap(rest, f.mark)
		f.drop(rest[:len(rest)-keep])
		rest = rest[len(rest)-keep:]
	}
	f.part = append(f.part[:0], rest...)
	if len(f.part) > longestFrame {
		return fmt.Errorf("%w: a frame does not end", errGarbled)
	}
	return nil
}

// drop notes what is no frame.
func (f *frames) drop(text []byte) {
	if len(text) > mostNoise {
		text = text[len(text)-mostNoise:]
	}
	f.noise = append(f.noise, text...)
	if over := len(f.noise) - mostNoise; over > 0 {
		f.noise = append(f.noise[:0], f.noise[over:]...)
	}
}

// encoding is how a driver writes bytes.
type encoding string

// Those that there are: of base64(1), and of od(1).
const (
	inBase64 encoding = "base64"
	inHex    encoding = "hex"
)

// decode returns the bytes that body stands for, in the place of body.
func (e encoding) decode(body []byte) ([]byte, error) {
	text := bytes.Join(bytes.Fields(body), nil)
	var n int
	var err error
	switch e {
	case inBase64:
		n, err = base64.StdEncoding.Decode(text, text)
	case inHex:
		n, err = hex.Decode(text, text)
	default:
		err = fmt.Errorf("the encoding is called %q", string(e))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errGarbled, err)
	}
	return text[:n], nil
}
