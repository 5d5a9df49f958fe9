package stream

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream/fold"
	"rollcall.dev/internal/startstop"
)

// Service runs a fold over the partitions that the group gives this process.
// It satisfies startstop.Service.
type Service struct {
	startstop.Runner
	parts
	run      string // of this process, in its heartbeats and API source
	commands atomic.Int64
	began    time.Time
}

// New returns a service that isn't started. It does no I/O.
func New(cfg Config) (*Service, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	run := rand.Text()
	s := &Service{run: run}
	s.parts = parts{
		cfg:      &cfg,
		producer: cfg.Client.NewProducer(bus.ProducerConfig{}),
		verdicts: cfg.Client.NewProducer(bus.ProducerConfig{}),
		monitor:  newMonitor(&cfg, run),
		board:    newBoard(),
		metrics:  newMetrics(cfg.Fold.Name(), cfg.Registerer),
		shelf:    newShelf(),
		rebuilds: newRebuilds(cfg.Rebuild),
		patience: s.StopContext,
	}
	s.monitor.poison = s.badHeartbeat
	return s, nil
}

// badHeartbeat keeps what can't be read of cluster.heartbeat for people. With
// no room it is dropped: the reader judges edges and must not wait.
func (s *Service) badHeartbeat(rec bus.Record, cause error) {
	s.metrics.records.WithLabelValues(fold.Poison.String()).Inc()
	letter := s.cfg.deadLetter(rec.Topic, rec.Partition, fold.Record{Offset: rec.Offset, Key: rec.Key, Value: rec.Value}, cause)
	ctx, cancel := context.WithTimeout(s.StopContext(), s.cfg.HeartbeatInterval/2)
	defer cancel()
	if err := s.producer.Publish(ctx, letter, nil); err != nil {
		s.cfg.Logger.Error("heartbeat isn't in the dead letter", "offset", rec.Offset, "reason", err)
	}
}

// Start checks that the topics pair up and joins the group. It waits for Kafka
// until ctx ends.
func (s *Service) Start(ctx context.Context) error { return s.Runner.Run(ctx, s.setup, s.loop) }

func (s *Service) setup(ctx context.Context) error {
	s.began = time.Now()
	for _, topic := range []string{s.cfg.Input, s.cfg.Changelog, s.cfg.Topics.Mailbox()} {
		n, err := s.cfg.Client.Partitions(ctx, topic)
		if err != nil {
			return fmt.Errorf("start %s: %w", s.cfg.Fold.Name(), err)
		}
		if n != s.cfg.Partitions {
			return fmt.Errorf("start %s: %w", s.cfg.Fold.Name(), &bus.PartitionCountError{Topic: topic, Want: s.cfg.Partitions, Have: n})
		}
	}
	return nil
}

// loop runs the tasks until ctx ends, and the monitor until they have ended.
func (s *Service) loop(ctx context.Context) error {
	watch, stop := context.WithCancel(context.WithoutCancel(ctx))
	beats := s.cfg.Client.NewProducer(bus.ProducerConfig{MaxBuffered: 2 * maxBeats})
	var monitor sync.WaitGroup
	monitor.Go(func() { s.monitor.read(watch) })
	monitor.Go(func() { s.beat(watch, beats) })

	err := s.cfg.Client.RunGroup(ctx, bus.GroupConfig{
		Group: s.cfg.Group, Topics: []string{s.cfg.Input},
		SessionTimeout: s.cfg.SessionTimeout, RebalanceTimeout: s.cfg.RebalanceTimeout,
		Sticky: true, HeartbeatInterval: s.cfg.SessionTimeout / 20, CommitInterval: time.Second,
		Assigned: func(given map[string][]int32) { s.shelf.retain(given[s.cfg.Input]) },
	}, s.handle)
	s.shelf.retain(nil)

	stop()
	monitor.Wait()
	end, cancel := context.WithTimeout(s.StopContext(), flushGrace)
	defer cancel()
	_ = s.verdicts.Close(end) // what its tasks have left in it is withdrawn
	return errors.Join(err, s.producer.Close(end), beats.Close(end))
}

// Append writes an event of this instance's API to the input, by its key, and
// returns once Kafka has it.
func (s *Service) Append(ctx context.Context, t schema.Type, subject, key string, data any) (partition int32, offset int64, err error) {
	stamp := schema.Stamp{
		// The run makes ids unique over restarts.
		Source:   schema.APISource(s.cfg.Instance + "-" + s.run),
		Sequence: schema.Sequence{Offset: s.commands.Add(1)},
	}
	partition = s.PartitionOf(key)
	id, value, err := schema.Encode(t, subject, schema.At(time.Now()), stamp, s.cfg.plain(s.cfg.Input), partition, data)
	if err != nil {
		return 0, 0, err
	}
	results, err := s.producer.PublishWait(ctx, eventRecord(s.cfg.Input, key, partition, id, value))
	if err != nil {
		return 0, 0, fmt.Errorf("append %s: %w", t, err)
	}
	return partition, results[0].Offset, nil
}

// PartitionOf is the input partition of a key.
func (s *Service) PartitionOf(key string) int32 { return bus.Partition([]byte(key), s.cfg.Partitions) }
