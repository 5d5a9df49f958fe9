package stream

import (
	"context"
	"encoding/json"
	"time"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
)

// maxBeats bounds the own heartbeats that wait for Kafka: what they say is old
// by then.
const maxBeats = 4

// beat sends a heartbeat per interval, asks edges for theirs where a task waits
// for that, and judges edges in between, until ctx ends. Its producer is its
// own: a heartbeat must not wait behind outputs.
func (s *Service) beat(ctx context.Context, p *bus.Producer) {
	const (
		looks = 8         // per interval
		pause = looks / 4 // between two times of asking
	)
	ticker := time.NewTicker(s.cfg.HeartbeatInterval / looks)
	defer ticker.Stop()
	var n int64
	send := func(ctx context.Context, ask bool) {
		if p.Buffered() < maxBeats { // so that this doesn't wait
			n++
			s.sendBeat(ctx, p, n, ask)
		}
	}
	send(ctx, false)
	ticks, asks := 0, s.monitor.asks
	for asked := 0; ; {
		s.monitor.tick(s.metrics)
		select {
		case <-ctx.Done():
			send(context.WithoutCancel(ctx), false) // nothing is owned any more
			return
		case <-asks:
			send(ctx, true)
			asks, asked = nil, ticks
		case <-ticker.C:
			if ticks++; ticks%looks == 0 {
				send(ctx, false)
			}
			if ticks-asked > pause {
				asks = s.monitor.asks
			}
		}
	}
}

func (s *Service) sendBeat(ctx context.Context, p *bus.Producer, n int64, ask bool) {
	value, err := json.Marshal(schema.Heartbeat{
		Kind: s.cfg.Kind, Instance: s.cfg.Instance, Run: s.run, Beat: n, At: schema.At(time.Now()), Ask: ask,
		HTTP: s.cfg.HTTP, Partitions: s.board.in(Running), Verdicts: s.monitor.verdicts(),
	})
	if err != nil {
		s.cfg.Logger.Error("heartbeat can't be encoded", "reason", err)
		return
	}
	s.monitor.sent(n)
	rec := bus.Record{Topic: s.cfg.Topics.Heartbeat(), Key: []byte(s.cfg.Kind + "/" + s.cfg.Instance), Value: value}
	if err := p.Publish(ctx, rec, nil); err != nil && ctx.Err() == nil {
		s.cfg.Logger.Warn("heartbeat can't be sent", "reason", err)
	}
}

func (m *monitor) sent(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.table.Sent(m.now(), n)
}
