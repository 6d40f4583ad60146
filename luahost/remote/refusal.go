package remote

// Refusal is why nothing was done on a host, and so nothing has changed there.
// A package has sentinels of this type, which the errors of what it refuses
// wrap; two of the same text are equal:
//
//	const ErrNotLink = remote.Refusal("is not a symbolic link")
type Refusal string

func (r Refusal) Error() string { return string(r) }

// Kind is "refused", luahost's word for it.
func (Refusal) Kind() string { return "refused" }
