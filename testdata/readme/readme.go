// Package readme has the commands of README.md for tests that run them.
package readme

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Block is a fenced block.
type Block struct {
	Language string // that its fence names: "sh" is commands, one a line
	Text     string
}

var (
	fenced = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")
	inline = regexp.MustCompile("`(farmrun [^`]+)`")
	note   = regexp.MustCompile(`\s{2,}(# )?\S.*$`)
)

// Blocks returns all blocks, in order.
func Blocks(t testing.TB) (blocks []Block) {
	t.Helper()
	for _, found := range fenced.FindAllStringSubmatch(text(t), -1) {
		blocks = append(blocks, Block{found[1], found[2]})
	}
	return blocks
}

// Commands returns those that stand in blocks, in order and without the notes
// beside them.
func Commands(t testing.TB) (commands []string) {
	t.Helper()
	for _, block := range Blocks(t) {
		if block.Language != "sh" {
			continue
		}
		for line := range strings.Lines(block.Text) {
			commands = append(commands, note.ReplaceAllString(strings.TrimSuffix(line, "\n"), ""))
		}
	}
	return commands
}

// Mentioned returns the commands that stand within sentences.
func Mentioned(t testing.TB) (commands []string) {
	t.Helper()
	for _, found := range inline.FindAllStringSubmatch(fenced.ReplaceAllString(text(t), ""), -1) {
		commands = append(commands, found[1])
	}
	return commands
}

// text is that of the README above the working directory, which is that of the
// test's package.
func text(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	for ; err == nil; dir = filepath.Dir(dir) {
		var text []byte
		text, err = os.ReadFile(filepath.Join(dir, "README.md"))
		if err == nil {
			return string(text)
		}
		if errors.Is(err, fs.ErrNotExist) && dir != filepath.Dir(dir) {
			err = nil
		}
	}
	t.Fatal(err)
	return ""
}
