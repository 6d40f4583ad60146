package runpage

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"farmrun/luahost/asciicast"
	"farmrun/testdata/need"
)

// look is what the page says of itself in a browser.
type look struct {
	Errors   []string // of scripts
	Title    string
	Dark     bool
	Width    int      // of the window
	Overflow int      // how much wider the page is
	Faint    []string // texts that do not stand out enough from what is behind them
	Keyless  []string // what can be clicked and not be reached by the keyboard
	Open     []string // the hosts whose details are shown
	Bars     int      // that are seen
	Played   string   // the recording, as shown at first
	Button   []string // what stands on its button, before a click, after it, and after another
}

// probe is put at the end of a page and answers with a look.
const probe = `<script>
(function () {
  function numbers(colour) { return colour.match(/[\d.]+/g).map(Number); }
  function luminance(colour) { // https://www.w3.org/TR/WCAG21/#dfn-relative-luminance
    var c = numbers(colour).slice(0, 3).map(function (v) { v /= 255; return v <= 0.03928 ? v / 12.92 : Math.pow((v + 0.055) / 1.055, 2.4); });
    return 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2];
  }
  function behind(e) {
    for (; e; e = e.parentElement) {
      var colour = getComputedStyle(e).backgroundColor;
      if (numbers(colour)[3] !== 0) return colour;
    }
    return "rgb(255, 255, 255)";
  }
  function contrast(a, b) {
    var one = luminance(a), other = luminance(b);
    return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  }
  function all(what) { return Array.prototype.slice.call(document.querySelectorAll(what)); }
  var open = all("details[open] .name").map(function (e) { return e.textContent; });
  all("details").forEach(function (d) { d.open = true; });
  var button = document.querySelector(".recording button"), texts = [button.textContent];
  var played = document.querySelector(".recording pre").textContent;
  for (var i = 0; i < 2; i++) { button.click(); texts.push(button.textContent); }
  var answer = {
    Errors: window.pageErrors, Title: document.title, Dark: matchMedia("(prefers-color-scheme: dark)").matches,
    Width: innerWidth, Overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    Faint: all("body *").filter(function (e) {
      var own = Array.prototype.some.call(e.childNodes, function (n) { return n.nodeType === 3 && n.textContent.trim(); });
      return own && e.offsetParent && contrast(getComputedStyle(e).color, behind(e)) < 4.5;
    }).concat(all(".bar:not(.wrong), .key i:not(.wrong)").filter(function (e) {
      return contrast(getComputedStyle(e).backgroundColor, behind(e.parentElement)) < 3;
    })).map(function (e) { return e.outerHTML.slice(0, 80); }),
    Keyless: all("summary, button, pre").filter(function (e) { return e.tabIndex < 0; }).map(function (e) { return e.outerHTML.slice(0, 80); }),
    Open: open, Played: played, Button: texts,
    Bars: all(".bar").filter(function (e) { return e.getBoundingClientRect().width >= 3; }).length
  };
  parent.document.body.setAttribute("data-look", JSON.stringify(answer));
})();
</script>`

// listen is put at the head of a page and notes the errors of its scripts.
const listen = `<script>window.pageErrors = []; addEventListener("error", function (e) { window.pageErrors.push(e.message); });</script>`

// lookAt opens the page in a browser, in a frame of that width: a window cannot
// be as narrow as a phone is.
func lookAt(t *testing.T, page string, width int, more ...string) look {
	t.Helper()
	need.Program(t, "chromium")
	dir := t.TempDir()
	path := filepath.Join(dir, "report.html")
	page = strings.Replace(page, "<head>", "<head>"+listen, 1)
	page = strings.Replace(page, "</body>", probe+"</body>", 1)
	frame := fmt.Sprintf(`<!DOCTYPE html><body><iframe style="border: 0" width="%d" height="800" srcdoc="%s"></iframe>`, width, html.EscapeString(page))
	if err := os.WriteFile(path, []byte(frame), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	args := append([]string{
		"--headless=new", "--no-sandbox", "--disable-gpu", "--user-data-dir=" + filepath.Join(dir, "profile"),
		"--window-size=1600,1000", "--dump-dom",
	}, more...)
	cmd := exec.CommandContext(ctx, "chromium", append(args, "file://"+path)...)
	cmd.Env = append(os.Environ(), "HOME="+dir)
	dom, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, dom)
	}
	answer := regexp.MustCompile(`data-look="([^"]*)"`).FindSubmatch(dom)
	if answer == nil {
		t.Fatalf("the page gives no answer:\n%s", dom)
	}
	var l look
	if err := json.Unmarshal([]byte(html.UnescapeString(string(answer[1]))), &l); err != nil {
		t.Fatal(err)
	}
	return l
}

// TestInABrowser: the page is whole, on a desk and on a phone, by day and by
// night, and whatever hosts have said.
func TestInABrowser(t *testing.T) {
	page := write(t, sample())
	for _, test := range []struct {
		name  string
		width int
		dark  bool
	}{
		{"desk", 1200, false},
		{"desk at night", 1200, true},
		{"phone", 360, false},
		{"phone at night", 360, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var more []string
			if test.dark {
				more = append(more, "--blink-settings=preferredColorScheme=0")
			}
			l := lookAt(t, page, test.width, more...)
			if l.Dark != test.dark || l.Width != test.width {
				t.Fatalf("the window is %d wide, and dark is %v", l.Width, l.Dark)
			}
			if l.Title != "cutover, 2000-09-19 21:04: failed" || len(l.Errors) > 0 {
				t.Errorf("title %q, errors %q", l.Title, l.Errors)
			}
			if l.Overflow > 0 {
				t.Errorf("it is %d px wider than the window", l.Overflow)
			}
			if len(l.Faint) > 0 || len(l.Keyless) > 0 {
				t.Errorf("faint: %q\nout of the keyboard's reach: %q", l.Faint, l.Keyless)
			}
			if strings.Join(l.Open, " ") != "web2" || l.Bars != 7 {
				t.Errorf("open: %q, %d bars", l.Open, l.Bars)
			}
			if !strings.HasPrefix(l.Played, "web2$ ls\nfile bold\n100%\n</pre></script><script>") {
				t.Errorf("the recording shows %q", l.Played)
			}
			if strings.Join(l.Button, "; ") != "Play, 1.0s; Stop; Play, 1.0s" {
				t.Errorf("its button: %q", l.Button)
			}
		})
	}
}

// TestRecordingsOfHostsThatTrickle: a browser's work for a recording grows with its
// length, whatever moves the cursor in it.
func TestRecordingsOfHostsThatTrickle(t *testing.T) {
	for name, test := range map[string]struct{ said, shown string }{
		"backspaces":       {strings.Repeat("a", 30_000) + strings.Repeat("\b", 30_000) + "b\n", "b" + strings.Repeat("a", 29_999) + "\n"},
		"carriage returns": {strings.Repeat("a", 100_000) + strings.Repeat("\rb", 15_000) + "\n", "b" + strings.Repeat("a", 99_999) + "\n"},
		"corrected":        {"lx\bs\b\bcd\n", "cd\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := sample()
			source.Recordings = func(host string) []Recording {
				if host != "web2" {
					return nil
				}
				return []Recording{{Name: host, Events: []asciicast.Event{{Kind: asciicast.Output, Text: test.said}}}}
			}
			if l := lookAt(t, write(t, source), 1200); l.Played != test.shown {
				t.Errorf("it shows %d bytes, not %d: %.100q", len(l.Played), len(test.shown), l.Played)
			}
		})
	}
}
