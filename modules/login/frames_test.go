package login

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// framesIn returns the frames in text, which comes in pieces.
func framesIn(pieces ...string) (list []string, noise string, err error) {
	f := frames{mark: []byte("@M")}
	for _, p := range pieces {
		if e := f.add([]byte(p), func(f frame) { list = append(list, string(f.kind)+" "+string(f.body)) }); e != nil {
			err = e
		}
	}
	return list, string(f.noise), err
}

func TestFrames(t *testing.T) {
	for _, test := range []struct {
		pieces []string
		want   []string
		noise  string
	}{
		{[]string{"@MX0;"}, []string{"X 0"}, ""},
		{[]string{"@", "M", "X", "12", ";@MO;"}, []string{"X 12", "O "}, ""},
		{[]string{"motd\r\n@MO", "YQ==\r\n;x"}, []string{"O YQ==\r\n"}, "motd\r\nx"},
		{[]string{"@@M", "R;"}, []string{"R "}, "@"},
		{[]string{"@M;@MR;"}, []string{"R "}, ""},
		{[]string{"echo @'M'R;@", "x"}, nil, "echo @'M'R;@x"},
	} {
		got, noise, err := framesIn(test.pieces...)
		if diff := cmp.Diff(test.want, got); diff != "" || err != nil || noise != test.noise {
			t.Errorf("%q: noise %q, %v, %s", test.pieces, noise, err, diff)
		}
	}
	if _, _, err := framesIn("@MO" + strings.Repeat("x", longestFrame)); err == nil {
		t.Error("a frame without end is waited for")
	}
}

// FuzzFrames has the same frames found however the text is cut into pieces.
func FuzzFrames(f *testing.F) {
	f.Add("login: @MOYQ==;@MX0;bye", 3)
	f.Add("@M@M;@M;;@MX", 1)
	f.Fuzz(func(t *testing.T, text string, size int) {
		if size < 1 || len(text) > longestFrame {
			return
		}
		var pieces []string
		for rest := text; len(rest) > 0; {
			n := min(size, len(rest))
			pieces = append(pieces, rest[:n])
			rest = rest[n:]
		}
		whole, noise, _ := framesIn(text)
		got, noiseGot, _ := framesIn(pieces...)
		if diff := cmp.Diff(whole, got); diff != "" || noise != noiseGot {
			t.Errorf("pieces of %d: noise %q and %q, %s", size, noise, noiseGot, diff)
		}
		for _, e := range []encoding{inBase64, inHex} {
			e.decode([]byte(text)) // may fail, and not panic
		}
	})
}

// obey does in Go what the driver does with orders.
func obey(orders []byte) (script, input string, err error) {
	for line := range strings.Lines(string(orders)) {
		order, text := line[0], strings.TrimSuffix(line[1:], "\n")
		if len(text) > 4*mostText && order != 'b' {
			return "", "", fmt.Errorf("a line of %d bytes", len(text))
		}
		switch order {
		case 's':
			script += text + "\n"
		case 't':
			script += text
		case 'e':
			script += format(text)
		case 'p':
			input += format(text)
		case 'b':
			plain, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				return "", "", err
			}
			input += string(plain)
		default:
			return "", "", fmt.Errorf("%q is no order", line)
		}
	}
	return script, input, nil
}

// format is printf(1) for what writeFormat writes.
func format(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '%':
			i++
			b.WriteByte('%')
		case text[i] == '\\':
			b.WriteByte((text[i+1]-'0')<<6 | (text[i+2]-'0')<<3 | (text[i+3] - '0'))
			i += 3
		default:
			b.WriteByte(text[i])
		}
	}
	return b.String()
}

// FuzzOrders has any script and any input arrive as it was, and nothing but
// plain text be typed.
func FuzzOrders(f *testing.F) {
	f.Add("echo\n\x03-n %s \\ é")
	f.Add(strings.Repeat("x", 5000))
	f.Fuzz(func(t *testing.T, text string) {
		script, _, err := obey(scriptOrders(text))
		if err != nil || strings.TrimSuffix(script, "\n") != strings.TrimSuffix(text, "\n") {
			t.Errorf("the script %q became %q, %v", text, script, err)
		}
		for _, base64s := range []bool{true, false} {
			orders := inputOrders([]byte(text), base64s)
			_, input, err := obey(orders)
			if err != nil || input != text {
				t.Errorf("the input %q became %q, %v", text, input, err)
			}
			if i := bytes.IndexFunc(orders, func(r rune) bool { return (r < ' ' || r > '~') && r != '\n' }); i >= 0 {
				t.Errorf("%q is typed", orders[i])
			}
		}
	})
}

// TestFormat compares with printf, which may read its format as an option.
func TestFormat(t *testing.T) {
	for _, text := range []string{"-n", "--", "%s%%", `\n\\c`, "\x00\x01\xff", "7\x018", "é", "-"} {
		var b bytes.Buffer
		writeFormat(&b, []byte(text))
		for _, shell := range []string{"dash", "bash", "busybox"} {
			args := []string{"-c", `printf "$1"`, "sh", b.String()}
			if shell == "busybox" {
				args = append([]string{"sh"}, args...)
			}
			if path, err := exec.LookPath(shell); err == nil {
				if got, err := exec.Command(path, args...).Output(); err != nil || string(got) != text {
					t.Errorf("%s: %q became %q, %v", shell, text, got, err)
				}
			}
		}
	}
}
