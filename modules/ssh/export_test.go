package ssh

import (
	"context"
	"net"
	"time"
)

// Connect has d connect by dial.
func (d *Dialer) Connect(dial func(ctx context.Context, network, addr string) (net.Conn, error)) {
	d.connect = dial
}

// Patient has the logins of d wait until a command has ended, however slow its
// host is.
func (d *Dialer) Patient() {
	d.waits = waits{grace: time.Hour, end: time.Hour, sweep: time.Hour, lost: time.Hour, moment: time.Hour, close: time.Hour}
}

// LoginWithin has the logins of d take no longer, once the keys are agreed on.
func (d *Dialer) LoginWithin(most time.Duration) { d.waits.login = most }
