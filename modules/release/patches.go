package release

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"farmrun/luahost/remote"
)

// Patch is a local patch that a release carries.
type Patch struct {
	ID   string
	Text string // as it was applied
	Hash string // of Text, as Hash has it
}

// Hash returns the hash by which texts of a patch are told apart: the first 12
// digits of its SHA-256.
func Hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:6])
}

// checkID refuses what cannot be a file's name.
func checkID(id string) error {
	if id == "" || strings.HasPrefix(id, ".") || strings.ContainsAny(id, "/\n\r\x00") {
		return fmt.Errorf("%q cannot be the name of a patch", id)
	}
	return nil
}

// Carried returns the patches that the release in dir carries, by ID.
func Carried(ctx context.Context, r Runner, dir string) ([]Patch, error) {
	out, err := look(ctx, r, "look for patches in "+dir, dir, `cd "$1" || exit 102
		for patch in "$(admin .)"/farmrun-patches/*; do
			[ ! -f "$patch" ] || printf '%s %s\n' "$(wc -c <"$patch")" "${patch##*/}" && cat "$patch" 2>/dev/null
		done; :`)
	var all []Patch
	for err == nil && out != "" {
		var size int
		head, rest, _ := strings.Cut(out, "\n")
		count, id, _ := strings.Cut(strings.TrimSpace(head), " ")
		if _, scan := fmt.Sscan(count, &size); scan != nil || size > len(rest) {
			break
		}
		all = append(all, Patch{ID: id, Text: rest[:size], Hash: Hash(rest[:size])})
		out = rest[size:]
	}
	return all, err
}

// Carry notes that the release in dir carries a patch, in place of one of the
// same ID.
func Carry(ctx context.Context, r Runner, dir, id, text string) error {
	if err := checkID(id); err != nil {
		return err
	}
	cmd := remote.Cmd{Title: "note that " + dir + " carries the patch " + id, Stdin: strings.NewReader(text)}
	_, err := run(ctx, r, cmd, `cd "$1" || exit 102
		patches=$(admin .)/farmrun-patches
		mkdir -p "$patches" && cat >"$patches/.new" && mv -f "$patches/.new" "$patches/$2"`, dir, id)
	return err
}

// Drop notes that the release in dir no longer carries a patch. It fails with
// ErrNoPatch if that is not known to be there.
func Drop(ctx context.Context, r Runner, dir, id string) error {
	if err := checkID(id); err != nil {
		return err
	}
	cmd := remote.Cmd{Title: "note that " + dir + " carries the patch " + id + " no longer"}
	_, err := run(ctx, r, cmd, `cd "$1" || exit 102
		rm "$(admin .)/farmrun-patches/$2" 2>/dev/null || exit 105`, dir, id)
	return err
}

// Note writes a note down in the record of the release in dir, in place of one of
// that name. It fails with ErrIncomplete if there is no record.
func Note(ctx context.Context, r Runner, dir, name, value string) error {
	if line := name + value; name == "" || strings.Contains(name, ": ") || strings.ContainsAny(line, "\n\r\x00") {
		return fmt.Errorf("%q: %q is no note of a line", name, value)
	}
	cmd := remote.Cmd{Title: "note that " + dir + " " + name}
	_, err := run(ctx, r, cmd, `cd "$1" || exit 102
		record=$(admin .)/farmrun-release
		[ -f "$record" ] || exit 103
		name=$2 awk 'index($0, ENVIRON["name"] ": ") != 1' "$record" >"$record.new" && printf '%s: %s\n' "$2" "$3" >>"$record.new" &&
			mv -f "$record.new" "$record"`, dir, name, value)
	return err
}
