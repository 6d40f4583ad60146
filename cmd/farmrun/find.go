package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"farmrun/luahost"
	"farmrun/scripts"
)

// finder finds Lua files: the script that was named, and what it requires.
// Places are looked at in order, the scripts in the binary last.
type finder struct {
	dirs []string // where files are looked for
	site string   // the site file that was named, or ""
	// example lets "site" be the one in the binary, which is nobody's: it does
	// for the help of a script.
	example bool
}

// newFinder returns a finder for a script in dir ("" for one in the binary).
func newFinder(site, dir string) finder {
	f := finder{site: site}
	if dir != "" {
		f.dirs = append(f.dirs, dir)
	}
	if site != "" {
		f.dirs = append(f.dirs, filepath.Dir(site))
	}
	f.dirs = append(f.dirs, ".")
	if config, err := os.UserConfigDir(); err == nil {
		f.dirs = append(f.dirs, filepath.Join(config, "farmrun"))
	}
	f.dirs = slices.Compact(f.dirs)
	return f
}

// noSiteError says that there is no site file.
type noSiteError struct{ dirs []string }

func (e *noSiteError) Error() string { return "there is no site file" }
func (e *noSiteError) Hint() string {
	return fmt.Sprintf("farmrun init DIR makes one to edit, or name yours with --site; site.lua is not in %s", strings.Join(e.dirs, ", "))
}

// noModuleError says that there is no Lua file for a name that a script requires.
type noModuleError struct {
	files []string // that were looked for
	names []string // of the files that are there
}

func (e *noModuleError) Error() string   { return "there is no such file" }
func (e *noModuleError) Unwrap() error   { return fs.ErrNotExist }
func (e *noModuleError) Names() []string { return e.names }
func (e *noModuleError) Hint() string {
	return "farmrun has no module of that name, and there is no file " + strings.Join(e.files, ", ")
}

// find is luahost.Config.Find.
func (f finder) find(name string) (source []byte, path string, err error) {
	if name == "site" && f.site != "" {
		source, err = os.ReadFile(f.site)
		return source, f.site, err
	}
	file := strings.ReplaceAll(name, ".", "/") + ".lua"
	for _, dir := range f.dirs {
		path = filepath.Join(dir, filepath.FromSlash(file))
		if source, err = os.ReadFile(path); !errors.Is(err, fs.ErrNotExist) {
			return source, path, err
		}
	}
	if name == "site" && !f.example {
		return nil, "", &noSiteError{f.dirs}
	}
	path = "scripts/" + file
	if source, err = scripts.Files.ReadFile(file); err != nil {
		return nil, "", f.noModule(file)
	}
	return source, path, nil
}

// noModule returns the error for a file that is nowhere.
func (f finder) noModule(file string) error {
	e := &noModuleError{names: scriptNames()}
	for _, dir := range f.dirs {
		e.files = append(e.files, filepath.Join(dir, filepath.FromSlash(file)))
		e.names = append(e.names, luaFiles(os.DirFS(dir))...)
	}
	e.files = append(e.files, "scripts/"+file+" in farmrun itself")
	return e
}

// hasSite tells whether there is a site file, one that cannot be read included.
func (f finder) hasSite() bool {
	_, _, err := f.find("site")
	_, none := errors.AsType[*noSiteError](err)
	return !none
}

// findScript returns the script that the operator named, by path or as a bare
// word, and a finder for what it requires.
func findScript(site, name string) (source, path string, f finder, err error) {
	if strings.HasSuffix(name, ".lua") || strings.ContainsRune(name, '/') {
		if info, err := os.Stat(name); err == nil && info.IsDir() {
			return "", "", finder{}, usageError("%s is a directory, not a script", name)
		}
		text, err := os.ReadFile(name)
		if err == nil {
			return string(text), name, newFinder(site, filepath.Dir(name)), nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", "", finder{}, usageError("%v", err)
		}
	}
	if text, path, f, ok := findByWord(site, strings.TrimSuffix(name, ".lua")); ok {
		return text, path, f, nil
	}
	return "", "", finder{}, noScriptError(name)
}

// findByWord looks a script up where require would.
func findByWord(site, word string) (source, path string, f finder, ok bool) {
	if strings.ContainsAny(word, "/\\.") {
		return "", "", finder{}, false
	}
	text, path, err := newFinder(site, "").find(word)
	if err != nil {
		return "", "", finder{}, false
	}
	dir := filepath.Dir(path)
	if !exists(path) {
		dir = ""
	}
	return string(text), path, newFinder(site, dir), true
}

func noScriptError(name string) error {
	written := strings.TrimSuffix(filepath.Base(name), ".lua")
	return usageError("there is no script %q%s", name, luahost.DidYouMean(written, slices.Concat(scriptNames(), commandNames())))
}

// scriptNames returns the names of the scripts in the binary.
func scriptNames() []string { return luaFiles(scripts.Files) }

// luaFiles returns the names of the Lua files of a folder, without ".lua".
func luaFiles(folder fs.FS) []string {
	files, _ := fs.Glob(folder, "*.lua") // the pattern is well-formed
	for i, file := range files {
		files[i] = strings.TrimSuffix(file, ".lua")
	}
	return files
}
