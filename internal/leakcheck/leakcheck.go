// Package leakcheck fails the tests of a package that leave goroutines behind.
//
//	func TestMain(m *testing.M) { leakcheck.Main(m) }
package leakcheck

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// patience is what goroutines that were told to end get to do it.
const patience = 5 * time.Second

// harmless are parts of stacks of goroutines that live as long as a process.
var harmless = []string{
	"testing.(*M).Run(",
	"testing.(*M).startAlarm",
	"os/signal.signal_recv(",
	"os/signal.loop(",
	"runtime.ensureSigM",
	"leakcheck.stacks(",
}

// Main runs the tests of a package and exits; with 1 if they passed but left
// goroutines.
func Main(m *testing.M) {
	code := m.Run()
	if fuzz := flag.Lookup("test.fuzz"); fuzz != nil && fuzz.Value.String() != "" {
		os.Exit(code) // the fuzzing engine's own goroutines still run
	}
	if code == 0 {
		if err := Wait(patience); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// Wait returns nil as soon as no goroutine but the caller's is left, or, at the
// deadline, an error with the stacks of those that are.
func Wait(deadline time.Duration) error {
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	end := time.Now().Add(deadline)
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		left := Leaked()
		if len(left) == 0 {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("%d goroutines left behind:\n\n%s", len(left), strings.Join(left, "\n\n"))
		}
		time.Sleep(pause)
	}
}

// Leaked returns the stacks of the goroutines beside the caller's and those
// that live as long as the process.
func Leaked() []string {
	return slices.DeleteFunc(stacks(), func(stack string) bool {
		return slices.ContainsFunc(harmless, func(part string) bool { return strings.Contains(stack, part) })
	})
}

func stacks() []string {
	buf := make([]byte, 64<<10)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) {
			return strings.Split(strings.TrimSpace(string(buf[:n])), "\n\n")
		}
		buf = make([]byte, 2*len(buf))
	}
}
