package runs

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"farmrun/luahost/journal"
)

// Log keeps what is said of each host in a file of its own in a run's directory,
// webserv1.log, a line each:
//
//	2000-09-19T21:04:05.123+02:00 stdout httpd restarted
//
// with the time, who said it in a word, and the text. Of a host that says more
// than MostLogged bytes the last are kept, of which the older are in
// webserv1.log.1. Up to 32 files stay open until it is garbage. Its methods may be called
// from many goroutines.
type Log struct {
	Dir string
	// Clock makes the times that are written; the zero Clock writes what it is given.
	Clock journal.Clock
	// Warn is told, once, that something could not be written; nil tells nobody.
	Warn func(error)

	mu     sync.Mutex
	open   map[string]*openLog // by host, mostOpen at most
	warned sync.Once
}

// openLog is a file that is written to.
type openLog struct {
	*os.File
	size int64
}

// mostOpen is how many files stay open, for hosts that say much: to open and close one
// takes longer than to write a line.
const mostOpen = 32

// MostLogged is how many bytes a host's file has before another is begun; the
// one before is kept.
const MostLogged = 1 << 20

// Said is something in a Log: a line, where it is read.
type Said struct {
	Time time.Time
	By   string // who said it, in a word
	Text string
}

const logLayout = "2006-01-02T15:04:05.000Z07:00"

// Add adds what was said of a host, which may be several lines. Secrets have to
// be blotted out already.
func (l *Log) Add(host string, said Said) {
	head := l.Clock.At(said.Time).Format(logLayout) + " " + said.By + " "
	var b strings.Builder
	for line := range strings.SplitSeq(said.Text, "\n") {
		b.WriteString(head + line + "\n")
	}
	err := l.write(host, b.String())
	if err != nil && l.Warn != nil {
		l.warned.Do(func() { l.Warn(fmt.Errorf("what hosts say is not kept: %w", err)) })
	}
}

func (l *Log) write(host, lines string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	file, err := l.file(host)
	if err != nil {
		return err
	}
	n, err := file.WriteString(lines)
	file.size += int64(n)
	if err != nil || file.size > MostLogged {
		err = errors.Join(err, l.shut(host))
	}
	if err == nil && file.size > MostLogged {
		path := logPath(l.Dir, host)
		err = os.Rename(path, path+olderLog)
	}
	return err
}

// file returns the file of a host, and shuts another's if too many are open.
func (l *Log) file(host string) (*openLog, error) {
	if file := l.open[host]; file != nil {
		return file, nil
	}
	file, err := os.OpenFile(logPath(l.Dir, host), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if l.open == nil {
		l.open = map[string]*openLog{}
	}
	for other := range l.open {
		if len(l.open) < mostOpen {
			break
		}
		l.shut(other)
	}
	l.open[host] = &openLog{file, size}
	return l.open[host], nil
}

func (l *Log) shut(host string) error {
	file := l.open[host]
	delete(l.open, host)
	return file.Close()
}

// olderLog ends the name of the file with what was said before.
const olderLog = ".1"

func logPath(dir, host string) string { return filepath.Join(dir, url.PathEscape(host)+".log") }

// ReadLog returns what a Log in dir has kept of a host, the last n lines; none if
// nothing was said. Lines that are torn are left out.
func ReadLog(dir, host string, n int) ([]Said, error) {
	var all []Said
	for _, suffix := range []string{olderLog, ""} {
		lines, err := readLog(logPath(dir, host) + suffix)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		all = append(all, lines...)
	}
	return all[max(0, len(all)-n):], nil
}

func readLog(path string) ([]Said, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var all []Said
	lines := bufio.NewReader(file)
	for {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		if said, ok := parseSaid(strings.TrimSuffix(line, "\n")); ok {
			all = append(all, said)
		}
	}
}

func parseSaid(line string) (Said, bool) {
	at, rest, _ := strings.Cut(line, " ")
	by, text, ok := strings.Cut(rest, " ")
	when, err := time.Parse(logLayout, at)
	return Said{when, by, text}, ok && err == nil
}
