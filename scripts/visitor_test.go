package scripts_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"farmrun/testdata/farm"
)

// visitor asks the web site through HAProxy again and again, and looks in
// HAProxy how many servers are out of service.
type visitor struct {
	t      *testing.T
	cancel context.CancelFunc
	busy   sync.WaitGroup

	mu       sync.Mutex
	asked    int
	failures []string
	looks    int
	mostOut  int
	out      []string // when there were most
}

// visit begins to ask, so many times a second.
func visit(t *testing.T, perSecond int) *visitor {
	ctx, cancel := context.WithCancel(context.Background())
	v := &visitor{t: t, cancel: cancel}
	t.Cleanup(v.stop)
	v.busy.Go(func() { v.ask(ctx, "http://lb1/index.html", time.Second/time.Duration(perSecond)) })
	v.busy.Go(func() { v.watch(ctx) })
	return v
}

func (v *visitor) stop() {
	v.cancel()
	v.busy.Wait()
}

func (v *visitor) ask(ctx context.Context, url string, interval time.Duration) {
	client := &http.Client{Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	var asking sync.WaitGroup
	defer asking.Wait()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		asking.Go(func() {
			err := get(client, url)
			v.mu.Lock()
			defer v.mu.Unlock()
			v.asked++
			if err != nil {
				v.failures = append(v.failures, err.Error())
			}
		})
	}
}

func get(client *http.Client, url string) error {
	answer, err := client.Get(url)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s from %s", answer.Status, answer.Header.Get("X-Host"))
	}
	return nil
}

// watch reads HAProxy's own account of its servers, 30 times a second, over a
// connection that it makes anew when it ends.
func (v *visitor) watch(ctx context.Context) {
	c := farm.Command(ctx, "lb1", "sh", "-c",
		`while echo; do
			{ echo prompt; while echo show stat; do sleep 0.03; done; } | socat - unix:`+farm.AdminSocket+`
			sleep 0.05
		done`)
	out, err := c.StdoutPipe()
	if err != nil {
		v.t.Error(err)
		return
	}
	if err := c.Start(); err != nil {
		v.t.Error(err)
		return
	}
	defer c.Wait()
	defer context.AfterFunc(ctx, func() { out.Close() })() // the loop on lb1 ends when nobody reads it
	var off []string
	begun := false
	for lines := bufio.NewScanner(out); lines.Scan(); {
		fields := strings.Split(lines.Text(), ",")
		switch {
		case strings.HasSuffix(fields[0], "# pxname"): // HAProxy's prompt is before it
			begun, off = true, nil
		case lines.Text() == "" && begun:
			begun = false
			v.look(off)
		case len(fields) > 17 && fields[0] == "web" && strings.HasPrefix(fields[1], "webserv") && !strings.HasPrefix(fields[17], "UP"):
			off = append(off, fields[1]+" "+fields[17])
		}
	}
}

func (v *visitor) look(off []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.looks++
	if len(off) > v.mostOut {
		v.mostOut, v.out = len(off), off
	}
}

// check ends the visit: no request may have failed, and no more than one
// server may ever have been out, and one must have been.
func (v *visitor) check() {
	v.t.Helper()
	v.checkOut(1, 1)
}

// checkOut is check for a cut-over that takes several servers off the air at
// once: at least so many, at most so many.
func (v *visitor) checkOut(least, most int) {
	v.t.Helper()
	v.stop()
	v.t.Logf("%d requests, %d failed; %d looks at the pool, most out at once %d", v.asked, len(v.failures), v.looks, v.mostOut)
	if v.asked == 0 || v.looks == 0 {
		v.t.Errorf("the visitor asked %d times and looked %d times", v.asked, v.looks)
	}
	if len(v.failures) > 0 {
		v.t.Errorf("%d requests failed, the first with %s", len(v.failures), v.failures[0])
	}
	if v.mostOut < least || v.mostOut > most {
		v.t.Errorf("most servers out at once: %d (%v), want %d to %d", v.mostOut, v.out, least, most)
	}
}
