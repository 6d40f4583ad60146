// Package cli reads the arguments of a script as its author declared them and
// asks the operator questions. A Spec describes the arguments, Parse reads
// them, Help tells the operator what there is. But for the files lua*.go the
// package knows no Lua.
package cli

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"farmrun/luahost"
	"farmrun/luahost/lazyregexp"
	"farmrun/luahost/share"
)

// Type says what an argument is.
type Type string

// The types of arguments.
const (
	String   Type = "string"   // any text
	Flag     Type = "flag"     // there or not
	Int      Type = "int"      // a whole number
	Date     Type = "date"     // a day that exists, yyyy-mm-dd
	Release  Type = "release"  // a Date, and of several on a day which: 2000-09-19.2
	Duration Type = "duration" // a time with a unit
	Shares   Type = "shares"   // numbers of hosts and shares of them, with commas between: 1,5,25%
	List     Type = "list"     // as an option: may be given again; as the last argument: all that are left
)

// Spec is the arguments of a script.
type Spec struct {
	Name    string // the script, for messages
	Usage   string // "cutover.lua [--pull] DATE"; "" is made from the rest
	About   string // what the script does, for --help
	Args    []Arg  // by position
	Options []Option
	// SingleDash also takes long options with one dash, as Expect scripts do.
	SingleDash bool
	// Before are the options of farmrun itself, as they are written, which are no
	// options here: who gives one is told where it stands.
	Before []string
}

// Arg is an argument by position. Only the last may be a List, and those that
// follow an optional one must be optional.
type Arg struct {
	Name     string
	Type     Type // "" is String
	Help     string
	Optional bool
}

// Option is a named argument: --name VALUE.
type Option struct {
	Name    string // with "_" where the operator writes "-"
	Type    Type   // "" is String
	Short   string // one letter, or ""
	Help    string
	Default any // string, bool, int or []string; nil is the type's zero
}

// ErrHelp is returned by Parse when the operator asked for help.
var ErrHelp = errors.New("help was asked for")

// UsageError is arguments that the script does not take.
type UsageError struct {
	Script string
	Err    error
}

func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap returns what is wrong.
func (e *UsageError) Unwrap() error { return e.Err }

// Kind says that the arguments are wrong, and nothing else.
func (e *UsageError) Kind() string { return "usage" }

// Hint says where help is.
func (e *UsageError) Hint() string { return "farmrun " + e.Script + " --help lists the arguments" }

// Parse reads args. The values are strings (Date and Duration too), bools, ints
// and []strings (Shares too) by name; an optional argument that is not there is
// nil. The error is ErrHelp, a *UsageError, or what is wrong with the Spec.
func (s Spec) Parse(args []string) (map[string]any, error) {
	flags, err := s.flags()
	if err == nil {
		err = s.check()
	}
	if err != nil {
		return nil, err
	}
	if s.SingleDash {
		args = s.doubleDashes(args)
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, pflag.ErrHelp):
		return nil, ErrHelp
	case err != nil:
		return nil, &UsageError{s.Name, FlagError(flags, s.Before, err)}
	}
	values := map[string]any{}
	for _, o := range s.Options {
		if values[o.Name], err = o.value(flags); err != nil {
			return nil, &UsageError{s.Name, fmt.Errorf("option --%s: %w", dashed(o.Name), err)}
		}
	}
	if err := s.positional(flags.Args(), values); err != nil {
		return nil, &UsageError{s.Name, err}
	}
	return values, nil
}

// flags declares the options.
func (s Spec) flags() (*pflag.FlagSet, error) {
	flags := pflag.NewFlagSet(s.Name, pflag.ContinueOnError)
	flags.SortFlags = false
	flags.Usage = func() {}
	for _, o := range s.Options {
		err := o.check(flags)
		if err == nil {
			err = o.declare(flags)
		}
		if err != nil {
			return nil, fmt.Errorf("option %q: %w", o.Name, err)
		}
	}
	return flags, nil
}

// check tells what is wrong with the names of an option; pflag would panic.
func (o Option) check(flags *pflag.FlagSet) error {
	switch {
	case o.Name == "" || strings.HasPrefix(o.Name, "-"):
		return fmt.Errorf("that is no name for an option")
	case o.Name == "help" || o.Short == "h":
		return fmt.Errorf("--help and -h are there already")
	case flags.Lookup(dashed(o.Name)) != nil:
		return fmt.Errorf("it is declared twice")
	case len(o.Short) > 1:
		return fmt.Errorf("its short form is one letter, not %q", o.Short)
	case o.Short != "" && flags.ShorthandLookup(o.Short) != nil:
		return fmt.Errorf("-%s is declared twice", o.Short)
	}
	return nil
}

// check tells what is wrong with the arguments by position.
func (s Spec) check() error {
	names := map[string]bool{}
	for _, o := range s.Options {
		names[o.Name] = true
	}
	for i, a := range s.Args {
		wrong := ""
		switch {
		case a.Name == "":
			wrong = "it has no name"
		case names[a.Name]:
			wrong = "it is declared twice"
		case !slices.Contains([]Type{"", String, Int, Date, Release, Duration, Shares, List}, a.Type):
			wrong = fmt.Sprintf("there is no type %q for it", a.Type)
		case a.Type == List && i < len(s.Args)-1:
			wrong = "only the last may be a list"
		case !a.Optional && i > 0 && s.Args[i-1].Optional:
			wrong = "it follows an optional one and is none"
		}
		if wrong != "" {
			return fmt.Errorf("argument %q: %s", a.Name, wrong)
		}
		names[a.Name] = true
	}
	return nil
}

