package sim

import (
	"context"
	"sync"
	"time"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
	"rollcall.dev/test/oracle"
)

// recorder keeps what happened for the oracle.
type recorder struct {
	origin time.Time

	mu    sync.Mutex
	facts []oracle.Fact
	log   []oracle.Record
	away  map[string]int // of edges, faults that keep them away
	links map[string]int
	over  bool
}

func newRecorder() *recorder {
	return &recorder{origin: time.Now(), away: map[string]int{}, links: map[string]int{}}
}

func (r *recorder) note(f oracle.Fact) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.add(f)
}

func (r *recorder) add(f oracle.Fact) {
	if r.over {
		return
	}
	f.At = time.Since(r.origin)
	r.facts = append(r.facts, f)
	r.over = f.Kind == oracle.Quiet
}

// counted notes the first of several faults that say the same of an edge, and
// the end of the last.
func (r *recorder) counted(count map[string]int, edge string, by int, on, off oracle.Kind) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := count[edge]
	count[edge] += by
	switch {
	case before == 0:
		r.add(oracle.Fact{Kind: on, Edge: edge})
	case count[edge] == 0:
		r.add(oracle.Fact{Kind: off, Edge: edge})
	}
}

func (r *recorder) edgeAway(edge string, by int) {
	r.counted(r.away, edge, by, oracle.EdgeAway, oracle.EdgeBack)
}

func (r *recorder) linkDown(edge string, by int) {
	r.counted(r.links, edge, by, oracle.LinkDown, oracle.LinkUp)
}

// follow reads the public log until ctx ends.
func (r *recorder) follow(ctx context.Context, client *bus.Client, partitions int, owner *sync.WaitGroup) {
	for _, topic := range []string{schema.TopicLifecycle, schema.TopicChannelEvents} {
		for p := range int32(partitions) {
			owner.Go(func() { r.read(ctx, client, topic, p) })
		}
	}
}

func (r *recorder) read(ctx context.Context, client *bus.Client, topic string, partition int32) {
	var next int64
	for ctx.Err() == nil {
		reader := client.NewReader(bus.ReaderConfig{Topic: topic, Partition: partition, Start: next})
		for {
			b, err := reader.Next(ctx)
			if err != nil {
				break
			}
			r.take(topic, partition, b.Records)
			next = b.Next
		}
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (r *recorder) take(topic string, partition int32, records []bus.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rec := range records {
		r.log = append(r.log, oracle.Record{At: time.Since(r.origin), Topic: topic, Partition: partition, Offset: rec.Offset, Value: rec.Value})
	}
}

func (r *recorder) history(c oracle.Config) oracle.History {
	r.mu.Lock()
	defer r.mu.Unlock()
	return oracle.History{Config: c, Facts: r.facts, Log: r.log}
}
