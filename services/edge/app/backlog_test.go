package app

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"rollcall.dev/services/edge/auth"
	"rollcall.dev/services/edge/hub"
	"rollcall.dev/services/edge/outbox"
	"rollcall.dev/services/edge/session"
	"rollcall.dev/services/edge/transport"
)

// fullOutbox has room for nothing.
type fullOutbox struct{ *outbox.Outbox }

func (fullOutbox) Add(outbox.Event) bool   { return false }
func (fullOutbox) Room(string, int32) bool { return false }

// deafConn takes what it is sent.
type deafConn struct{ transport.Conn }

func (deafConn) Send([]byte) error  { return nil }
func (deafConn) KeepAlive(bool)     {}
func (deafConn) RemoteAddr() string { return "192.0.2.1:1234" }
func (deafConn) Protocol() string   { return "test" }

// A heartbeat tells of what waits in the hub though the outbox is empty, and of
// what waits in the outbox though the hub owes nothing.
func TestScenario1BacklogIsThatOfHubAndOutbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		who, err := auth.New(auth.Options{Mode: auth.None})
		if err != nil {
			t.Fatal(err)
		}
		logger := slog.New(slog.DiscardHandler)
		cfg := session.DefaultConfig()
		cfg.LoginIsUser = true
		a := &App{outbox: outbox.New(outbox.Config{Edge: "edge-0", Partitions: 1, Limit: 4, Logger: logger})}
		a.hub = hub.New(hub.Config{Edge: "edge-0", Session: &cfg, Auth: who, Outbox: fullOutbox{a.outbox}, Logger: logger})
		want := func(what string, d time.Duration) {
			t.Helper()
			if got := a.status().Oldest; got != d {
				t.Fatalf("%s: %v, want %v", what, got, d)
			}
		}
		time.Sleep(time.Second)
		want("nothing", 0)
		a.hub.Open(deafConn{}, "test", "").Data([]byte(connectAlice))
		time.Sleep(3 * time.Second)
		want("alice in the hub", 3*time.Second)
		a.outbox.AddStarted("session.lifecycle", 0, 1)
		time.Sleep(time.Second)
		want("the hub's is older", 4*time.Second)
		a.hub = hub.New(hub.Config{Edge: "edge-0", Session: &cfg, Auth: who, Outbox: fullOutbox{a.outbox}, Logger: logger})
		want("the outbox's alone", time.Second)
	})
}
