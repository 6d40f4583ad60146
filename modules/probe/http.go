package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"farmrun/luahost/remote"
)

// HTTPOptions say what is asked and what a good answer is. URL must be set.
type HTTPOptions struct {
	URL    string // http or https
	Method string // "" is GET
	// Host is the name that the request asks for, of several that the server
	// goes by; "" is the one in URL.
	Host   string
	Header map[string]string

	// Status is the one of a good answer; 0 is any from 200 to 399. A redirect
	// is an answer: it is not followed.
	Status int
	// Contains is what a good answer has in its body, in the first MiB of it.
	Contains string

	Patience
}

// longest is how much of a body is read.
const longest = 1 << 20

// HTTP asks a web server until it answers as o says. Each question has a
// connection of its own, as a new visitor has; dial makes it, and nil makes it
// from this machine. HTTP fails with an *Error, which has the last bad answer.
func HTTP(ctx context.Context, dial Dial, o HTTPOptions) error {
	o.Method = cmp.Or(o.Method, http.MethodGet)
	u, err := url.Parse(o.URL)
	if err != nil {
		return err
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("%q is no URL such as http://localhost/", o.URL)
	}
	client := &http.Client{
		Transport:     &http.Transport{DialContext: orLocal(dial), DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return o.repeat(ctx, o.Method+" "+u.Redacted(), func(ctx context.Context) error { return o.ask(ctx, client) })
}

// changes tells whether a request by the method may change something (RFC 9110, 9.2.1).
func (o HTTPOptions) changes() bool {
	return !slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace}, o.Method)
}

// ask asks once.
func (o HTTPOptions) ask(ctx context.Context, client *http.Client) error {
	if o.changes() {
		if err := remote.MustOwn(ctx); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, o.Method, o.URL, nil)
	if err != nil {
		return err
	}
	req.Host = o.Host
	for name, value := range o.Header {
		req.Header.Set(name, value)
	}
	resp, err := client.Do(req)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) { // it repeats the method and the URL
			return wrapped.Err
		}
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, longest))
	if err != nil {
		return fmt.Errorf("%s, then %w", resp.Status, err)
	}
	return o.judge(resp, string(body))
}

// judge returns what is wrong with an answer, as an *answer.
func (o HTTPOptions) judge(resp *http.Response, body string) error {
	good := resp.StatusCode >= 200 && resp.StatusCode < 400
	if o.Status != 0 {
		good = resp.StatusCode == o.Status
	}
	switch {
	case !good && o.Status != 0:
		return &answer{fmt.Sprintf("the answer is %s, not %d", resp.Status, o.Status), body}
	case !good:
		return &answer{"the answer is " + resp.Status, body}
	case !strings.Contains(body, o.Contains):
		return &answer{fmt.Sprintf("the answer does not contain %q", o.Contains), body}
	}
	return nil
}

// answer is a bad one.
type answer struct{ wrong, body string }

func (a *answer) Error() string { return a.wrong }

// said returns the first lines of the body, if err is an answer.
func said(err error) string {
	var a *answer
	if !errors.As(err, &a) {
		return ""
	}
	const lines, width = 5, 200
	var some []string
	for line := range strings.Lines(a.body) {
		if line = strings.TrimSpace(strings.ToValidUTF8(line, "�")); line == "" {
			continue
		}
		if r := []rune(line); len(r) > width {
			line = string(r[:width]) + "…"
		}
		if some = append(some, line); len(some) == lines {
			break
		}
	}
	return strings.Join(some, "\n")
}
