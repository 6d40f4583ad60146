package practice

import (
	"strconv"
	"strings"
)

// statFields are the columns of "show stat" in HAProxy 2.6, up to those that
// count what ssl, h1 and h2 do.
const statFields = "pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,status,weight,act,bck,chkfail,chkdown,lastchg,downtime,qlimit,pid,iid,sid,throttle,lbtot,tracked,type,rate,rate_lim,rate_max,check_status,check_code,check_duration,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,hrsp_other,hanafail,req_rate,req_rate_max,req_tot,cli_abrt,srv_abrt,comp_in,comp_out,comp_byp,comp_rsp,lastsess,last_chk,last_agt,qtime,ctime,rtime,ttime,agent_status,agent_code,agent_duration,check_desc,agent_desc,check_rise,check_fall,check_health,agent_rise,agent_fall,agent_health,addr,cookie,mode,algo,conn_rate,conn_rate_max,conn_tot,intercepted,dcon,dses,wrew,connect,reuse,cache_lookups,cache_hits,srv_icur,src_ilim,qtime_max,ctime_max,rtime_max,ttime_max,eint,idle_conn_cur,safe_conn_cur,used_conn_cur,need_conn_est,uweight,agg_server_status,agg_server_check_status,agg_check_status,-,"

// The types of a line of "show stat".
const (
	frontendLine = 0
	backendLine  = 1
	serverLine   = 2
)

// stat is one line of "show stat": values by column. What is not in it is
// empty, as with HAProxy where a column means nothing for the line.
type stat map[string]any

func (line stat) String() string {
	var text strings.Builder
	for name := range strings.SplitSeq(strings.TrimSuffix(statFields, ","), ",") {
		switch v := line[name].(type) {
		case string:
			text.WriteString(v)
		case int:
			text.WriteString(strconv.Itoa(v))
		}
		if name == "-" {
			text.WriteString("-")
		}
		text.WriteString(",")
	}
	return text.String() + "\n"
}

// showStat is "show stat", of everything, or with three more words of what
// they name: a proxy by name or number, a sum of types, and a server's number.
func (p *pool) showStat(args []string) string {
	types, number := -1, -1
	if len(args) == 3 {
		if args[0] != backend && args[0] != "3" && args[0] != "-1" {
			return "No such proxy.\n"
		}
		types, _ = strconv.Atoi(args[1])
		number, _ = strconv.Atoi(args[2])
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	text := "# " + statFields + "\n"
	for _, line := range p.stats() {
		kind, sid := line["type"].(int), line["sid"].(int)
		if types>>kind&1 == 1 && (number < 0 || kind != serverLine || sid == number) {
			text += line.String()
		}
	}
	return text
}

func (p *pool) stats() []stat {
	now, ever := p.sessions()
	lines := []stat{{
		"pxname": frontend, "svname": "FRONTEND", "type": frontendLine, "status": "OPEN", "mode": "http",
		"pid": 1, "iid": 2, "sid": 0, "scur": now, "smax": now, "stot": ever, "req_tot": ever, "conn_tot": ever,
	}}
	serving := 0
	for i, s := range p.servers {
		if s.serving() {
			serving++
		}
		lines = append(lines, s.stat(i+1))
	}
	status := "UP"
	if serving == 0 {
		status = "DOWN"
	}
	return append(lines, stat{
		"pxname": backend, "svname": "BACKEND", "type": backendLine, "status": status, "mode": "http", "algo": "roundrobin",
		"pid": 1, "iid": 3, "sid": 0, "scur": now, "smax": now, "stot": ever, "weight": serving, "act": serving, "bck": 0,
		"lastchg": seconds(p.started),
	})
}

func (s *server) stat(number int) stat {
	line := stat{
		"pxname": backend, "svname": s.name, "type": serverLine, "status": s.status(), "mode": "http",
		"pid": 1, "iid": 3, "sid": number, "qcur": 0, "qmax": 0, "scur": s.sessions, "smax": s.mostSessions, "stot": s.everSessions,
		"lbtot": s.everSessions, "econ": s.failures, "eresp": 0, "weight": s.weight, "uweight": s.weight, "act": 1, "bck": 0,
		"chkfail": s.failedChecks, "chkdown": s.timesDown, "lastchg": seconds(s.since), "addr": "127.0.0.1:80",
	}
	if s.admin == maint || s.last.word == "" {
		return line
	}
	line["check_status"], line["check_desc"] = s.last.word, s.last.description()
	line["check_duration"] = int(s.last.duration.Milliseconds())
	line["check_rise"], line["check_fall"], line["check_health"] = rise, fall, s.health
	if s.last.code != 0 {
		line["check_code"] = s.last.code
	}
	if s.last.word == "L4CON" {
		line["last_chk"] = "Connection refused"
	}
	return line
}
