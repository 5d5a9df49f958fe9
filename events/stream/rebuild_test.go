package stream_test

import (
	"fmt"
	"testing"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream"
	"rollcall.dev/events/stream/internal/rooms"
)

// here is who is in the state of partition 0.
func (w *world) here(s *stream.Service) (users []string) {
	w.t.Helper()
	v, ok := s.View(0)
	if !ok {
		w.t.Fatal("partition 0 doesn't run")
	}
	for _, e := range v.Scan("") {
		users = append(users, e.(*rooms.Session).User)
	}
	return users
}

// Scenario 20: a state that is made anew from a log whose head is gone is the
// one that there was, as whoever is older than the log was announced again.
// Readers are told nothing of it, and then each departure once.
func TestScenario20RebuildKnowsASessionOlderThanTheRetention(t *testing.T) {
	w := newWorld(t, 1)
	cfg := w.config("i1")
	s := w.start(cfg)
	w.running(s, 0)
	w.alive("e1", 1)
	events := w.tail(w.topics.ChannelEvents(), 0)
	w.connect("e1", 1, "alice")
	w.connect("e1", 1, "bob")
	w.disconnect("e1", 1, "bob")
	from := w.connect("e1", 1, "carol")
	again := ref("e1", 1, "alice")
	w.write("e1", 1, schema.TypeSessionConnected, &schema.SessionConnected{Ref: again, Reannounced: true})
	wantSaid(t, events.said(5), "join alice 1", "join bob 1", "left bob", "join carol 1", "join alice 2")
	before := fmt.Sprint(w.here(s))
	w.stop(s)

	// What the changelog has beside it is nobody's.
	writer := w.client.NewFencedWriter(cfg.Changelog, 0, cfg.Changelog+"-0")
	if err := writer.Init(deadline(t)); err != nil {
		t.Fatal(err)
	}
	ghost := bus.Record{Topic: cfg.Changelog, Key: []byte(rooms.Key("ghost", "s")), Value: []byte(`{"User":"ghost","Session":"s"}`)}
	if _, err := writer.Append(deadline(t), []bus.Record{ghost}); err != nil {
		t.Fatal(err)
	}
	s = w.start(w.config("i2"))
	w.running(s, 0)
	if got := fmt.Sprint(w.here(s)); got != "[alice carol ghost]" {
		t.Fatalf("the changelog gives %s", got)
	}
	w.stop(s)

	w.deleteBefore(from)
	cfg = w.config("i3")
	cfg.Rebuild = true
	s = w.start(cfg)
	w.running(s, 0)
	if got := fmt.Sprint(w.here(s)); got != before {
		t.Errorf("rebuilt from the log there are %s, want %s", got, before)
	}
	w.disconnect("e1", 1, "carol")
	wantSaid(t, events.said(1), "left carol")
	w.stop(s)

	s = w.start(w.config("i4"))
	w.running(s, 0)
	if got := fmt.Sprint(w.here(s)); got != "[alice]" {
		t.Errorf("the changelog gives %s afterwards, want alice alone", got)
	}
	w.disconnect("e1", 1, "alice")
	wantSaid(t, events.said(1), "left alice")
}
