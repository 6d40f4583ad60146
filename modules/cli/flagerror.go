package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"farmrun/luahost"
)

// FlagError words an error of flags.Parse for people, and names the nearest
// option where there is none of that name.
func FlagError(flags *pflag.FlagSet, err error) error {
	var unknown *pflag.NotExistError
	var lacking *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		return fmt.Errorf("there is no option -%s", unknown.GetSpecifiedName())
	case errors.As(err, &unknown):
		var names []string
		flags.VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
		written := "--" + unknown.GetSpecifiedName()
		return fmt.Errorf("there is no option %s%s", written, luahost.DidYouMean(written, names))
	case errors.As(err, &lacking):
		return fmt.Errorf("--%s takes a value", lacking.GetFlag().Name)
	case errors.As(err, &invalid):
		return fmt.Errorf("--%s takes %s, not %q", invalid.GetFlag().Name, wants(invalid.GetFlag()), invalid.GetValue())
	}
	return err
}

// wants says what a flag's value has to be.
func wants(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "int":
		return "a whole number"
	case "bool":
		return "true or false"
	}
	return "something else"
}
