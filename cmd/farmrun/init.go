package main

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

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
// there already stays as it is.
func copyScripts(dir string, out *console.Console) error {
	err := fs.WalkDir(scripts.Files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := scripts.Files.ReadFile(name)
		if err != nil {
			return err
		}
		return writeNew(filepath.Join(dir, filepath.FromSlash(name)), text, out)
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
		if err := writeNew(filepath.Join(dir, filepath.FromSlash(name)), []byte(files[name]), out); err != nil {
			return err
		}
	}
	return nil
}

// writeNew writes a file, unless there is one.
func writeNew(path string, text []byte, out *console.Console) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		note(out, "%s is there already: left as it is", path)
		return nil
	}
	if err != nil {
		return err
	}
	out.Print("", path+"\n")
	_, err = file.Write(text)
	return errors.Join(err, file.Close())
}
