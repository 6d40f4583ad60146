package main

import (
	"context"
	"os"

	"farmrun/luahost"
	"farmrun/luahost/console"
)

// checkJob compiles scripts without running them.
func checkJob(_ flags, args []string) (job, error) {
	if len(args) == 0 {
		return nil, usageError("farmrun check takes the files to check")
	}
	return jobFunc(func(ctx context.Context, out *console.Console) error {
		rt := luahost.New(ctx, luahost.Config{})
		defer rt.Close()
		bad := 0
		for _, path := range args {
			text, err := os.ReadFile(path)
			if err == nil {
				err = rt.Check(string(text), path)
			}
			if err != nil {
				out.Note("", "%v", err)
				bad++
			}
		}
		if bad > 0 {
			return brokenError(bad, len(args))
		}
		return nil
	}), nil
}

// brokenError says how many of the files are no Lua.
func brokenError(bad, all int) error {
	return &luahost.Error{Kind: luahost.Script, Message: plural(bad, "file") + " of " + plural(all, "file") + " would not run"}
}
