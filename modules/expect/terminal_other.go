//go:build !linux

package expect

// Read reads what the program says. When no program has the terminal open any
// more, it fails with EIO.
func (t *Terminal) Read(p []byte) (int, error) { return t.file.Read(p) }

// Write types.
func (t *Terminal) Write(p []byte) (int, error) { return t.file.Write(p) }
