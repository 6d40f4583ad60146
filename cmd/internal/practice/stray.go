package practice

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
)

// endStrays kills what a script left running on the hosts under dir, in the
// background and on purpose: every process with the environment of such a
// host. It finds them where there is a /proc; elsewhere they live on.
func endStrays(dir string) {
	mark := []byte("PRACTICE_ROOT=" + dir + string(filepath.Separator))
	const rounds = 100 // what is killed may just have started another; what cannot be killed is left
	for again, round := true, 0; again && round < rounds; round++ {
		again = false
		environs, _ := filepath.Glob("/proc/[0-9]*/environ")
		for _, path := range environs {
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil && endIf(pid, path, mark) {
				again = true
			}
		}
	}
}

// endIf kills the process if its environment has mark in it. The process is
// got hold of before it is looked at, so that no other one with its number can
// be meant.
func endIf(pid int, environ string, mark []byte) bool {
	process, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	defer process.Release()
	env, err := os.ReadFile(environ)
	if err != nil || !bytes.Contains(env, mark) {
		return false
	}
	return process.Kill() == nil
}
