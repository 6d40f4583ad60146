//go:build race

package main

// limit is how a script begins that runs farmrun in as little memory as it may
// need: the race detector has to have more than any limit.
const limit = ""
