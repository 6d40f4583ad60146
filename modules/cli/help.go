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
			fmt.Fprintf(&b, "  %-*s   %s\n", width, strings.ToUpper(a.Name), a.Help)
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
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.SortFlags = false
	for _, o := range s.Options {
		if o.declare(flags) != nil {
			continue
		}
	}
	flags.BoolP("help", "h", false, "show this help")
	return flags.FlagUsages()
}
