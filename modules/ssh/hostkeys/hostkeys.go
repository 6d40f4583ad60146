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

// Lines are lines of the known_hosts format that are in no file of a DB.
type Lines struct{ file *file }

// Parse reads lines that source has printed. A Place calls them by that name.
func Parse(source string, text []byte) *Lines {
	f := newFile()
	f.parse(source, text)
	return &Lines{f}
}

// file is one known_hosts file. What is added to the file goes into its index
// as well, under the plain name even where the line is hashed.
type file struct {
	load sync.Once
	err  error // it is there and cannot be read, so nothing in it is known

	mu       sync.RWMutex
	exact    map[string][]*entry
	patterns []*entry
	hashed   []*entry
	byKey    map[string][]*entry // the hashed ones
	types    map[string]int      // how many of the hashed ones have a key of a type
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
// the caller's to check. places are the lines that decided. A file that cannot
// be read counts as empty, as for ssh; Unread has it.
func (db *DB) Check(files []string, name string, key ssh.PublicKey, more ...*Lines) (Status, []Place) {
	blobs := []string{string(key.Marshal())}
	cert, isCert := key.(*ssh.Certificate)
	want, wanted := plain, blobs[0]
	if isCert {
		want, wanted = authority, string(cert.SignatureKey.Marshal())
		blobs = []string{wanted, string(cert.Key.Marshal())}
	}
	all := db.all(files, more)
	found := find(all, name, blobs)
	for _, e := range found {
		if e.marker == revoked && slices.Contains(blobs, e.blob) {
			return Revoked, []Place{e.place}
		}
	}
	for _, e := range found {
		if e.marker == want && e.blob == wanted {
			return Known, []Place{e.place}
		}
	}
	if isCert {
		return Unknown, nil
	}
	return others(all, name, found)
}

// Unread returns why those of files are not read that are there.
func (db *DB) Unread(files []string) (why []error) {
	for _, path := range files {
		if err := db.file(path).err; err != nil {
			why = append(why, err)
		}
	}
	return why
}

// all returns the indexes of the files, and more.
func (db *DB) all(files []string, more []*Lines) []*file {
	list := make([]*file, 0, len(files)+len(more))
	for _, path := range files {
		list = append(list, db.file(path))
	}
	for _, m := range more {
		list = append(list, m.file)
	}
	return list
}

// find returns the lines for name, of the hashed ones only those with one of
// the keys.
func find(files []*file, name string, blobs []string) []*entry {
	var found []*entry
	for _, f := range files {
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
	return found
}

// others tells a changed key from that of an unknown host: are there other
// keys for name?
func others(files []*file, name string, found []*entry) (Status, []Place) {
	for _, f := range files {
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
		return Unknown, nil
	}
	return Changed, places
}

// Types returns the types of the keys that are known for name, "ssh-ed25519"
// for example, and whether an authority is. If hashed names would have to be
// tried for that, it returns the types of all hashed lines instead, the most
// frequent first: those that the host may have.
func (db *DB) Types(files []string, name string, more ...*Lines) (types []string, cert bool) {
	hashed := map[string]int{}
	for _, f := range db.all(files, more) {
		f.mu.RLock()
		for _, e := range f.named(name) {
			switch e.marker {
			case plain:
				types = append(types, e.keyType())
			case authority:
				cert = true
			}
		}
		for t, n := range f.types {
			hashed[t] += n
		}
		f.mu.RUnlock()
	}
	if types != nil || cert || len(hashed) == 0 {
		return types, cert
	}
	for t := range hashed {
		types = append(types, t)
	}
	slices.SortFunc(types, func(a, b string) int { return hashed[b] - hashed[a] })
	return types, false
}

// TypesOf returns the types of the keys at name with every hashed line tried.
func (db *DB) TypesOf(files []string, name string, more ...*Lines) (types []string) {
	for _, f := range db.all(files, more) {
		f.mu.RLock()
		for _, e := range slices.Concat(f.named(name), f.hashed) {
			if e.marker == plain && (e.hash == nil || e.hashes(name)) {
				types = append(types, e.keyType())
			}
		}
		f.mu.RUnlock()
	}
	return types
}

// Add appends name and key to the file, hashed if wanted; several may do that
// at once, ssh among them, for a line is one write. The file and its directory
// are made if need be.
func (db *DB) Add(path, name string, key ssh.PublicKey, hash bool) error {
	f := db.file(path)
	if f.err != nil {
		return f.err
	}
	names := name
	if hash {
		var err error
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

func newFile() *file {
	return &file{exact: map[string][]*entry{}, byKey: map[string][]*entry{}, types: map[string]int{}}
}

// file returns the index of the file at path, which it reads the first time. A
// file that is not there is empty.
func (db *DB) file(path string) *file {
	db.mu.Lock()
	f := db.files[path]
	if f == nil {
		f = newFile()
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
	return f
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
			f.types[e.keyType()]++
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
