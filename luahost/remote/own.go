package remote

import "context"

type ownKey struct{}

// Owned returns a context for work that may change things as long as check, called with it
// or one made of it, returns nil.
func Owned(ctx context.Context, check func(context.Context) error) context.Context {
	return context.WithValue(ctx, ownKey{}, check)
}

// MustOwn fails if the work of ctx must change nothing any more: somebody else has taken it
// over. It is for changes that no command on a host makes, which would refuse by itself. It
// is nil outside of such work.
func MustOwn(ctx context.Context) error {
	if check, ok := ctx.Value(ownKey{}).(func(context.Context) error); ok {
		return check(ctx)
	}
	return nil
}
