package practice

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"farmrun/luahost/lazyregexp"
)

// Visit is somebody who looks at the web site again and again, through the
// balancer, while the farm is worked on.
type Visit struct {
	url    string
	client *http.Client
	stop   context.CancelFunc
	busy   sync.WaitGroup
	leave  func() // stops watching the pool

	mu     sync.Mutex
	report Report
}

// Report is what a visitor saw. The zero value is that of one who saw nothing.
type Report struct {
	Requests int
	Failures []Failure // those that got no page, oldest first; at most 100 are kept
	Failed   int       // how many those were
	MostOut  int       // the most servers that were out of service at one time
	Servers  int       // of how many
	Releases []Seen    // in the order in which they were first seen
	Length   time.Duration
}

// Failure is a request that got no page.
type Failure struct {
	After time.Duration // since the visit began
	What  string        // "503 Service Unavailable"
}

// Seen is a release that was on the air.
type Seen struct {
	Release     string        // as the page names it; "?" where it names none
	Pages       int           // how many were of it
	First, Last time.Duration // since the visit began
}

// Visit starts to ask for the first page, so many times a second, until Stop.
// Only one visit at a time is told how many servers are out of service.
func (f *Farm) Visit(perSecond int) *Visit {
	ctx, stop := context.WithCancel(context.Background())
	v := &Visit{url: f.URL, stop: stop, report: Report{Servers: len(f.Web)}}
	v.client = &http.Client{Timeout: f.config.Patience, Transport: &http.Transport{MaxIdleConnsPerHost: 4}}
	v.leave = f.balancer.pool.watch(func(out int) {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.report.MostOut = max(v.report.MostOut, out)
	})
	v.busy.Go(func() { v.ask(ctx, time.Second/time.Duration(max(perSecond, 1))) })
	return v
}

// Stop ends the visit and returns what was seen.
func (v *Visit) Stop() Report {
	v.stop()
	v.busy.Wait()
	v.leave()
	v.client.CloseIdleConnections()
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.report
}

// ask asks at each interval, whether or not there was an answer to what was
// asked before.
func (v *Visit) ask(ctx context.Context, interval time.Duration) {
	begun := time.Now()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for ctx.Err() == nil {
		v.busy.Go(func() {
			after := time.Since(begun)
			release, err := v.page(ctx)
			if ctx.Err() == nil {
				v.note(after, release, err)
			}
		})
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.report.Length = time.Since(begun)
}

var namedRelease = lazyregexp.New(`Release (\d{4}-\d{2}-\d{2})`)

// page gets the first page and returns the release it names.
func (v *Visit) page(ctx context.Context) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, v.url, nil)
	if err != nil {
		return "", err
	}
	answer, err := v.client.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	const most = 1 << 20
	text, err := io.ReadAll(io.LimitReader(answer.Body, most))
	if err != nil {
		return "", err
	}
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s", answer.Status)
	}
	if found := namedRelease().FindSubmatch(text); found != nil {
		return string(found[1]), nil
	}
	return "?", nil
}

func (v *Visit) note(after time.Duration, release string, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	r := &v.report
	r.Requests++
	if err != nil {
		r.Failed++
		if len(r.Failures) < 100 {
			r.Failures = append(r.Failures, Failure{after, err.Error()})
		}
		return
	}
	i := slices.IndexFunc(r.Releases, func(s Seen) bool { return s.Release == release })
	if i < 0 {
		i = len(r.Releases)
		r.Releases = append(r.Releases, Seen{Release: release, First: after})
	}
	r.Releases[i].Pages++
	r.Releases[i].Last = max(r.Releases[i].Last, after)
}

// String returns the report in a few lines for the operator:
//
//	a visitor asked 412 times in 8.2s: no request failed
//	at most 1 of 3 servers was out of service at a time
//	release 2000-09-12: 210 pages, 0.0s to 6.1s
//	release 2000-09-19: 202 pages, 3.9s to 8.2s
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "a visitor asked %d times in %.1fs: %s\n", r.Requests, r.Length.Seconds(), r.failures())
	fmt.Fprintf(&b, "at most %d of %d servers %s out of service at a time\n", r.MostOut, r.Servers, be(r.MostOut))
	for _, s := range r.Releases {
		fmt.Fprintf(&b, "release %s: %d pages, %.1fs to %.1fs\n", s.Release, s.Pages, s.First.Seconds(), s.Last.Seconds())
	}
	return b.String()
}

func (r Report) failures() string {
	switch r.Failed {
	case 0:
		return "no request failed"
	case 1:
		return fmt.Sprintf("1 request failed, after %.1fs: %s", r.Failures[0].After.Seconds(), r.Failures[0].What)
	}
	return fmt.Sprintf("%d requests failed, the first after %.1fs: %s", r.Failed, r.Failures[0].After.Seconds(), r.Failures[0].What)
}

func be(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}
