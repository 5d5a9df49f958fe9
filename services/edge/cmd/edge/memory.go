package main

import "runtime/debug"

// gcPercent has the heap grow by half, not to twice its size, between
// collections. Most of what an edge has in memory are idle sessions, so what it
// may grow by is a good part of what a session costs: 1 of 8.2 KiB. The price
// is some 20 µs of processor time for each that connects and subscribes, a
// fourteenth of what that takes; idle sessions make hardly any garbage.
const gcPercent = 50

// boundHeap applies gcPercent, unless GOGC says something else.
func boundHeap(getenv func(string) string) {
	if getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
