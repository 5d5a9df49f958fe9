package e2e

import (
	"cmp"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/test/e2e/harness"
	"rollcall.dev/test/process"
)

func TestStandalone(t *testing.T) {
	t.Parallel()
	s := harness.StartStandalone(t, bin, "", prefix(t))
	topics := schema.Topics{Prefix: s.Prefix}
	w := &world{near: s.Edge, far: s.Edge, presence: []string{s.Presence}, lifecycle: harness.Follow(t, s.Brokers, topics.Lifecycle()), channels: harness.Follow(t, s.Brokers, topics.ChannelEvents())}
	t.Run("scenarios", w.run)
	validRecords(t, w.lifecycle, w.channels)
	t.Run("says what it serves", func(t *testing.T) { saysWhatItServes(t, s) })
	t.Run("a taken port", func(t *testing.T) { takenPort(t, s) })
	t.Run("operations", func(t *testing.T) { operations(t, s) })
	t.Run("a frame that crashes gws", func(t *testing.T) { badFrame(t, w) })
	endsCleanly(t, s, syscall.SIGINT)
}

// endsCleanly: Ctrl-C, in under 5 s, with exit code 0, and each client is told
// why in the ERROR frame before the close.
func endsCleanly(t *testing.T, s *harness.Standalone, sig syscall.Signal) {
	t.Helper()
	in := harness.Connect(t, s.Edge, "who stays").Join("room.of.the.last")
	in.WaitMembers("who stays")
	begun := time.Now()
	s.Signal(sig)
	if code := s.Wait(5 * time.Second); code != 0 {
		t.Errorf("exit code %d after %v", code, sig)
	}
	t.Logf("ended %v after %v", time.Since(begun), sig)
	if told := in.WaitEnd(); !strings.Contains(told.Body, string(schema.ReasonServerShutdown)) {
		t.Errorf("the client was told %v", told)
	}
}

// operations: health, readiness and metrics of every service; never on the
// edge's public port, which has the demo page.
func operations(t *testing.T, s *harness.Standalone) {
	for _, addr := range []string{s.EdgeOps, s.Presence, s.Notifier} {
		for path, want := range map[string]string{"/healthz": "", "/readyz": "", "/metrics": "go_goroutines"} {
			status, body, err := process.Get("http://" + addr + path)
			if err != nil || status != http.StatusOK || !strings.Contains(body, want) {
				t.Errorf("%s%s: %d %v, no %q in %.200s", addr, path, status, err, want, body)
			}
		}
	}
	if status, _, err := process.Get("http://" + s.Edge + "/metrics"); err != nil || status == http.StatusOK {
		t.Errorf("metrics on the public port: %d %v", status, err)
	}
	if status, body, err := process.Get("http://" + s.Edge + "/"); err != nil || status != http.StatusOK || !strings.Contains(body, "<html") {
		t.Errorf("demo page: %d %v %.200s", status, err, body)
	}
}

// badFrame: 14 bytes whose length is negative cost their sender the
// connection, and nobody else anything (TRAPS.md section 3).
func badFrame(t *testing.T, w *world) {
	alice, name := user(t, "alice"), room(t)
	a := harness.Connect(t, w.near, alice)
	inA := a.Join(name)
	conn := harness.Upgrade(t, w.near)
	if _, err := conn.Write([]byte{0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4}); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(harness.Patience)); err != nil {
		t.Fatal(err)
	}
	for buf := make([]byte, 256); ; {
		if _, err := conn.Read(buf); err != nil {
			if os.IsTimeout(err) {
				t.Error("the connection is still open")
			}
			break
		}
	}
	a.Send(name, "nobody noticed")
	inA.WaitMessage("nobody noticed")
}

func TestRestartKeepsTheLog(t *testing.T) {
	if os.Getenv(harness.EnvBrokers) != "" {
		t.Skip("is about the embedded broker")
	}
	t.Parallel()
	dir, name := t.TempDir(), room(t)
	first := harness.StartStandalone(t, bin, dir, "")
	topics := schema.Topics{}
	a := harness.Connect(t, first.Edge, "alice")
	inA := a.Join(name)
	harness.Connect(t, first.Edge, "bob").Join(name)
	inA.WaitMembers("alice", "bob")
	a.Send(name, "remember this")
	inA.WaitMessage("remember this")
	before := harness.Follow(t, first.Brokers, topics.ChannelEvents())
	_, m := harness.Of(before, "the message", func(d *schema.MessagePublished) bool { return d.Body == "remember this" })
	endsCleanly(t, first, syscall.SIGTERM)

	second := harness.StartStandalone(t, bin, dir, "")
	lifecycle := harness.Follow(t, second.Brokers, topics.Lifecycle())
	_, kept := harness.Of(harness.Follow(t, second.Brokers, topics.ChannelEvents()), "the message, kept",
		func(d *schema.MessagePublished) bool { return d.Body == "remember this" })
	if kept.Session != m.Session {
		t.Errorf("kept %+v, want %+v", kept, m)
	}
	_, end := harness.Of(lifecycle, "alice's end", func(d *schema.SessionDisconnected) bool { return d.Session == a.Session })
	if end.Reason != schema.ReasonServerShutdown || end.Initiator != schema.InitiatorServer {
		t.Errorf("alice's session ended with %+v", end)
	}
	inC := harness.Connect(t, second.Edge, "carol").Join(name)
	inC.WaitMembers("carol") // alice and bob don't stay as ghosts
	validate(t, inC)
}

// It prints what it serves and where, and how to watch the log.
func saysWhatItServes(t *testing.T, s *harness.Standalone) {
	for _, want := range []string{s.Edge, s.EdgeOps, s.Presence, s.Notifier, s.Brokers[0], "kcat"} {
		_, port, _ := strings.Cut(want, ":")
		if !strings.Contains(s.Output(), cmp.Or(port, want)) {
			t.Errorf("doesn't say %q:\n%s", want, s.Output())
		}
	}
	if lines := slices.Collect(strings.Lines(s.Output())); len(lines) > 40 {
		t.Errorf("says %d lines at the start:\n%s", len(lines), s.Output())
	}
}
