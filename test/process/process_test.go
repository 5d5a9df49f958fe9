package process

import (
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// TestMain: a process of this test says what it is asked to, and waits.
func TestMain(m *testing.M) {
	if os.Getenv("PROCESS_TEST_SAY") == "" {
		os.Exit(m.Run())
	}
	os.Stdout.WriteString(os.Getenv("PROCESS_TEST_SAY") + os.Getenv("ROLLCALL_SETTING"))
	if os.Getenv("PROCESS_TEST_CODE") != "" {
		os.Exit(7)
	}
	select {}
}

func start(t *testing.T, more ...string) *Process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := Start("test", self, nil, more...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

func TestAProgramEndsWithItsCodeAndWithoutOurSettings(t *testing.T) {
	t.Setenv("ROLLCALL_SETTING", "of this process")
	p := start(t, "PROCESS_TEST_SAY=hello", "PROCESS_TEST_CODE=7")
	code, err := p.Wait(10 * time.Second)
	if err != nil || code != 7 || !p.Ended() || p.Output() != "hello" {
		t.Errorf("code %d, %v, said %q", code, err, p.Output())
	}
}

func TestAKilledProgramHasEnded(t *testing.T) {
	p := start(t, "PROCESS_TEST_SAY=hello")
	if _, err := p.Wait(time.Millisecond); err == nil || p.Ended() {
		t.Error("it ended by itself")
	}
	p.Kill()
	p.Kill()
	if code, err := p.Wait(0); code != -1 || err != nil {
		t.Errorf("code %d, %v", code, err)
	}
}

func TestOutputIsBounded(t *testing.T) {
	var o output
	line := []byte(strings.Repeat("a", 1023) + "\n")
	for range 4096 {
		_, _ = o.Write(line)
	}
	_, _ = o.Write([]byte("the last"))
	if got := o.String(); len(got) > maxOutput*5/4+1024 || !strings.HasSuffix(got, "the last") {
		t.Errorf("%d bytes, end %q", len(got), Tail(got, 20))
	}
}

func TestFreeAddrIsFree(t *testing.T) {
	addr, err := FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
}
