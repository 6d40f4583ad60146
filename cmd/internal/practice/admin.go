package practice

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// The names of the balancer's frontend and backend.
const (
	frontend = "www"
	backend  = "web"
)

// serveAdmin takes orders on the admin socket.
func (b *balancer) serveAdmin() {
	for {
		c, err := b.admin.Accept()
		if err != nil {
			return
		}
		b.busy.Go(func() { b.obey(c) })
	}
}

// obey answers one line of commands, separated by semicolons, and hangs up, as
// HAProxy does where "prompt" was not asked for. Every answer ends with an
// empty line; that of an order that was carried out is nothing else.
func (b *balancer) obey(c net.Conn) {
	defer c.Close()
	stop := make(chan struct{})
	defer close(stop)
	b.busy.Go(func() {
		select {
		case <-b.ctx.Done():
			c.Close()
		case <-stop:
		}
	})
	const usual = 10 * time.Second // HAProxy's "stats timeout"
	c.SetDeadline(time.Now().Add(max(usual, b.patience)))
	line, _ := bufio.NewReader(c).ReadString('\n')
	for command := range strings.SplitSeq(strings.TrimRight(line, "\r\n"), ";") {
		words := strings.Fields(command)
		if len(words) > 0 && words[0] == "quit" {
			return
		}
		fmt.Fprintln(c, b.pool.answer(words))
	}
}

// command is one that the admin socket knows.
type command struct {
	words  string // "show stat"
	usage  string // as help has it
	about  string
	answer func(p *pool, args []string) string
}

// commands returns those of HAProxy's that a practice balancer has.
func commands() []command {
	return []command{
		{"disable server", "disable server (DEPRECATED)", "disable a server for maintenance (use 'set server' instead)",
			func(p *pool, args []string) string { return p.order(args, maint) }},
		{"enable server", "enable server  (DEPRECATED)", "enable a disabled server (use 'set server' instead)",
			func(p *pool, args []string) string { return p.order(args, ready) }},
		{"get weight", "get weight <bk>/<srv>", "report a server's current weight", (*pool).getWeight},
		{"set server", "set server <bk>/<srv> [opts]", "change a server's state, weight, address or ssl", (*pool).setServer},
		{"set weight", "set weight <bk>/<srv>  (DEPRECATED)", "change a server's weight (use 'set server' instead)", (*pool).setWeightOf},
		{"show backend", "show backend", "list backends in the current running config",
			func(*pool, []string) string { return "# name\n" + backend + "\n" }},
		{"show info", "show info [desc|json|typed|float]*", "report information about the running process", (*pool).showInfo},
		{"show servers state", "show servers state [<backend>]", "dump volatile server information (all or for a single backend)", (*pool).showState},
		{"show stat", "show stat [desc|json|no-maint|typed|up]*", "report counters for each proxy and server", (*pool).showStat},
		{"show version", "show version", "show version of the current process",
			func(*pool, []string) string { return version + "\n" }},
		{"help", "help [<command>]", "list matching or all commands", (*pool).help},
		{"quit", "quit", "disconnect", nil},
	}
}

// version is that of the HAProxy whose words these are.
const version = "2.6.12"

// answer carries a command out and returns what it says, without the empty
// line at its end.
func (p *pool) answer(words []string) string {
	for _, c := range commands() {
		name := strings.Fields(c.words)
		if c.answer != nil && len(words) >= len(name) && strings.Join(words[:len(name)], " ") == c.words {
			return c.answer(p, words[len(name):])
		}
	}
	if len(words) == 0 {
		return "Unknown command. Please enter one of the following commands only:\n" + list("")
	}
	if text := list(words[0]); strings.Count(text, "\n") > 2 {
		return "Unknown command, but maybe one of the following ones is a better match:\n" + text
	}
	return "Unknown command. Please enter one of the following commands only:\n" + list("")
}

func (p *pool) help(words []string) string {
	return "The following commands are valid at this level:\n" + list(strings.Join(words, " "))
}

// list returns the commands that begin with prefix, and those that are always
// of use.
func list(prefix string) string {
	var text strings.Builder
	for _, c := range commands() {
		if strings.HasPrefix(c.words, prefix) || !strings.Contains(c.words, " ") {
			fmt.Fprintf(&text, "  %-40s: %s\n", c.usage, c.about)
		}
	}
	return text.String()
}

