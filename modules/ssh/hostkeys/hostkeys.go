// Package hostkeys looks host keys up in known_hosts files, as sshd(8)
// describes them under SSH_KNOWN_HOSTS FILE FORMAT: names that are hashed or
// have wildcards, [host]:port, @cert-authority and @revoked.
//
// A [DB] reads each file once and indexes it, for a farm of ten thousand
// hosts would otherwise walk ten thousand times through ten thousand lines.
// A hashed name can only be tried, so of the hashed lines those are tried
// first that have the very key that a host has shown: for a host that is
// known that is almost always one.
package hostkeys

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"

	"farmrun/modules/ssh/sshconfig"
)

// Status is what the files say of a key.
type Status int

// The statuses. Unknown means that no key of the host is known, Changed that
// others are but not this one.
const (
	Unknown Status = iota
	Known
	Changed
	Revoked
)

// Place is a line of a known_hosts file.
type Place struct {
	File string
	Line int
}

func (p Place) String() string { return fmt.Sprintf("%s:%d", p.File, p.Line) }

// DB has the known_hosts files that were asked for so far. The zero value is
// ready. It may be used by many goroutines.
type DB struct {
	mu    sync.Mutex
	files map[string]*file
}

// file is one known_hosts file. What is added to the file goes into its index
// as well, under the plain name even where the line is hashed.
type file struct {
	load sync.Once
	err  error

	mu       sync.RWMutex
	exact    map[string][]*entry
	patterns []*entry
	hashed   []*entry
	byKey    map[string][]*entry // the hashed ones
	lines    int
}

// entry is one line.
type entry struct {
	place    Place
	marker   marker
	patterns string // the names, where one has a wildcard or is negated
	salt     []byte // of a hashed name
	hash     []byte
	blob     string // the key in its wire format
}

type marker byte

const (
	plain marker = iota
	authority
	revoked
)

// Check says what files make of key for name, which is a host name in lower
// case, "[host]:port" where the port is not 22. A certificate is Known if it is
// signed by an authority for name; whether it is good for name and today is
// the caller's to check. places are the lines that decided.
func (db *DB) Check(files []string, name string, key ssh.PublicKey) (Status, []Place, error) {
	blobs := []string{string(key.Marshal())}
	cert, isCert := key.(*ssh.Certificate)
	want, wanted := plain, blobs[0]
	if isCert {
		want, wanted = authority, string(cert.SignatureKey.Marshal())
		blobs = []string{wanted, string(cert.Key.Marshal())}
	}
	found, err := db.find(files, name, blobs)
	if err != nil {
		return Unknown, nil, err
	}
	for _, e := range found {
		if e.marker == revoked && slices.Contains(blobs, e.blob) {
			return Revoked, []Place{e.place}, nil
		}
	}
	for _, e := range found {
		if e.marker == want && e.blob == wanted {
			return Known, []Place{e.place}, nil
		}
	}
	if isCert {
		return Unknown, nil, nil
	}
	return db.others(files, name, found)
}

// find returns the lines for name, of the hashed ones only those with one of
// the keys.
func (db *DB) find(files []string, name string, blobs []string) ([]*entry, error) {
	var found []*entry
	for _, path := range files {
		f, err := db.file(path)
		if err != nil {
			return nil, err
		}
		f.mu.RLock()
		found = append(found, f.named(name)...)
		for _, blob := range blobs {
			for _, e := range f.byKey[blob] {
				if e.hashes(name) {
					found = append(found, e)
				}
			}
		}
		f.mu.RUnlock()
	}
	return found, nil
}

// others tells a changed key from that of an unknown host: are there other
// keys for name?
func (db *DB) others(files []string, name string, found []*entry) (Status, []Place, error) {
	for _, path := range files {
		f, err := db.file(path)
		if err != nil {
			return Unknown, nil, err
		}
		f.mu.RLock()
		for _, e := range f.hashed {
			if e.marker == plain && e.hashes(name) {
				found = append(found, e)
			}
		}
		f.mu.RUnlock()
	}
	var places []Place
	for _, e := range found {
		if e.marker == plain {
			places = append(places, e.place)
		}
	}
	if places == nil {
		return Unknown, nil, nil
	}
	return Changed, places, nil
}

// Types returns the types of the keys that are known for name, "ssh-ed25519"
// for example, and whether an authority is. If hashed names would have to be
// tried for that, it returns the types of all hashed lines instead, the most
// frequent first: those that the host may have.
func (db *DB) Types(files []string, name string) (types []string, cert bool, err error) {
	hashed := map[string]int{}
	for _, path := range files {
		f, err := db.file(path)
		if err != nil {
			return nil, false, err
		}
		f.mu.RLock()
		for _, e := range f.named(name) {
			switch e.marker {
			case plain:
				types = append(types, e.keyType())
			case authority:
				cert = true
			}
		}
		for blob, entries := range f.byKey {
			hashed[typeOf(blob)] += len(entries)
		}
		f.mu.RUnlock()
	}
	if types != nil || cert || len(hashed) == 0 {
		return types, cert, nil
	}
	for t := range hashed {
		types = append(types, t)
	}
	slices.SortFunc(types, func(a, b string) int { return hashed[b] - hashed[a] })
	return types, false, nil
}

