package app

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"rollcall.dev/internal/ops"

	"github.com/prometheus/client_golang/prometheus"
)

// readiness is what an edge waits for, by name, in words.
type readiness struct {
	mu      sync.Mutex
	reasons map[string]func() error // nil: is there
}

// wait notes what is waited for; "" that it is there.
func (r *readiness) wait(name, reason string) {
	if reason == "" {
		r.waitUntil(name, nil)
		return
	}
	r.waitUntil(name, func() error { return errors.New(reason) })
}

// waitUntil notes who knows what is waited for.
func (r *readiness) waitUntil(name string, reason func() error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reasons == nil {
		r.reasons = map[string]func() error{}
	}
	r.reasons[name] = reason
}

func (r *readiness) reason(name string) error {
	r.mu.Lock()
	reason := r.reasons[name]
	r.mu.Unlock()
	if reason == nil {
		return nil
	}
	return reason()
}

func (r *readiness) draining() bool { return r.reason("draining") != nil }

// parts in the order in which they come about.
var parts = []string{"kafka", "auth", "epoch", "draining"}

func (r *readiness) checks(a *App) *ops.Readiness {
	ready := ops.NewReadiness()
	for _, name := range parts {
		ready.Add(ops.Check{Name: name, Check: func() error { return r.reason(name) }})
	}
	ready.Add(ops.Check{Name: "outbox", Check: a.outboxRoom})
	return ready
}

// err is the first thing that is waited for.
func (r *readiness) err(a *App) error {
	for _, name := range parts {
		if err := r.reason(name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return a.outboxRoom()
}

// outboxRoom refuses while the outbox is full. Before the edge has one the
// other checks fail.
func (a *App) outboxRoom() error {
	if a.readiness.reason("epoch") != nil {
		return nil
	}
	if a.outbox.Full() {
		return fmt.Errorf("the outbox is full: Kafka has not taken events for %v", a.oldest().Round(time.Second))
	}
	return nil
}

// measure shows figures of the parts that keep their own.
func (a *App) measure() {
	gauge := func(name, help string, value func() float64) {
		a.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "rollcall_edge_" + name, Help: help}, value))
	}
	counter := func(name, help string, value func() float64) {
		a.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "rollcall_edge_" + name, Help: help}, value))
	}
	gauge("connections", "Open connections of clients.", func() float64 { return float64(a.connections()) })
	gauge("jwks_age_seconds", "Time since the keys of tokens were fetched; 0 where none are.", func() float64 { return a.auth.KeysAge().Seconds() })
	gauge("epoch", "The current epoch.", func() float64 { return float64(a.keeper.Epoch()) })
	gauge("outbox_events", "Events not yet acknowledged by Kafka.", func() float64 { return float64(a.outbox.Depth()) })
	gauge("outbox_oldest_seconds", "Age of the oldest event not yet acknowledged.", func() float64 { return a.oldest().Seconds() })
	counter("outbox_refused_total", "Events that found their lane full.", func() float64 { return float64(a.outbox.Refused()) })
	counter("mailbox_entries_total", "Entries delivered.", func() float64 { return float64(a.mailbox.Stats().Delivered) })
	counter("mailbox_repeats_total", "Entries dropped as repeats.", func() float64 { return float64(a.mailbox.Stats().Repeated) })
	counter("mailbox_foreign_total", "Entries dropped as addressed to other epochs.", func() float64 { return float64(a.mailbox.Stats().Foreign) })
	a.letters = prometheus.NewCounter(prometheus.CounterOpts{Name: "rollcall_edge_dead_letters_total", Help: "Records that could not be decoded."})
	a.registry.MustRegister(a.letters)
}

// measurePublic counts those who come before the edge is ready, too.
func (a *App) measurePublic() {
	a.refused = prometheus.NewCounter(prometheus.CounterOpts{Name: "rollcall_edge_refused_total", Help: "Connections refused with 503."})
	a.registry.MustRegister(a.refused)
}
