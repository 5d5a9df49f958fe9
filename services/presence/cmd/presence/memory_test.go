package main

import (
	"runtime/debug"
	"testing"
)

func TestTheHeapIsBoundUnlessTheOperatorSaysHow(t *testing.T) {
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	for gogc, want := range map[string]int{"": gcPercent, "80": 100, "off": 100} {
		debug.SetGCPercent(100) // the runtime's own reading of GOGC isn't the subject
		boundHeap(func(string) string { return gogc })
		if got := debug.SetGCPercent(100); got != want {
			t.Errorf("GOGC=%q: %d, want %d", gogc, got, want)
		}
	}
}
