package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed growth.lua
var growthScript []byte

// growthName is how the figures begin.
const growthName = "growth: "

// growing is work whose processor time is to grow as its size does: 1.15 at most as the
// exponent, and memory no faster.
type growing struct {
	name string
	size int // the smallest
	// args are farmrun's in a home of their own, after all the work that stands before
	// this in the list.
	args func(h home) []string
	// before prepares the home; nil is nothing.
	before func(ctx context.Context, w *world, h home) error
}

// home is where work of one size is done.
type home struct {
	dir    string
	size   int
	script string
	near   string // ssh_config of a farm whose commands take no time
}

func (h home) file(name string) string { return filepath.Join(h.dir, name) }

func (h home) write(name string, text []byte) error { return os.WriteFile(h.file(name), text, 0o600) }

// repeat returns so many lines as the size says.
func (h home) repeat(format string) string {
	var b strings.Builder
	for i := range h.size {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// rolling returns the arguments of a rollout over one in share hosts.
func (h home) rolling(steps, share string) []string {
	return []string{"-F", h.near, h.script, setOf(h.size), steps, share}
}

func growings() []growing {
	return []growing{
		{name: "a rollout, one by one, 2 steps", size: 100, args: func(h home) []string { return h.rolling("2", "1000000") }},
		{name: "a rollout, one in ten, 5 steps", size: 100, args: func(h home) []string { return h.rolling("5", "10") }},
		{name: "report", size: 400, before: rolled, args: words("report")},
		{name: "runs, 20 of so many hosts", size: 400, before: manyRuns, args: words("runs")},
		{name: "recall among them", size: 400, args: func(h home) []string {
			return []string{"-F", h.near, "-e", `assert(require("farm").hosts("h1")[1]:recall "seen" == "h1")`}
		}},
		{name: "resume", size: 200, before: halted, args: words("resume")},
		{name: "each, 10 commands", size: 200, args: func(h home) []string {
			return []string{"-F", h.near, "-e", fmt.Sprintf(`require("farm").each("%s", function(h) for _ = 1, 10 do h:query "true" end end)`, setOf(h.size))}
		}},
		{name: "-c", size: 400, args: func(h home) []string {
			return []string{"-F", h.near, "--keep-going", "-c", "true", setOf(h.size)}
		}},
		{name: "a table of names", size: 20000, before: func(_ context.Context, _ *world, h home) error {
			return h.write("names.lua", []byte("local names = {\n"+h.repeat("\"name%d\",\n")+"}\n"))
		}, args: words("names.lua")},
		{name: "a site file of literal settings", size: 4000, before: func(_ context.Context, _ *world, h home) error {
			return h.write("settings.lua", []byte("require(\"farm\").site { hosts = {\n"+
				h.repeat("web%[1]d = { user = \"user%[1]d\", address = \"10.0.0.%[1]d\", port = 2%[1]d },\n")+"} }\n"))
		}, args: words("--site", "settings.lua", "-e", `require "site"`)},
		{name: "a script of assignments", size: 2000, before: func(_ context.Context, _ *world, h home) error {
			return h.write("assign.lua", []byte("local t = {}\n"+h.repeat("t.name%[1]d = \"value%[1]d\"\n")))
		}, args: words("assign.lua")},
		{name: "a set without other names", size: 500, args: func(h home) []string {
			return []string{"-e", fmt.Sprintf(`local set = "h[1-90000]" for i = 1, %d do set = set .. "!h" .. i * 7 end assert(#require("farm").hosts(set) > 0)`, h.size)}
		}},
		{name: "hosts against 5,000 hashed lines", size: 50, before: hashed, args: func(h home) []string {
			return []string{"-F", h.file("config"), "--keep-going", "-c", "true", setOf(h.size)}
		}},
		{name: "a practice farm, cutover and all", size: 4, args: func(h home) []string {
			return []string{"demo", "-n", fmt.Sprint(h.size), "cutover", "--pull", "--settle", "0s", "2000-09-19"}
		}},
	}
}

func words(args ...string) func(home) []string { return func(home) []string { return args } }

// rolled has a rollout done as the newest run.
func rolled(ctx context.Context, w *world, h home) error {
	_, err := run(ctx, h.dir, append([]string{w.farmrun}, h.rolling("2", "10")...), false)
	return err
}

// manyRuns makes copies of the newest run.
func manyRuns(ctx context.Context, w *world, h home) error {
	if err := rolled(ctx, w, h); err != nil {
		return err
	}
	runs, err := filepath.Glob(h.file(".local/state/farmrun/runs/*"))
	if err != nil || len(runs) == 0 {
		return errors.Join(err, errors.New("there is no run"))
	}
	last := slices.Max(runs)
	for i := range 20 {
		if err := os.CopyFS(fmt.Sprintf("%s-%02d", last, i), os.DirFS(last)); err != nil {
			return err
		}
	}
	return nil
}

// halted has a rollout halt at its first host as the newest run.
func halted(ctx context.Context, w *world, h home) error {
	if err := h.write("halt", nil); err != nil {
		return err
	}
	if rolled(ctx, w, h) == nil {
		return errors.New("the rollout has not halted")
	}
	return os.Remove(h.file("halt"))
}

// hashed makes an ssh_config whose known_hosts has many hashed lines, of other hosts but
// for the last ones.
func hashed(_ context.Context, w *world, h home) error {
	config, err := os.ReadFile(h.near)
	if err != nil {
		return err
	}
	known, err := os.ReadFile(strings.TrimSuffix(h.near, "_config") + "_known_hosts")
	if err != nil {
		return err
	}
	var lines bytes.Buffer
	for i := range 5000 {
		salt := make([]byte, sha1.Size)
		rand.Read(salt)
		hash := hmac.New(sha1.New, salt)
		fmt.Fprintf(hash, "other%d", i)
		_, key, _ := strings.Cut(strings.SplitN(string(known), "\n", 2)[0], " ")
		fmt.Fprintf(&lines, "|1|%s|%s %s\n", base64.StdEncoding.EncodeToString(salt), base64.StdEncoding.EncodeToString(hash.Sum(nil)), key)
	}
	lines.Write(known)
	config = bytes.Replace(config, []byte("UserKnownHostsFile "), []byte("UserKnownHostsFile "+h.file("known_hosts")+" "), 1)
	return errors.Join(h.write("known_hosts", lines.Bytes()), h.write("config", config))
}

// grow measures all work at three sizes, each twice the one before.
func (w *world) grow(ctx context.Context, t *table) error {
	near, err := w.startServer("near", 0, 0)
	if err != nil {
		return err
	}
	var homes [3]home
	for i := range homes {
		homes[i] = home{dir: filepath.Join(w.dir, fmt.Sprint("home", i)), near: near.config}
		homes[i].script = homes[i].file("growth.lua")
		if err := errors.Join(os.Mkdir(homes[i].dir, 0o700), homes[i].write("growth.lua", growthScript)); err != nil {
			return err
		}
	}
	start, err := w.median(ctx, homes[0], []string{"-e", "return"})
	if err != nil {
		return err
	}
	for _, g := range growings() {
		if !strings.Contains(growthName+g.name, w.options.only) {
			continue
		}
		var took [3]usage
		for i, h := range homes {
			h.size = g.size << i
			if w.options.tiny {
				h.size = 2 << i
			}
			if g.before != nil {
				if err := g.before(ctx, w, h); err != nil {
					return fmt.Errorf("%s: %w", g.name, err)
				}
			}
			if took[i], err = w.median(ctx, h, g.args(h)); err != nil {
				return fmt.Errorf("%s: %w", g.name, err)
			}
		}
		t.grew(growthName+g.name, start, took)
	}
	return nil
}

// median returns the usage of the median of some runs.
func (w *world) median(ctx context.Context, h home, args []string) (usage, error) {
	rounds := cmp.Or(w.options.rounds, 3)
	if w.options.tiny {
		rounds = 1
	}
	var all []usage
	for range rounds {
		u, err := run(ctx, h.dir, append([]string{w.farmrun}, args...), false)
		if err != nil {
			return u, err
		}
		all = append(all, u)
	}
	slices.SortFunc(all, func(a, b usage) int { return cmp.Compare(a.processor, b.processor) })
	return all[(len(all)-1)/2], nil
}

// exponent tells with which power of the size a figure grows that is of 4 times the size
// at the end, beyond that of a start. Less than least is taken for that much.
func exponent(start, first, last, least float64) float64 {
	return math.Log(max(last-start, least)/max(first-start, least)) / math.Log(4)
}
