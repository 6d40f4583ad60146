package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"farmrun/cmd/internal/manual"
	"farmrun/luahost/console"
	"farmrun/scripts"
)

// initJob writes copies of the scripts into a directory, and what an editor
// wants to know.
func initJob(_ flags, args []string) (job, error) {
	if len(args) != 1 || args[0] == "" { // as of a variable that is not set
		return nil, usageError("farmrun init takes one directory")
	}
	return jobFunc(func(_ context.Context, out *console.Console) error {
		return copyScripts(args[0], out)
	}), nil
}

// copyScripts copies the scripts and the editor's files to dir. A file that is
// there already stays as it is, but for those that nobody edits.
func copyScripts(dir string, out *console.Console) error {
	err := fs.WalkDir(scripts.Files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := scripts.Files.ReadFile(name)
		if err != nil {
			return err
		}
		return write(filepath.Join(dir, filepath.FromSlash(name)), text, true, out)
	})
	if err == nil {
		err = writeEditorFiles(dir, out)
	}
	if err != nil {
		return err
	}
	note(out, "edit %s, then try: farmrun --site %[1]s -c uptime @web", filepath.Join(dir, "site.lua"))
	return nil
}

// writeEditorFiles writes what makes an editor know farmrun's functions.
func writeEditorFiles(dir string, out *console.Console) error {
	m, err := readManual()
	if err != nil {
		return err
	}
	files := m.EditorFiles()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		edited := !strings.HasPrefix(name, manual.StubDir+"/")
		if err := write(path, []byte(files[name]), edited, out); err != nil {
			return err
		}
	}
	return nil
}

// write writes a file, unless it is there and as it should be. Another that is
// there is left as it is, and named, if it is one that people edit.
func write(path string, text []byte, edited bool, out *console.Console) error {
	there, err := os.ReadFile(path)
	switch {
	case err == nil && bytes.Equal(there, text):
		return nil
	case edited && err == nil:
		note(out, "%s is not the one that comes with this farmrun: left as it is", path)
		return nil
	case edited && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	if err := os.WriteFile(path, text, 0o666); err != nil {
		return err
	}
	out.Print("", path+"\n")
	return nil
}
