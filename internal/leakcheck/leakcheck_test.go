package leakcheck_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"rollcall.dev/internal/leakcheck"
)

const envLeak = "ROLLCALL_LEAKCHECK_TEST_LEAK"

func TestMain(m *testing.M) { leakcheck.Main(m) }

func forgotten(forever chan struct{}) { <-forever }

// TestLeak leaks only when TestMainFails runs this binary again.
func TestLeak(t *testing.T) {
	if os.Getenv(envLeak) == "" {
		t.Skip("runs in a process of its own")
	}
	go forgotten(make(chan struct{}))
}

func TestMainFails(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestLeak$")
	cmd.Env = append(os.Environ(), envLeak+"=1")
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Fatalf("a leak passed:\n%s", out)
	}
	if !strings.Contains(string(out), "1 goroutines left behind") || !strings.Contains(string(out), "forgotten") {
		t.Errorf("output does not name the leak:\n%s", out)
	}
}

func TestWait(t *testing.T) {
	ends := make(chan struct{})
	go forgotten(ends)
	before := len(leakcheck.Leaked())
	if before == 0 {
		t.Fatal("a running goroutine isn't seen")
	}
	close(ends)
	for begun := time.Now(); len(leakcheck.Leaked()) >= before; {
		if time.Since(begun) > 5*time.Second {
			t.Fatal("an ended goroutine is still seen")
		}
	}
}
