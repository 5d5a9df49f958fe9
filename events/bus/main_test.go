package bus

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if runBrokerChild() {
		return
	}
	code := m.Run()
	stopSharedBroker()
	if code == 0 {
		if left := leakedGoroutines(15 * time.Second); left != "" {
			fmt.Fprintf(os.Stderr, "goroutines left behind by the tests:\n\n%s\n", left)
			code = 1
		}
	}
	os.Exit(code)
}

// leakedGoroutines waits for goroutines of ours and of kafka-go to end, and
// returns the stacks of those that don't. kafka-go's connections end some time
// after the call that used them: at their deadline, or at the idle timeout.
func leakedGoroutines(patience time.Duration) string {
	deadline := time.Now().Add(patience)
	for {
		var left []string
		buf := make([]byte, 8<<20)
		buf = buf[:runtime.Stack(buf, true)]
		for g := range strings.SplitSeq(string(buf), "\n\n") {
			ours := strings.Contains(g, "rollcall.dev/events/bus.") || strings.Contains(g, "segmentio/kafka-go")
			if ours && !strings.Contains(g, "bus.TestMain(") {
				left = append(left, g)
			}
		}
		if len(left) == 0 {
			return ""
		}
		if time.Now().After(deadline) {
			return strings.Join(left, "\n\n")
		}
		time.Sleep(20 * time.Millisecond)
	}
}
