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

// beat sends a heartbeat per interval and judges edges in between, until ctx
// ends. Its producer is its own: a heartbeat must not wait behind outputs.
func (s *Service) beat(ctx context.Context, p *bus.Producer) {
	const looks = 8 // per interval
	ticker := time.NewTicker(s.cfg.HeartbeatInterval / looks)
	defer ticker.Stop()
	var n int64
	for i := 0; ; i++ {
		if i%looks == 0 && p.Buffered() < maxBeats {
			n++
			s.sendBeat(ctx, p, n)
		}
		s.monitor.tick(s.metrics)
		select {
		case <-ctx.Done():
			if p.Buffered() < maxBeats { // so that this doesn't wait
				s.sendBeat(context.WithoutCancel(ctx), p, n+1) // nothing is owned any more
			}
			return
		case <-ticker.C:
		}
	}
}

func (s *Service) sendBeat(ctx context.Context, p *bus.Producer, n int64) {
	value, err := json.Marshal(schema.Heartbeat{
		Kind: s.cfg.Kind, Instance: s.cfg.Instance, Run: s.run, Beat: n, At: schema.At(time.Now()),
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
