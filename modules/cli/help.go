package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// Help returns what --help prints.
func (s Spec) Help() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage: farmrun %s\n", s.usage())
	if s.About != "" {
		fmt.Fprintf(&b, "\n%s\n", strings.TrimSpace(s.About))
	}
	if len(s.Args) > 0 {
		b.WriteString("\nArguments:\n")
		width := 0
		for _, a := range s.Args {
			width = max(width, len(a.Name))
		}
		for _, a := range s.Args {
			b.WriteString(helpLine(width, strings.ToUpper(a.Name), a.Help))
		}
	}
	b.WriteString("\nOptions:\n")
	b.WriteString(s.optionHelp())
	return b.String()
}

func (s Spec) usage() string {
	if s.Usage != "" {
		return s.Usage
	}
	words := []string{s.Name, "[options]"}
	for _, a := range s.Args {
		word := strings.ToUpper(a.Name)
		if a.Type == List {
			word += "..."
		}
		if a.Optional {
			word = "[" + word + "]"
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

func (s Spec) optionHelp() string {
	flags, err := s.flags()
	if err != nil {
		return err.Error() + "\n"
	}
	flags.BoolP("help", "h", false, "show this help")
	return FlagHelp(flags)
}

// FlagHelp lists flags for people: a line each, the defaults that are not zero.
func FlagHelp(flags *pflag.FlagSet) string {
	var rows [][2]string
	width := 0
	flags.VisitAll(func(f *pflag.Flag) {
		row := [2]string{flagName(f), f.Usage}
		if f.DefValue != "" && f.DefValue != "0" && f.DefValue != "false" && f.DefValue != "[]" {
			row[1] = strings.TrimSpace(row[1] + fmt.Sprintf(" (default %q)", f.DefValue))
		}
		width = max(width, len(row[0]))
		rows = append(rows, row)
	})
	var b strings.Builder
	for _, row := range rows {
		b.WriteString(helpLine(width, row[0], row[1]))
	}
	return b.String()
}

func helpLine(width int, name, help string) string {
	return strings.TrimRight(fmt.Sprintf("  %-*s   %s", width, name, help), " ") + "\n"
}

// flagName is "-d, --dir DIR" for a flag that takes a value.
func flagName(f *pflag.Flag) string {
	name := "    --" + f.Name
	if f.Shorthand != "" {
		name = "-" + f.Shorthand + ", --" + f.Name
	}
	if f.Value.Type() != "bool" {
		name += " " + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
	}
	return name
}
