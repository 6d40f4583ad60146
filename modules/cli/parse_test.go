package cli_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"farmrun/modules/cli"
)

// spec has an option of every type.
var spec = cli.Spec{
	Name: "try",
	Args: []cli.Arg{{Name: "what", Help: "a thing"}, {Name: "when", Type: cli.Date, Optional: true}, {Name: "rest", Type: cli.List, Optional: true}},
	Options: []cli.Option{
		{Name: "text", Default: "x", Short: "t"},
		{Name: "none"},
		{Name: "flag", Type: cli.Flag, Short: "f"},
		{Name: "on", Type: cli.Flag, Default: true},
		{Name: "count", Type: cli.Int, Default: 3, Short: "c"},
		{Name: "day", Type: cli.Date},
		{Name: "wait", Type: cli.Duration, Default: "10s"},
		{Name: "dry_run", Type: cli.Flag},
		{Name: "batches", Type: cli.Shares},
		{Name: "many", Type: cli.List},
	},
}

func TestParse(t *testing.T) {
	plain := map[string]any{"what": "w", "when": nil, "rest": []string{}, "text": "x", "none": nil, "flag": false, "on": true,
		"count": 3, "day": nil, "wait": "10s", "dry_run": false, "batches": nil, "many": []string{}}
	for _, test := range []struct {
		name string
		args []string
		want map[string]any // what differs from plain
		err  string
	}{
		{"the defaults", []string{"w"}, nil, ""},
		{"everything", []string{"-t", "y", "--none=", "-f", "--on=false", "-c7", "--day", "2000-09-19", "--wait", "1m30s", "--dry-run", "--batches", "1,5,25%", "--many", "a,b", "--many=c", "w", "2000-01-01", "r", "s"},
			map[string]any{"text": "y", "none": "", "flag": true, "on": false, "count": 7, "day": "2000-09-19", "wait": "1m30s",
				"dry_run": true, "batches": []string{"1", "5", "25%"}, "many": []string{"a,b", "c"}, "when": "2000-01-01", "rest": []string{"r", "s"}}, ""},
		{"options behind arguments", []string{"w", "-f"}, map[string]any{"flag": true}, ""},
		{"a dash is an argument", []string{"-"}, map[string]any{"what": "-"}, ""},
		{"behind -- all are arguments", []string{"--", "-f"}, map[string]any{"what": "-f"}, ""},
		{"nothing", nil, nil, "WHAT is missing: a thing"},
		{"no such option", []string{"w", "--falg"}, nil, `there is no option --falg; did you mean "--flag"?`},
		{"no such letter", []string{"w", "-fz"}, nil, "there is no option -z"},
		{"no value", []string{"w", "--count"}, nil, "--count takes a value"},
		{"no number", []string{"w", "-c", "x"}, nil, `--count takes a whole number, not "x"`},
		{"a flag with a value", []string{"w", "--flag=x"}, nil, `--flag takes true or false, not "x"`},
		{"no date", []string{"w", "--day", "2000-02-30"}, nil, `option --day: "2000-02-30" is no date: February 2000 has 29 days`},
		{"no time", []string{"w", "--wait", "5"}, nil, `option --wait: a time with a unit such as "90s" or "10m" expected, got "5"`},
		{"no share", []string{"w", "--batches", "1,,5"}, nil, `option --batches: a number of hosts, or a share of them such as "25%", expected, got ""`},
		{"no date by position", []string{"w", "x"}, nil, `WHEN: "x" is no date: write yyyy-mm-dd`},
		{"help", []string{"w", "--help"}, nil, "help was asked for"},
		{"help by letter", []string{"-h"}, nil, "help was asked for"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := spec.Parse(test.args)
			if test.err != "" {
				var usage *cli.UsageError
				if err == nil || err.Error() != test.err || !errors.As(err, &usage) && !errors.Is(err, cli.ErrHelp) {
					t.Errorf("got %v, want %s", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]any{}
			for _, m := range []map[string]any{plain, test.want} {
				for k, v := range m {
					want[k] = v
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestHelpOfAll is the whole help of a script.
func TestHelpOfAll(t *testing.T) {
	want := `Usage: farmrun try [options] WHAT [WHEN] [REST...]

Arguments:
  WHAT   a thing
  WHEN
  REST

Options:
  -t, --text TEXT         (default "x")
      --none NONE
  -f, --flag
      --on                (default "true")
  -c, --count COUNT       (default "3")
      --day DAY
      --wait WAIT         (default "10s")
      --dry-run
      --batches BATCHES
      --many MANY
  -h, --help              show this help
`
	if diff := cmp.Diff(want, spec.Help()); diff != "" {
		t.Error(diff)
	}
}
