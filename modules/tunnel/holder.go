package tunnel

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"farmrun/luahost/remote"
)

// Holder is whoever listens on a port of the host, as far as the host tells us:
// the process is known only if it belongs to the user that we are there.
type Holder struct {
	Addr    string // "127.0.0.1:2401"
	User    string
	PID     int    // 0 if it is not known
	Command string // its name, or ""
}

func (h Holder) String() string {
	text := cmp.Or(h.Command, "a process")
	if h.User != "" {
		text += " of the user " + h.User
	}
	if h.PID != 0 {
		text += fmt.Sprintf(" (process %d)", h.PID)
	}
	return text
}

// explain finds out why the host would not listen.
func explain(ctx context.Context, host Host, o Options, refused error) error {
	none := &Error{Listen: o.Listen, To: o.To, Reason: ErrForbidden, Err: refused}
	if strings.HasSuffix(o.Listen, ":0") {
		return none
	}
	s, err := look(ctx, host, o.Listen)
	switch {
	case err != nil:
		return errors.Join(refused, err)
	case len(s.holders) == 0 && s.said == "":
		return none
	}
	return &TakenError{Listen: o.Listen, Holders: s.holders, Stale: s.stale(), Said: s.said}
}

// stranger says who answers in our stead.
func stranger(ctx context.Context, host Host, f *forward, cause error) error {
	e := &Error{Listen: f.addr, To: f.o.To, Reason: ErrStranger, Err: cause}
	if s, err := look(context.WithoutCancel(ctx), host, f.addr); err == nil && len(s.holders) > 0 {
		e.Err = fmt.Errorf("%w; there listens %v", cause, s.holders)
	}
	return e
}

// listens tells whether anybody listens on addr.
func listens(ctx context.Context, host Host, addr string) bool {
	s, err := look(ctx, host, addr)
	return err == nil && (len(s.holders) > 0 || s.said != "")
}

// sockets is what a host tells of a port and of its processes.
type sockets struct {
	me        int // our user id there
	self      int // the process that looked
	holders   []Holder
	users     []int // the user ids of the holders
	said      string
	processes map[int]process
}

type process struct {
	pid, parent, user int
	name              string
}

//go:embed holder.sh
var holderScript string

// look asks the host who listens where a tunnel would have to.
func look(ctx context.Context, host Host, addr string) (*sockets, error) {
	ip, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	cmd := remote.Cmd{
		Title: "look who listens on port " + port,
		Args:  []string{"sh", "-c", holderScript, "sh", port},
		Query: true, Quiet: true,
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	res, err := remote.Succeed(ctx, host, cmd)
	if err != nil {
		return nil, err
	}
	return parseSockets(string(res.Stdout), net.ParseIP(ip)), nil
}

// parseSockets reads what the script says of those sockets that keep others
// from ip.
func parseSockets(text string, ip net.IP) *sockets {
	s := &sockets{processes: map[int]process{}}
	names, open := map[int]string{}, map[int]int{}
	var found []socket
	for line := range strings.Lines(text) {
		what, rest, _ := strings.Cut(strings.TrimSpace(line), ": ")
		w := strings.Fields(rest)
		switch {
		case what == "self" && len(w) == 2:
			s.self, s.me = number(w[0]), number(w[1])
		case what == "process" && len(w) == 4:
			p := process{number(w[0]), number(w[1]), number(w[2]), w[3]}
			s.processes[p.pid] = p
		case what == "open" && len(w) == 2:
			if pid, known := open[number(w[0])]; !known || number(w[1]) < pid {
				open[number(w[0])] = number(w[1]) // the first of those that share it
			}
		case what == "socket" && len(w) == 3:
			found = append(found, socket{w[0], number(w[1]), number(w[2])})
		case what == "user" && len(w) == 2:
			names[number(w[0])] = w[1]
		case what == "said":
			s.said = strings.TrimSpace(s.said + "\n" + rest)
		}
	}
	for _, k := range found {
		local, port := k.local()
		if local == nil || !(local.Equal(ip) || local.IsUnspecified() || ip.IsUnspecified()) {
			continue
		}
		s.users = append(s.users, k.user)
		s.holders = append(s.holders, Holder{
			Addr: net.JoinHostPort(local.String(), strconv.Itoa(port)),
			User: cmp.Or(names[k.user], strconv.Itoa(k.user)),
			PID:  open[k.inode], Command: s.processes[open[k.inode]].name,
		})
	}
	return s
}

func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

// socket is one that listens, as /proc/net/tcp has it.
type socket struct {
	addr        string // "0100007F:0961"
	user, inode int
}

// local reads the address: words of four bytes in the host's byte order, which
// is taken to be little-endian, and the port.
func (k socket) local() (net.IP, int) {
	word, port, _ := strings.Cut(k.addr, ":")
	n, err := strconv.ParseUint(port, 16, 16)
	if err != nil || len(word) != 8 && len(word) != 32 {
		return nil, 0
	}
	ip := make(net.IP, len(word)/2)
	for i := range ip {
		b, err := strconv.ParseUint(word[2*i:2*i+2], 16, 8)
		if err != nil {
			return nil, 0
		}
		ip[i-i%4+3-i%4] = byte(b)
	}
	return ip, int(n)
}

// stale returns the ssh sessions that may hold the port. sshd hides what files
// it has open even from the user it runs as, so a socket of ours whose process
// is not to be seen is a session's, and any but the one we look through.
func (s *sockets) stale() []Holder {
	hidden := false
	for i, h := range s.holders {
		hidden = hidden || h.PID == 0 && s.users[i] == s.me || h.PID != 0 && s.isSession(h.PID)
	}
	if !hidden {
		return nil
	}
	ours := map[int]bool{}
	for pid := s.self; pid > 1 && !ours[pid]; pid = s.processes[pid].parent {
		ours[pid] = true
	}
	var all []Holder
	for pid, p := range s.processes {
		if s.isSession(pid) && !ours[pid] && p.user == s.me && !s.otherThanHolder(pid) {
			all = append(all, Holder{PID: pid, Command: p.name, User: s.holders[0].User})
		}
	}
	slices.SortFunc(all, func(a, b Holder) int { return a.PID - b.PID })
	return all
}

// otherThanHolder tells whether the holder is known and is not pid.
func (s *sockets) otherThanHolder(pid int) bool {
	known := slices.ContainsFunc(s.holders, func(h Holder) bool { return h.PID != 0 })
	return known && !slices.ContainsFunc(s.holders, func(h Holder) bool { return h.PID == pid })
}

// isSession tells whether pid is the sshd of one login, which is the child of
// another sshd, and not that which waits for logins.
func (s *sockets) isSession(pid int) bool {
	p := s.processes[pid]
	return strings.HasPrefix(p.name, "sshd") && strings.HasPrefix(s.processes[p.parent].name, "sshd")
}

// endScript ends a process if it is what it was.
const endScript = `# end a stale ssh session
name=$(cat "/proc/$1/comm") || exit
[ "$name" = "$2" ] || { echo "process $1 is $name now" >&2; exit 1; }
kill "$1" || exit
n=0
while kill -0 "$1" 2>/dev/null && [ "$n" -lt 20 ]; do
	sleep 0.1 2>/dev/null || sleep 1
	n=$((n + 1))
done
`

func endStale(ctx context.Context, host Host, h Holder) error {
	cmd := remote.Cmd{
		Title: fmt.Sprintf("end the stale ssh session %d", h.PID),
		Args:  []string{"sh", "-c", endScript, "sh", strconv.Itoa(h.PID), h.Command},
	}
	_, err := remote.Succeed(ctx, host, cmd)
	return err
}
