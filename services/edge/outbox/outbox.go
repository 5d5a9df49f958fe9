package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
	"rollcall.dev/internal/startstop"
)

// Event is one event on its way.
type Event struct {
	// Topic is schema.TopicLifecycle or schema.TopicChannelEvents.
	Topic string
	// Key chooses the partition and is the event's subject: the user, or the
	// channel.
	Key  string
	Type schema.Type
	// Data is a pointer to the type's struct. The outbox owns it from here on
	// and sets its epoch.
	Data any
	// Must: taken beyond the bound. For the end of a session alone.
	Must bool
	// Waited is how long it has waited already for what stands before Add: its
	// age counts from there.
	Waited time.Duration
	// Done, if set, is called once: true when Kafka has the event, false when
	// it will never have it. It must not block.
	Done func(ok bool)
	// Refused, if set, is called before Done when the event will be refused
	// whenever it is told: it is too large. It must not block, nor add events.
	Refused func(reason error)
}

// Publisher is the producer as the outbox needs it; *bus.Producer is one.
type Publisher interface {
	Publish(ctx context.Context, rec bus.Record, done func(bus.Result)) error
}

// Config of an outbox.
type Config struct {
	Edge       string
	Topics     schema.Topics
	Partitions int // of each topic
	// Limit is how many events may wait in a lane.
	Limit     int
	Publisher Publisher
	// Lost is called, from the producer's goroutine, when an event that had its
	// stamp is lost for good: readers will see a gap in the epoch. It must not
	// block.
	Lost   func(epoch int64, reason error)
	Logger *slog.Logger
}

// Outbox carries events to Kafka. Safe for concurrent use.
type Outbox struct {
	startstop.Runner
	cfg   Config
	lanes map[string][]*lane

	pending atomic.Int64  // events not yet acknowledged
	landed  chan struct{} // wakes the pump
	empty   chan struct{} // pending has come down to 0
	refused atomic.Int64
}

// topics in the order of their lanes.
var topics = []string{schema.TopicLifecycle, schema.TopicChannelEvents}

// New makes an outbox. It takes events at once; they leave after Start and the
// first Enter.
func New(cfg Config) *Outbox {
	o := &Outbox{cfg: cfg, lanes: map[string][]*lane{}, landed: make(chan struct{}, 1), empty: make(chan struct{}, 1)}
	for _, topic := range topics {
		for p := range cfg.Partitions {
			o.lanes[topic] = append(o.lanes[topic], &lane{topic: topic, partition: int32(p)})
		}
	}
	return o
}

// Start begins to send.
func (o *Outbox) Start(ctx context.Context) error { return o.Run(ctx, nil, o.run) }

// run hands events over as acknowledgements make room, and on Stop waits until
// nothing is left or the stop's time is over.
func (o *Outbox) run(ctx context.Context) error {
	for ctx.Err() == nil {
		select {
		case <-o.landed:
			o.pump()
		case <-ctx.Done():
		}
	}
	stop := o.StopContext()
	for o.pending.Load() > 0 {
		select {
		case <-o.landed:
			o.pump()
		case <-o.empty:
		case <-stop.Done():
			return fmt.Errorf("outbox: %d events are not acknowledged: %w", o.pending.Load(), context.Cause(stop))
		}
	}
	return nil
}

func (o *Outbox) pump() {
	for _, topic := range topics {
		for _, l := range o.lanes[topic] {
			l.mu.Lock()
			o.send(l)
			l.mu.Unlock()
		}
	}
}

// Add takes an event, or refuses it (false) because its lane is full.
func (o *Outbox) Add(ev Event) bool {
	l := o.lane(ev.Topic, ev.Key)
	l.mu.Lock()
	defer l.mu.Unlock()
	if !ev.Must && l.waiting.len() >= o.cfg.Limit {
		o.refused.Add(1)
		return false
	}
	o.add(l, ev)
	return true
}

// AddStarted adds an edge.started of the epoch to one partition. It is dropped if
// the epoch is over before it leaves.
func (o *Outbox) AddStarted(topic string, partition int32, epoch int64) {
	l := o.lanes[topic][partition]
	l.mu.Lock()
	defer l.mu.Unlock()
	o.add(l, Event{Topic: topic, Key: o.cfg.Edge, Type: schema.TypeEdgeStarted, Must: true,
		Data: &schema.EdgeStarted{Edge: o.cfg.Edge, Epoch: epoch}})
}

func (o *Outbox) add(l *lane, ev Event) {
	o.pending.Add(1)
	l.waiting.push(waiting{ev, time.Now()})
	l.backlog.Store(true)
	o.send(l)
}

// Enter begins an epoch: what leaves from here on is stamped with it.
func (o *Outbox) Enter(epoch int64) {
	for _, topic := range topics {
		for _, l := range o.lanes[topic] {
			l.enter(epoch)
		}
	}
	signal(o.landed)
}

// send hands over what may leave. The lane's mu is held, so that the order of
// stamps is the order at the producer. The window is smaller than what the
// producer takes: it doesn't block.
func (o *Outbox) send(l *lane) {
	defer func() { l.backlog.Store(l.waiting.len() > 0) }()
	for l.waiting.len() > 0 && l.open() {
		w := l.waiting.pop()
		if l.stale(&w.Event) {
			o.finish(w.Done, false)
			continue
		}
		if err := o.handOver(l, w); err != nil {
			l.last-- // the stamp wasn't used
			o.cfg.Logger.Error("event refused", "type", w.Type, "topic", l.topic, "partition", l.partition, "reason", err)
			if !errors.Is(err, bus.ErrClosed) {
				refuse(w.Refused, err)
			}
			o.finish(w.Done, false)
		}
	}
}

func (o *Outbox) handOver(l *lane, w waiting) error {
	setEpoch(w.Data, l.epoch)
	id, value, err := schema.Encode(w.Type, w.Key, schema.At(w.at), l.stamp(o.cfg.Edge), l.topic, l.partition, w.Data)
	if err != nil {
		return err
	}
	rec := bus.Record{Topic: o.cfg.Topics.Prefix + l.topic, Partition: l.partition, Key: []byte(w.Key), Value: value,
		Headers: []bus.Header{
			{Key: schema.HeaderUUID, Value: []byte(id)},
			{Key: schema.HeaderContentType, Value: []byte(schema.ContentType)},
		}}
	l.left(w.since(), len(value))
	done, refused, epoch := w.Done, w.Refused, l.epoch
	err = o.cfg.Publisher.Publish(context.Background(), rec, func(r bus.Result) {
		l.landed()
		if r.Err != nil && !errors.Is(r.Err, bus.ErrClosed) {
			o.cfg.Lost(epoch, r.Err)
		}
		if errors.Is(r.Err, bus.ErrRecordTooLarge) {
			refuse(refused, r.Err) // a new epoch would only repeat it
		}
		o.finish(done, r.Err == nil)
		if l.backlog.Load() {
			signal(o.landed)
		}
	})
	if err != nil {
		l.unleft()
	}
	return err
}

func refuse(refused func(error), reason error) {
	if refused != nil {
		refused(reason)
	}
}

func (o *Outbox) finish(done func(bool), ok bool) {
	if done != nil {
		done(ok)
	}
	if o.pending.Add(-1) == 0 {
		signal(o.empty)
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
