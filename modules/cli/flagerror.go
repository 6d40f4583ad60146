package cli

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"farmrun/luahost"
)

// FlagError words an error of flags.Parse for people, and names the nearest
// option where there is none of that name. before are the options of farmrun
// itself, as they are written: they stand before the word that flags belong to.
func FlagError(flags *pflag.FlagSet, before []string, err error) error {
	var unknown *pflag.NotExistError
	var lacking *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		return unknownError(flags, before, unknown)
	case errors.As(err, &lacking):
		return fmt.Errorf("--%s takes a value", lacking.GetFlag().Name)
	case errors.As(err, &invalid):
		return fmt.Errorf("--%s takes %s, not %q", invalid.GetFlag().Name, wants(invalid.GetFlag()), invalid.GetValue())
	}
	return err
}

// unknownError is for an option that flags do not have.
func unknownError(flags *pflag.FlagSet, before []string, unknown *pflag.NotExistError) error {
	written, short := "--"+unknown.GetSpecifiedName(), unknown.GetSpecifiedShortnames() != ""
	if short {
		written = written[1:]
	}
	if slices.Contains(before, written) {
		return fmt.Errorf("%[1]s is an option of farmrun itself, and comes first: farmrun %[1]s …", written)
	}
	var names []string
	if !short {
		flags.VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
	}
	return fmt.Errorf("there is no option %s%s", written, luahost.DidYouMean(written, names))
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
