package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"farmrun/cmd/internal/runpage"
	"farmrun/luahost/asciicast"
	"farmrun/luahost/console"
	"farmrun/luahost/recorder"
	"farmrun/luahost/runs"
)

// pageName is the name of a run's page in its directory.
const pageName = "report.html"

// reportJob makes the page of a run, the newest if none is named, and says where
// it is.
func reportJob(_ flags, args []string) (job, error) {
	if len(args) > 1 {
		return nil, usageError("farmrun report takes one run")
	}
	return jobFunc(func(_ context.Context, out *console.Console) error {
		store, err := runStore()
		if err != nil {
			return err
		}
		id, err := findRun(store, strings.Join(args, ""))
		if err != nil {
			return err
		}
		path, err := writePage(store, id)
		if err != nil {
			return err
		}
		out.Print("", path+"\n")
		return nil
	}), nil
}

// writePage writes the page of a run into its directory.
func writePage(store runs.Store, id string) (path string, err error) {
	records, err := store.Records(id)
	if err != nil {
		return "", err
	}
	dir := store.Path(id)
	path = filepath.Join(dir, pageName)
	kept, err := recorder.List(dir)
	if err != nil {
		return "", err
	}
	source := runpage.Source{
		Records:  records,
		Now:      time.Now(),
		UnderWay: store.InUse(id),
		Said: func(host string, n int) []runs.Said {
			said, _ := runs.ReadLog(dir, host, n) // a page without it is better than none
			return said
		},
		Recordings: func(host string) []runpage.Recording { return recordings(kept.Of(host)) },
	}
	return path, writeFile(path, func(w io.Writer) error { return runpage.Write(w, source) })
}

// writeFile writes a file for this user's eyes only, in one piece: who looks sees
// the one before or the whole new one.
func writeFile(path string, write func(io.Writer) error) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".new-")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	buffered := bufio.NewWriter(file)
	if err = write(buffered); err == nil {
		err = buffered.Flush()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

// mostEvents is how much of a recording is read for a page.
const mostEvents = 20000

// recordings returns those of the recordings that can be read.
func recordings(paths []string) (all []runpage.Recording) {
	for _, path := range paths {
		if r, err := readRecording(path); err == nil {
			all = append(all, r)
		}
	}
	return all
}

func readRecording(path string) (runpage.Recording, error) {
	file, err := os.Open(path)
	if err != nil {
		return runpage.Recording{}, err
	}
	defer file.Close()
	r, err := asciicast.NewReader(file)
	if err != nil {
		return runpage.Recording{}, err
	}
	rec := runpage.Recording{Name: name(path), Title: r.Header.Title}
	for {
		e, err := r.Next()
		if err != nil {
			return rec, nil // its end, or where it was broken off
		}
		if len(rec.Events) == mostEvents {
			rec.Cut = true
			return rec, nil
		}
		rec.Events = append(rec.Events, e)
	}
}

// writePage writes the page of this run, if there was a rollout in it.
func (w *world) writePage() {
	if !w.rolledOut {
		return
	}
	run, err := w.chronicle.open()
	if err != nil {
		return // it has been told
	}
	path, err := writePage(w.chronicle.store, run.ID)
	if err != nil {
		note(w.out, "there is no page of this run: %v", err)
		return
	}
	note(w.out, "the page of this run: %s", path)
}
