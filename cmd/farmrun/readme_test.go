package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"farmrun/testdata/need"
	"farmrun/testdata/readme"
)

// elsewhere has the README's commands that this test does not run, and why.
var elsewhere = map[string]string{
	"go run ./cmd/farmrun demo --install scripts/cutover.lua --pull 2000-09-19": "runs on an empty machine, in testdata/newcomer",
	"testdata/check": "runs on an empty machine, in testdata/newcomer",
	"go build -o ~/bin/farmrun ./cmd/farmrun": "needs no farm",
	"farmrun demo": "is the farm that the others run on",
	`farmrun --json -c uptime @web | jq -r 'select(.kind == "said") | "\(.host)\t\(.text)"'`: "needs jq; json.txtar has the rest",
	"farmrun record HOST":                    "needs a terminal: record.txtar",
	"farmrun show RUN HOST":                  "needs a recorded session: recording.txtar",
	"farmrun cutover --batches 1,5,25% DATE": "needs a site that allows more than one host out of service",
}

// TestReadme runs the README's commands on a practice farm: as they are written,
// in order, and where its reader would be.
func TestReadme(t *testing.T) {
	need.Program(t, "cvs")
	t.Parallel()
	r := newReader(t)
	known := map[string]bool{}
	for _, command := range append(readme.Commands(t), readme.Mentioned(t)...) {
		if known[command] {
			continue
		}
		known[command] = true
		if elsewhere[command] == "" {
			r.play(command)
		}
	}
	for command := range elsewhere {
		if !known[command] {
			t.Errorf("not in the README: %s", command)
		}
	}
}

// reader follows the README.
type reader struct {
	t    *testing.T
	home string
	dir  string // where the last command left the shell
	site []byte // the practice farm's
}

// newReader gives a reader a practice farm, as the hosts of ~/.ssh/config.
func newReader(t *testing.T) *reader {
	r := &reader{t: t, home: t.TempDir()}
	r.dir = r.home
	said := r.demo()
	files := regexp.MustCompile(`-F (\S+) --site (\S+)`).FindStringSubmatch(said)
	if files == nil {
		t.Fatalf("farmrun demo printed %q", said)
	}
	config, err := os.ReadFile(files[1])
	if err == nil {
		r.site, err = os.ReadFile(files[2])
	}
	if err == nil {
		err = os.Mkdir(filepath.Join(r.home, ".ssh"), 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(r.home, ".ssh", "config"), config, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// demo starts the farm and returns the lines that it prints when it is up.
func (r *reader) demo() string {
	cmd := r.command("exec farmrun demo")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		io.Copy(io.Discard, out)
		cmd.Wait()
	})
	lines := bufio.NewReader(out)
	said := ""
	for !strings.Contains(said, "curl http") && err == nil {
		var line string
		line, err = lines.ReadString('\n')
		said += line
	}
	return said
}

func (r *reader) command(line string) *exec.Cmd {
	cmd := exec.Command("sh", "-c", line)
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), "HOME="+r.home, "XDG_STATE_HOME=", "XDG_CONFIG_HOME=", "SSH_AUTH_SOCK=", "NO_COLOR=1", "TERM=dumb")
	return cmd
}

// play runs one of the README's commands.
func (r *reader) play(command string) {
	switch {
	case strings.HasPrefix(command, "farmrun resume"):
		r.halt()
	case strings.HasSuffix(command, "restart.lua"):
		r.writeScript()
	}
	r.run(0, command)
	if strings.HasPrefix(command, "farmrun init") {
		r.editSite()
	}
}

// run runs a command that ends with that exit status, and goes where it goes.
func (r *reader) run(status int, command string) {
	r.t.Helper()
	at := filepath.Join(r.home, "pwd")
	cmd := r.command(fmt.Sprintf("trap 'pwd >%s' EXIT\n%s", at, command))
	out, err := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != status {
		r.t.Errorf("%s: %v, want exit status %d\n%s", command, err, status, out)
	}
	dir, err := os.ReadFile(at)
	if err != nil {
		r.t.Fatal(err)
	}
	r.dir = strings.TrimSpace(string(dir))
}

// editSite makes the site file in the current directory that of the practice
// farm, on which no restart succeeds where a host has a file "halt".
func (r *reader) editSite() {
	const last = "\nreturn site\n"
	text, ok := strings.CutSuffix(string(r.site), last)
	if !ok {
		r.t.Fatalf("the site file does not end with %q", last)
	}
	text += `
local restart = site.restart
function site.restart(host)
  host:query "test ! -e halt"
  restart(host)
end
` + last
	if err := os.WriteFile(filepath.Join(r.dir, "site.lua"), []byte(text), 0o666); err != nil {
		r.t.Fatal(err)
	}
}

// halt leaves a rollout that can be resumed.
func (r *reader) halt() {
	r.run(0, "farmrun -c 'touch halt' webserv2")
	r.run(3, "farmrun cutover --pull 2000-09-26")
	r.run(0, "farmrun -c 'rm halt' webserv2")
}

// writeScript saves the README's script under the name in its first line.
func (r *reader) writeScript() {
	for _, block := range readme.Blocks(r.t) {
		if name, ok := strings.CutPrefix(block.Text, "-- "); ok && block.Language == "lua" {
			name, _, _ = strings.Cut(name, ":")
			if err := os.WriteFile(filepath.Join(r.dir, name), []byte(block.Text), 0o666); err != nil {
				r.t.Fatal(err)
			}
			r.run(0, "farmrun --dry-run "+name)
		}
	}
}
