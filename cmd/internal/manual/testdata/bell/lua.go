// Package bell is an example of a lua.go, for the tests.
package bell

import (
	"time"

	"farmrun/luahost"
)

// Module is the Lua half of this package:
//
//	local bell = require "bell"
//
// It rings bells, <loud> ones_too *, and counts: bell.ring does, bell.none not.
//
//   - bell.tone (string): the note a' of every bell
//   - peal.rung (integer): how often it has rung
//
// # Care
//
//  1. Ring it.
//  2. Stop.
//
// clock tells the time, and that is no matter of scripts.
func Module(clock string) luahost.Module { return luahost.Module{} }

type binding struct{}

// bell.ring(hosts [, options], work) -> peal, table or nil
//
// Rings once, e.g. at noon. This is a second sentence, about bell.ring{"a"} and
// peal:stop("now"), that goes on with a number which no line may begin with, as in
// 7. Options:
//
//   - loud: not quietly
//
//   - every, after: when to ring
//
//     A paragraph more.
func (b *binding) ring(c *luahost.Call) {
	b.swing(c)
}

func (b *binding) swing(c *luahost.Call) {
	type bells struct{ Count int }
	luahost.Options[struct {
		Loud        *bool
		EveryMinute time.Duration `lua:"every,required"`
		After, Then float64
		Bells       map[string]bells
		HTTPPort    []int
		Strange     chan int
	}](c, 2)
}

// peal:stop(until [, ...]) -> boolean
//
// @noon stops it at some time, which
// @until tells.
func stop(c *luahost.Call) {}

// host:strike{ hard = true }
//
// Strikes.
func strike(c *luahost.Call) { luahost.Options[struct{ Hard bool }](c, 2) }

// note is for readers of Go. It is no entry.
func note() {}
