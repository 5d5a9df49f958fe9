package main

import "runtime/debug"

// gcPercent has the heap grow by half, not to twice its size, between
// collections: nearly all that presence has in memory is state, kept for as long
// as its users are there.
const gcPercent = 50

// boundHeap applies gcPercent, unless GOGC says something else.
func boundHeap(getenv func(string) string) {
	if getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