// find returns the server that an argument like "web/webserv1" names, or what
// there is to say against it.
func (p *pool) find(args []string) (*server, string) {
	if len(args) == 0 {
		return nil, "Require 'backend/server'.\n"
	}
	proxy, name, ok := strings.Cut(args[0], "/")
	if !ok {
		return nil, "Require 'backend/server'.\n"
	}
	if proxy != backend {
		return nil, "No such backend.\n"
	}
	if s := p.named(name); s != nil {
		return s, ""
	}
	return nil, "No such server.\n"
}

func (p *pool) setServer(args []string) string {
	s, text := p.find(args)
	if s == nil {
		return text
	}
	switch rest := append(args[1:], "", ""); rest[0] {
	case "state":
		to, ok := map[string]admin{"ready": ready, "drain": drain, "maint": maint}[rest[1]]
		if !ok {
			return "'set server <srv> state' expects 'ready', 'drain' and 'maint'.\n"
		}
		return p.order(args, to)
	case "weight":
		return p.setWeightOf(append(args[:1:1], rest[1]))
	}
	return "usage: set server <backend>/<server> addr | agent | agent-addr | agent-port | agent-send | check-addr | check-port | fqdn | health | ssl | state | weight\n"
}

// order puts the server that args name into a state.
func (p *pool) order(args []string, to admin) string {
	s, text := p.find(args)
	if s != nil {
		p.setState(s, to)
	}
	return text
}

// setWeightOf takes an absolute weight, or one in percent of the first, which
// is 1.
func (p *pool) setWeightOf(args []string) string {
	s, text := p.find(args)
	if s == nil {
		return text
	}
	if len(args) < 2 || args[1] == "" {
		return "Require <weight> or <weight%>.\n"
	}
	digits, percent := strings.CutSuffix(args[1], "%")
	weight, err := strconv.Atoi(digits)
	switch {
	case err != nil:
		return "Empty weight string empty or preceded by garbage"
	case percent && weight < 0:
		return "Relative weight must be positive.\n"
	case percent:
		weight /= 100
	}
	if weight < 0 || weight > 256 {
		return "Absolute weight can only be between 0 and 256 inclusive.\n"
	}
	p.setWeight(s, weight)
	return ""
}

func (p *pool) getWeight(args []string) string {
	s, text := p.find(args)
	if s == nil {
		return text
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return fmt.Sprintf("%d (initial 1)\n", s.weight)
}

func (p *pool) showInfo([]string) string {
	up := time.Since(p.started).Truncate(time.Second)
	p.mu.Lock()
	defer p.mu.Unlock()
	sessions, ever := p.sessions()
	return fmt.Sprintf("Name: HAProxy (practice)\nVersion: %s\nNbthread: 1\nNbproc: 1\nProcess_num: 1\nPid: %d\nUptime: %s\nUptime_sec: %d\nMaxconn: 1000\nCurrConns: %d\nCumConns: %d\nCumReq: %d\nnode: lb1\nStopping: 0\n",
		version, os.Getpid(), up, int(up.Seconds()), sessions, ever, ever)
}

// sessions returns how many all servers have, and have had.
func (p *pool) sessions() (now, ever int) {
	for _, s := range p.servers {
		now += s.sessions
		ever += s.everSessions
	}
	return now, ever
}

// stateFields are the columns of "show servers state", format 1.
const stateFields = "be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port"

func (p *pool) showState(args []string) string {
	if len(args) > 0 && args[0] != backend {
		return "Can't find backend.\n"
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	text := "1\n# " + stateFields + "\n"
	for i, s := range p.servers {
		host, number := s.hostPort()
		running, wanted, result, checking := 0, 0, 2, 6
		if s.up() {
			running = 2
		}
		switch s.admin {
		case drain:
			wanted = 8
		case maint:
			wanted, checking = 1, 14
		}
		if s.last.ok {
			result = 3
		}
		text += fmt.Sprintf("3 %s %d %s %s %d %d %d 1 %d %d %d %d %d 0 0 0 - %s - 0 0 - - 0\n",
			backend, i+1, s.name, host, running, wanted, s.weight, seconds(s.since), s.last.number(), result, s.health, checking, number)
	}
	return text
}

func seconds(since time.Time) int { return int(time.Since(since).Seconds()) }