func (o Option) declare(flags *pflag.FlagSet) error {
	name := dashed(o.Name)
	switch o.Type {
	case Flag:
		d, ok := o.Default.(bool)
		flags.BoolP(name, o.Short, d, o.Help)
		return wrongDefault(ok, o)
	case Int:
		d, ok := o.Default.(int)
		flags.IntP(name, o.Short, d, o.Help)
		return wrongDefault(ok, o)
	case List:
		d, ok := o.Default.([]string)
		flags.StringArrayP(name, o.Short, d, o.Help)
		return wrongDefault(ok, o)
	case "", String, Date, Release, Duration, Shares:
		d, ok := o.Default.(string)
		flags.StringP(name, o.Short, d, o.Help)
		return wrongDefault(ok, o)
	}
	return fmt.Errorf("there is no type %q", o.Type)
}

func wrongDefault(ok bool, o Option) error {
	if ok || o.Default == nil {
		return nil
	}
	return fmt.Errorf("its default does not fit its type")
}

// value returns what the operator gave, or the default. Options that have
// neither are nil, so that a script can tell.
func (o Option) value(flags *pflag.FlagSet) (any, error) {
	name := dashed(o.Name)
	switch o.Type {
	case Flag:
		return flags.GetBool(name)
	case Int:
		return flags.GetInt(name)
	case List:
		return flags.GetStringArray(name)
	}
	text, err := flags.GetString(name)
	if err != nil || !flags.Changed(name) && o.Default == nil {
		return nil, err
	}
	return read(o.Type, text)
}

// positional gives the words that are left to the arguments by position.
func (s Spec) positional(words []string, values map[string]any) error {
	for _, a := range s.Args {
		if a.Type == List {
			if len(words) == 0 && !a.Optional {
				return fmt.Errorf("%s is missing", strings.ToUpper(a.Name))
			}
			values[a.Name], words = words, nil
			continue
		}
		if len(words) == 0 {
			if !a.Optional {
				return fmt.Errorf("%s is missing: %s", strings.ToUpper(a.Name), a.Help)
			}
			values[a.Name] = nil
			continue
		}
		v, err := read(a.Type, words[0])
		if err != nil {
			return fmt.Errorf("%s: %w", strings.ToUpper(a.Name), err)
		}
		values[a.Name], words = v, words[1:]
	}
	if len(words) > 0 {
		return fmt.Errorf("one argument too many: %q", words[0])
	}
	return nil
}

// read turns text into a value of type t.
func read(t Type, text string) (any, error) {
	switch t {
	case Int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, fmt.Errorf("%q is no whole number", text)
		}
		return n, nil
	case Date:
		return text, CheckDate(text)
	case Release:
		return text, CheckRelease(text)
	case Duration:
		_, err := luahost.ParseDuration(text)
		return text, err // as the options of functions take it
	case Shares:
		return readShares(text)
	}
	return text, nil
}

// readShares reads "1,5,25%".
func readShares(text string) ([]string, error) {
	shares := strings.Split(text, ",")
	for _, s := range shares {
		if _, err := share.Of(s, 1); err != nil {
			return nil, err
		}
	}
	return shares, nil
}

// dateParts matches what is a date but for the number of days in the month.
var dateParts = lazyregexp.New(`^(\d{4})-(0[1-9]|1[0-2])-\d{2}$`)

// CheckDate tells whether text is a day that exists, as yyyy-mm-dd (ISO 8601).
func CheckDate(text string) error {
	if _, err := time.Parse(time.DateOnly, text); err == nil {
		return nil
	}
	m := dateParts().FindStringSubmatch(text)
	if m == nil {
		return fmt.Errorf("%q is no date: write yyyy-mm-dd", text)
	}
	y, _ := strconv.Atoi(m[1])
	mon, _ := strconv.Atoi(m[2])
	month := time.Date(y, time.Month(mon+1), 0, 0, 0, 0, 0, time.UTC)
	return fmt.Errorf("%q is no date: %s has %d days", text, month.Format("January 2006"), month.Day())
}

// laterOnes matches the second release of a day and those that follow.
var laterOnes = lazyregexp.New(`\.([2-9]|[1-9]\d+)$`)

// CheckRelease tells whether text can be the name of a release: a day that exists,
// and a number from 2 for those of that day that follow the first.
func CheckRelease(text string) error {
	day, number, several := strings.Cut(text, ".")
	if several && !laterOnes().MatchString(text) {
		return fmt.Errorf("%q is no release: the second one of %s is %s.2, not .%s", text, day, day, number)
	}
	return CheckDate(day)
}

// doubleDashes writes the long options among args with two dashes, up to "--":
// those that there are, and what could not be short ones either.
func (s Spec) doubleDashes(args []string) []string {
	out := slices.Clone(args)
	for i, a := range out {
		if a == "--" {
			break
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(a, "-"), "=")
		if strings.HasPrefix(a, "-") && !strings.HasPrefix(a, "--") && len(name) > 1 && (s.has(name) || !s.hasShort(name[:1])) {
			out[i] = "-" + a
		}
	}
	return out
}

func (s Spec) has(name string) bool {
	return name == "help" || slices.ContainsFunc(s.Options, func(o Option) bool { return dashed(o.Name) == name })
}

func (s Spec) hasShort(letter string) bool {
	return letter == "h" || slices.ContainsFunc(s.Options, func(o Option) bool { return o.Short == letter })
}

func dashed(name string) string { return strings.ReplaceAll(name, "_", "-") }
