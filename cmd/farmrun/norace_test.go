//go:build !race

package main

// limit is how a script begins that runs farmrun in as little memory as it may
// need: 3.5 GB, of which Go and C take half without using it.
const limit = "ulimit -v 3500000 &&"
