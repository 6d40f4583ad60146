// Package nodeset reads and writes sets of hosts in the syntax of ClusterShell
// (nodeset(1), clush(1)), which operators of farms know:
//
//	webserv[1-20]            webserv1, webserv2, … webserv20
//	web[001-010]             zeros in front are kept: web001 … web010
//	web[0-10/2]              every second one
//	web[1-3,7,9-11]          several ranges
//	rack[1-2]n[1-4]          several dimensions
//	@front                   a group, as the site file defines it
//	@rack[1-3]               several groups
//	@*                       all hosts of the site
//	a,b                      either: union
//	a!b                      a without b: difference
//	a&b                      both: intersection
//	a^b                      one of the two, not both: symmetric difference
//
// The operators have one rank and are read from left to right, with or without
// spaces around them: web[1-9]!web3,web3 has web3 in it. There are no
// parentheses; a group serves for that.
//
// A set has an order, in which a rollout takes its hosts. It is ClusterShell's:
// hosts whose names differ only in their numbers stand together and in the
// order of these numbers, so web9 comes before web10; names with other letters
// are in the order of their bytes. With several numbers in a name the first
// counts most. (ClusterShell itself orders those by how it happens to fold
// them.) How the set was written makes no difference.
//
// web1 and web01 are two hosts.
//
// Unlike ClusterShell, Parse refuses names that cannot be those of hosts, sets
// that come to nothing, negative numbers, and sets of more than MaxHosts.
package nodeset

import (
	"errors"
	"fmt"

	"farmrun/luahost"
)

// MaxHosts is how many hosts the parts of one set may name altogether.
const MaxHosts = 100_000

// Errors that decide what to do next.
var (
	ErrEmpty = errors.New("no host is in the set")
	ErrSize  = fmt.Errorf("more than %d hosts", MaxHosts)
)

// Groups tells what groups stand for. The zero value knows none.
type Groups struct {
	// Find returns the set that a group stands for, in the syntax of this
	// package; it may name further groups. nil finds none.
	Find func(name string) (set string, ok bool)
	// Names returns the names of all groups, for the error that names the one
	// that was probably meant. nil is none.
	Names func() []string
	// All returns what @* stands for. nil makes @* an error.
	All func() []string
}

// Parse returns the hosts of a set, each once, in the order that the package
// comment describes. Its errors are a *SyntaxError, which may wrap ErrSize, an
// *UnknownGroupError or a *GroupError, and ErrEmpty wrapped with the set's
// text for a set that comes to nothing.
func Parse(set string, groups Groups) ([]string, error) {
	e := &evaluation{groups: groups, left: MaxHosts, known: map[string]hosts{}}
	found, err := e.eval(set)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("host set %s: %w", quote(set), ErrEmpty)
	}
	names := make([]string, 0, len(found))
	for name := range found {
		names = append(names, name)
	}
	Sort(names)
	return names, nil
}

// SyntaxError is a set that cannot be read.
type SyntaxError struct {
	Set    string
	Column int // of the character that is wrong, from 1; one past the last at the end
	Msg    string
	hint   string
	err    error
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("host set %s: column %d: %s", quote(e.Set), e.Column, e.Msg)
}

// Hint says how it would be right, or nothing.
func (e *SyntaxError) Hint() string { return e.hint }

// Unwrap returns ErrSize if the set is too large.
func (e *SyntaxError) Unwrap() error { return e.err }

// Kind says that the arguments are wrong.
func (e *SyntaxError) Kind() string { return "usage" }

// UnknownGroupError is a group that is not defined.
type UnknownGroupError struct {
	Set    string
	Column int // of the "@", from 1
	Name   string
	Known  []string // the groups there are
}

func (e *UnknownGroupError) Error() string {
	return fmt.Sprintf("host set %s: column %d: there is no group %q%s",
		quote(e.Set), e.Column, e.Name, luahost.DidYouMean(e.Name, e.Known))
}

// Kind says that the arguments are wrong.
func (e *UnknownGroupError) Kind() string { return "usage" }

// GroupError is a group whose own set is at fault. Where groups name groups, it
// is the innermost.
type GroupError struct {
	Name string
	Err  error
}

func (e *GroupError) Error() string { return fmt.Sprintf("group @%s: %v", e.Name, e.Err) }

// Unwrap returns what is wrong with the group's set.
func (e *GroupError) Unwrap() error { return e.Err }

// quote returns the set for a message, cut where it is long.
func quote(set string) string {
	const most = 60
	if r := []rune(set); len(r) > most {
		set = string(r[:most]) + "…"
	}
	return fmt.Sprintf("%q", set)
}
