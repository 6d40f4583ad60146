package scripts_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"farmrun/testdata/farm"
)

// largeSite makes a repository of 200 folders with 100 files of 10 KB each, in
// two releases between which 20 files differ.
const largeSite = `set -e
rm -rf /cvsroot/site
awk 'BEGIN {
	for (i = 0; i < 125; i++) line = line "<td>a cell of a large table</td> "
	for (d = 0; d < 200; d++) {
		dir = "/cvsroot/site/d" d
		system("mkdir -p " dir)
		for (f = 0; f < 100; f++) {
			file = dir "/f" f ".html,v"
			changed = d % 10 == 0 && f == 0
			tags = "symbols\n\tSnapshot-2000-10-10:1." 1 + changed "\n\tSnapshot-2000-10-03:1.1;\n"
			text = "file " d "/" f "\n"
			for (n = 0; n < 3; n++) text = text n line "\n"
			printf "head\t1.%d;\naccess;\n%slocks; strict;\ncomment\t@# @;\n\n\n", 1 + changed, tags >file
			if (changed) printf "1.2\ndate\t2000.10.09.03.00.00;\tauthor rel;\tstate Exp;\nbranches;\nnext\t1.1;\n\n" >file
			printf "1.1\ndate\t2000.10.02.03.00.00;\tauthor rel;\tstate Exp;\nbranches;\nnext\t;\n\n\ndesc\n@@\n\n\n" >file
			if (changed) printf "1.2\nlog\n@new\n@\ntext\n@new\n%s@\n\n\n1.1\nlog\n@old\n@\ntext\n@d1 1\n@\n", text >file
			else printf "1.1\nlog\n@old\n@\ntext\n@%s@\n", text >file
			close(file)
		}
	}
}'
chmod -R a-w,a+rX /cvsroot/site
find /cvsroot/site -type d -exec chmod 777 {} +`

// BenchmarkPull pulls a site of 20,000 files, 200 MB, onto all servers: afresh,
// and then a release of which 20 files are new, beside the first one. It shows
// the ratio of the times and of the bytes that came from the CVS server.
//
// It takes minutes and 6 GB of memory, for which the disks have to be large
// enough:
//
//	FARM_DISK=600m go test ./scripts -run '^$' -bench Pull -benchtime 1x -timeout 60m
func BenchmarkPull(b *testing.B) {
	o := newOperator(b)
	if free := freeMB(b, "webserv1"); free < 500 {
		b.Skipf("FARM_DISK is too small: %d MB are free on webserv1", free)
	}
	reset(b)
	keepRepository(b)
	farm.Exec(b, "dev", "sh", "-c", largeSite)
	afresh, allBytes := pulled(b, o, "2000-10-03")
	copied, fewBytes := pulled(b, o, "2000-10-10")
	b.Logf("afresh %v and %d MB, beside the first one %v and %d MB", afresh, allBytes>>20, copied, fewBytes>>20)
	b.ReportMetric(copied.Seconds()/afresh.Seconds(), "time-ratio")
	b.ReportMetric(float64(fewBytes)/float64(allBytes), "bytes-ratio")
	reset(b)
}

// pulled tells how long a pull takes and what the CVS server has sent for it.
func pulled(b *testing.B, o *operator, date string) (time.Duration, int64) {
	b.Helper()
	sent, began := sentBy(b, "dev"), time.Now()
	o.ok("cvs-pull-snapshot", date)
	return time.Since(began), sentBy(b, "dev") - sent
}

func sentBy(b *testing.B, host string) int64 {
	b.Helper()
	return number(b, farm.Exec(b, host, "sh", "-c", `sed -n "s/.*eth0://p" /proc/net/dev | awk '{ print $9 }'`))
}

func freeMB(b *testing.B, host string) int64 {
	b.Helper()
	return number(b, farm.Exec(b, host, "sh", "-c", `df -Pm /home/web | awk 'NR == 2 { print $4 }'`))
}

func number(b *testing.B, text string) int64 {
	b.Helper()
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return n
}
