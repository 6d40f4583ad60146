package files

import (
	"cmp"
	"context"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"farmrun/luahost"
)

// Methods are the methods of hosts that copy files. A copy is complete or not
// there at all: it gets its name in one rename, when its size is right.
func Methods() map[string]luahost.Func {
	return map[string]luahost.Func{"put": put, "get": get, "write": write, "read": read}
}

const timeout = 30 * time.Minute

// putOptions are the options of host:put and host:write.
type putOptions struct {
	Mode    string
	Timeout time.Duration
}

// mode reads permissions as chmod has them, "0644".
func (o putOptions) mode(c *luahost.Call) fs.FileMode {
	if o.Mode == "" {
		return 0
	}
	bits, err := strconv.ParseUint(o.Mode, 8, 12)
	if err != nil {
		c.Fail(`option "mode": permissions such as "0644" expected, got %q`, o.Mode)
	}
	return fs.FileMode(bits)
}

// host:put(local, path [, options])
//
// Copies a file of this machine to the host. A dry run says what it would do.
// Options: mode, permissions such as "0644" (by default the file's own);
// timeout ("30m").
func put(c *luahost.Call) {
	host, local, path := luahost.Arg[Runner](c, 1, "a host"), c.String(2), c.String(3)
	opts := luahost.Options[putOptions](c, 4)
	mode := opts.mode(c)
	c.Wait("host:put "+path, cmp.Or(opts.Timeout, timeout), func(ctx context.Context) error {
		return PutFile(ctx, host, local, path, Options{Mode: mode})
	})
}

// host:get(path, local [, options])
//
// Copies a file of the host to this machine. Options: timeout ("30m").
func get(c *luahost.Call) {
	host, path, local := luahost.Arg[Runner](c, 1, "a host"), c.String(2), c.String(3)
	opts := luahost.Options[struct{ Timeout time.Duration }](c, 4)
	c.Wait("host:get "+path, cmp.Or(opts.Timeout, timeout), func(ctx context.Context) error {
		return GetFile(ctx, host, path, local)
	})
}

// host:write(path, text [, options])
//
// Makes text the contents of a file on the host. A dry run says what it would
// do. Options: mode, permissions such as "0644" (by default those of the file
// that is replaced, or what the umask says); timeout ("30m").
func write(c *luahost.Call) {
	host, path, text := luahost.Arg[Runner](c, 1, "a host"), c.String(2), c.String(3)
	opts := luahost.Options[putOptions](c, 4)
	mode := opts.mode(c)
	c.Wait("host:write "+path, cmp.Or(opts.Timeout, timeout), func(ctx context.Context) error {
		return Put(ctx, host, strings.NewReader(text), path, Options{Mode: mode})
	})
}

// host:read(path [, options]) -> text
//
// Returns what is in a file on the host, which may have at most 16 MiB.
// Options: timeout ("30m").
func read(c *luahost.Call) {
	host, path := luahost.Arg[Runner](c, 1, "a host"), c.String(2)
	opts := luahost.Options[struct{ Timeout time.Duration }](c, 3)
	var text bounded
	c.Wait("host:read "+path, cmp.Or(opts.Timeout, timeout), func(ctx context.Context) error {
		return Get(ctx, host, path, &text)
	})
	c.Push(text.String())
}

// mostText is how much host:read returns.
const mostText = 16 << 20

// bounded is a text that refuses to grow beyond mostText.
type bounded struct{ strings.Builder }

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > mostText {
		return 0, ErrTooLarge
	}
	return b.Builder.Write(p)
}
