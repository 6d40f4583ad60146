package runpage

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"farmrun/luahost/asciicast"
	"farmrun/luahost/journal"
	"farmrun/luahost/runs"
)

// FuzzWrite: whatever a journal has in it and a host has said, there is a page,
// and no more markup in it than the page's own.
func FuzzWrite(f *testing.F) {
	var lines bytes.Buffer
	for _, r := range sample().Records {
		if err := json.NewEncoder(&lines).Encode(r); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(lines.Bytes(), hostile)
	f.Add([]byte(`{"kind":"rollout began","rollout":1,"hosts":["a","a",""]}`+"\n"+`{"kind":"sick","rollout":1,"host":"a"}`+"\n"), "\xff\x00")
	f.Add([]byte(`{"time":"1700-01-01T00:00:00Z","kind":"rollout began","rollout":1,"hosts":["a"]}`+"\n"+ // a wrong clock
		`{"time":"2290-01-01T00:00:00Z","kind":"rollout ended","rollout":1}`+"\n"), "x")
	f.Fuzz(func(t *testing.T, text []byte, said string) {
		records, _ := journal.Read(bytes.NewReader(text))
		hosts := 0
		for _, r := range records {
			hosts += len(r.Hosts)
		}
		if len(records) > 200 || hosts > 200 {
			t.Skip("a large page is only slow")
		}
		var page bytes.Buffer
		err := Write(&page, Source{
			Records: records,
			Now:     began,
			Said: func(string, int) []runs.Said {
				return []runs.Said{{Time: began, By: said, Text: said}}
			},
			Recordings: func(string) []Recording {
				return []Recording{{Name: said, Title: said, Events: []asciicast.Event{{At: time.Second, Kind: asciicast.Output, Text: said}}}}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		html := strings.ToLower(page.String())
		if strings.Count(html, "<script") != 1 || strings.Count(html, "</script") != 1 || strings.Count(html, "<style") != 1 ||
			strings.Contains(html, "<img") || strings.Count(html, "<body") != 1 {
			t.Errorf("there is foreign markup:\n%s", &page)
		}
	})
}
