package practice

import (
	_ "embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// Program is one that the farm, or a script on it, needs on this machine beside
// the POSIX tools.
type Program struct {
	Name    string   // in PATH, and of its package on Debian and most other systems
	Use     string   // why it is needed
	Scripts []string // those that need it, as in "cutover"; nil is the farm itself
}

// programs returns all of them.
func programs() []Program {
	return []Program{
		{"cvs", "the farm's repository and checkouts", nil},
		{"git", "releases from git", []string{"git-pull-snapshot"}},
		{"patch", "local patches", []string{"patch"}},
		{"rsync", "releases from an rsync daemon", []string{"rsync-pull-snapshot"}},
	}
}

// NeededBy tells whether a farm that runs script cannot do without p. A farm
// without a script is "".
func (p Program) NeededBy(script string) bool {
	return p.Scripts == nil || slices.Contains(p.Scripts, script)
}

// Missing returns the programs that are not in PATH, whatever needs them.
func Missing() []Program {
	return slices.DeleteFunc(programs(), func(p Program) bool { return has(p.Name) })
}

// MissingError is the error of Start on a machine that lacks a program that the
// farm needs.
type MissingError struct{ Programs []Program }

func (e *MissingError) Error() string {
	var list []string
	for _, p := range e.Programs {
		list = append(list, fmt.Sprintf("%s (for %s)", p.Name, p.Use))
	}
	return "not installed: " + strings.Join(list, ", ")
}

// Need returns a *MissingError if a farm that runs script, or none where that is
// "", lacks a program.
func Need(script string) error {
	needed := slices.DeleteFunc(Missing(), func(p Program) bool { return !p.NeededBy(script) })
	if len(needed) == 0 {
		return nil
	}
	return &MissingError{needed}
}

// Names returns the names of programs, separated by spaces.
func Names(programs []Program) string {
	var names []string
	for _, p := range programs {
		names = append(names, p.Name)
	}
	return strings.Join(names, " ")
}

// installScript installs Debian packages. It is a file of its own because
// testdata/check runs it, too.
//
//go:embed install.sh
var installScript string

// CanInstall tells whether Install can work here: on Debian and its relatives,
// as root or where there is sudo.
func CanInstall() bool { return has("apt-get") && (os.Geteuid() == 0 || has("sudo")) }

// Install installs programs where CanInstall, and starts no service that comes
// with them. The output goes to log; sudo asks for a password at the terminal.
// It cannot be interrupted from here, for that would leave a package half
// installed.
func Install(programs []Program, log io.Writer) error {
	words := append([]string{"sh", "-c", installScript, "install.sh"}, strings.Fields(Names(programs))...)
	if os.Geteuid() != 0 {
		words = append([]string{"sudo"}, words...)
	}
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	return cmd.Run()
}

// InstallCommand returns a command that installs programs on this system, to be
// run by the operator, or "" where no package manager is known.
func InstallCommand(programs []Program) string {
	for _, manager := range []string{
		"apt-get install -y", "dnf install -y", "yum install -y", "zypper install -y", "pacman -S", "apk add", "pkg install -y", "brew install",
	} {
		name, _, _ := strings.Cut(manager, " ")
		if has(name) {
			return asRoot(name, manager+" "+Names(programs))
		}
	}
	return ""
}

// asRoot has root run line, a package manager's command. Homebrew refuses that.
func asRoot(manager, line string) string {
	switch {
	case manager == "brew" || os.Geteuid() == 0:
		return line
	case has("sudo"):
		return "sudo " + line
	}
	return "su -c '" + line + "'"
}

func has(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}