// TypesOf returns the types of the keys at name with every hashed line tried.
func (db *DB) TypesOf(files []string, name string) (types []string, err error) {
	for _, path := range files {
		f, err := db.file(path)
		if err != nil {
			return nil, err
		}
		f.mu.RLock()
		for _, e := range slices.Concat(f.named(name), f.hashed) {
			if e.marker == plain && (e.hash == nil || e.hashes(name)) {
				types = append(types, e.keyType())
			}
		}
		f.mu.RUnlock()
	}
	return types, nil
}

// Add appends name and key to the file, hashed if wanted; several may do that
// at once, ssh among them, for a line is one write. The file and its directory
// are made if need be.
func (db *DB) Add(path, name string, key ssh.PublicKey, hash bool) error {
	f, err := db.file(path)
	if err != nil {
		return err
	}
	names := name
	if hash {
		if names, err = hashName(name); err != nil {
			return err
		}
	}
	text := names + " " + key.Type() + " " + base64.StdEncoding.EncodeToString(key.Marshal()) + "\n"
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := appendLine(path, text); err != nil {
		return err
	}
	f.lines++
	f.exact[name] = append(f.exact[name], &entry{place: Place{path, f.lines}, blob: string(key.Marshal())})
	return nil
}

func appendLine(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && info.Size() > 0 {
		last := make([]byte, 1)
		if _, err := f.ReadAt(last, info.Size()-1); err == nil && last[0] != '\n' {
			text = "\n" + text // the editor left the last line without an end
		}
	}
	if _, err := f.WriteString(text); err != nil {
		return err
	}
	return f.Close()
}

// file returns the index of the file at path, which it reads the first time. A
// file that is not there is empty.
func (db *DB) file(path string) (*file, error) {
	db.mu.Lock()
	f := db.files[path]
	if f == nil {
		f = &file{exact: map[string][]*entry{}, byKey: map[string][]*entry{}}
		if db.files == nil {
			db.files = map[string]*file{}
		}
		db.files[path] = f
	}
	db.mu.Unlock()
	f.load.Do(func() {
		text, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			f.err = err
		}
		f.parse(path, text)
	})
	return f, f.err
}

// parse indexes the lines. One that cannot be read is passed over, as ssh does.
func (f *file) parse(path string, text []byte) {
	for len(text) > 0 {
		var raw []byte
		raw, text, _ = bytes.Cut(text, []byte("\n"))
		f.lines++
		fields := strings.Fields(string(raw))
		if len(fields) == 0 || fields[0][0] == '#' {
			continue
		}
		e := &entry{place: Place{path, f.lines}}
		switch fields[0] {
		case "@cert-authority":
			e.marker, fields = authority, fields[1:]
		case "@revoked":
			e.marker, fields = revoked, fields[1:]
		}
		if len(fields) < 3 || fields[0][0] == '@' {
			continue
		}
		blob, err := base64.StdEncoding.DecodeString(fields[2])
		if err != nil || typeOf(string(blob)) != fields[1] {
			continue
		}
		e.blob = string(blob)
		f.index(e, strings.ToLower(fields[0]), fields[0])
	}
}

func (f *file) index(e *entry, names, asWritten string) {
	if strings.HasPrefix(names, "|") {
		if e.unhash(asWritten) {
			f.hashed = append(f.hashed, e)
			f.byKey[e.blob] = append(f.byKey[e.blob], e)
		}
		return
	}
	if strings.ContainsAny(names, "*?!") {
		e.patterns = names
		f.patterns = append(f.patterns, e)
		return
	}
	for name := range strings.SplitSeq(names, ",") {
		f.exact[name] = append(f.exact[name], e)
	}
}

// named returns the lines that name the host other than by a hash.
func (f *file) named(name string) []*entry {
	found := slices.Clone(f.exact[name])
	for _, e := range f.patterns {
		if sshconfig.MatchList(name, e.patterns) {
			found = append(found, e)
		}
	}
	return found
}

// unhash takes salt and hash from "|1|salt|hash".
func (e *entry) unhash(text string) bool {
	parts := strings.Split(text, "|")
	if len(parts) != 4 || parts[1] != "1" {
		return false
	}
	var err1, err2 error
	e.salt, err1 = base64.StdEncoding.DecodeString(parts[2])
	e.hash, err2 = base64.StdEncoding.DecodeString(parts[3])
	return err1 == nil && err2 == nil && len(e.hash) == sha1.Size
}

func (e *entry) hashes(name string) bool { return hmac.Equal(mac(e.salt, name), e.hash) }

func mac(salt []byte, name string) []byte {
	h := hmac.New(sha1.New, salt)
	h.Write([]byte(name))
	return h.Sum(nil)
}

func hashName(name string) (string, error) {
	salt := make([]byte, sha1.Size)
	if _, err := rand.Read(salt); err != nil {
		return "", err
	}
	code := base64.StdEncoding.EncodeToString
	return "|1|" + code(salt) + "|" + code(mac(salt, name)), nil
}

func (e *entry) keyType() string { return typeOf(e.blob) }

// typeOf returns the type of a key, with which its wire format begins.
func typeOf(blob string) string {
	if len(blob) < 4 {
		return ""
	}
	n := int(blob[0])<<24 | int(blob[1])<<16 | int(blob[2])<<8 | int(blob[3])
	if n < 0 || n > len(blob)-4 {
		return ""
	}
	return blob[4 : 4+n]
}
