package login

import "context"

// NewClient is a login by terminals that need no dialogue.
func NewClient(ctx context.Context, host string, open func() (Stream, error)) (*Client, error) {
	dial := func(ctx context.Context) (*shell, error) {
		s, err := open()
		if err != nil {
			return nil, err
		}
		return newShell(ctx, s)
	}
	first, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	return newClient(host, "", first, dial), nil
}
