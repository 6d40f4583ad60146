package farm

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// mostAnswer bounds what exchange reads: 4 MiB.
const mostAnswer = 4 << 20

// exchange sends text to a socket seen from the host and returns what comes
// back until the far end closes.
func exchange(ctx context.Context, d Dialer, address, text string) (string, error) {
	network, addr := "tcp", address
	if path, isUnix := strings.CutPrefix(address, "unix:"); isUnix {
		network, addr = "unix", path
	}
	conn, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { end(conn) })()
	if _, err := io.WriteString(conn, text); err != nil {
		return "", because(ctx, address, err)
	}
	answer, err := io.ReadAll(io.LimitReader(conn, mostAnswer))
	if err != nil {
		return "", because(ctx, address, err)
	}
	return string(answer), nil
}

// end makes reads and writes return now; not all connections have deadlines.
func end(conn net.Conn) {
	if conn.SetDeadline(time.Now()) != nil {
		conn.Close()
	}
}

func because(ctx context.Context, address string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return fmt.Errorf("%s: %w", address, err)
}
