package hub

import (
	"sync"
	"time"

	"rollcall.dev/events/schema"
)

// todo is what has to happen later: sets, each as large at most as what it is
// about. Its mu is a leaf.
type todo struct {
	wake chan struct{}

	mu       sync.Mutex
	sessions []owed                  // to be announced, per partition of session.lifecycle
	under    time.Duration           // since when the announcement that is being made was due; 0: none is
	channels []map[*channel]struct{} // to be asked for, per partition of channel.events
	started  map[string][]bool       // edge.started is due, per topic and partition
	epoch    int64                   // that it is due for
	asking   map[*channel]struct{}   // asked for, without an answer yet
	behind   map[*channel]struct{}   // with subscribers that are behind
	tooSlow  map[*client]struct{}
	tooLarge map[*client]struct{}     // with an event that Kafka will never take
	strays   map[string]time.Duration // channels nobody subscribes to here, and when that was said
}

func (t *todo) init(partitions int) {
	t.wake = make(chan struct{}, 1)
	t.sessions = make([]owed, partitions)
	t.channels = make([]map[*channel]struct{}, partitions)
	for p := range partitions {
		t.sessions[p], t.channels[p] = owed{}, map[*channel]struct{}{}
	}
	t.started = map[string][]bool{
		schema.TopicLifecycle:     make([]bool, partitions),
		schema.TopicChannelEvents: make([]bool, partitions),
	}
	t.asking, t.behind = map[*channel]struct{}{}, map[*channel]struct{}{}
	t.tooSlow, t.tooLarge = map[*client]struct{}{}, map[*client]struct{}{}
	t.strays = map[string]time.Duration{}
}

func (t *todo) signal() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// add puts v into a set and wakes the loop if that is soon enough a matter.
func add[K comparable](t *todo, set map[K]struct{}, v K, wake bool) {
	t.mu.Lock()
	set[v] = struct{}{}
	t.mu.Unlock()
	if wake {
		t.signal()
	}
}

// ask: the channel's interest is to be declared anew.
func (t *todo) ask(ch *channel, partition int32) { add(t, t.channels[partition], ch, false) }

func (t *todo) awaitAnswer(ch *channel) { add(t, t.asking, ch, false) }

func (t *todo) fallBehind(ch *channel) { add(t, t.behind, ch, false) }

// slow: the client is to be ended as a slow consumer.
func (t *todo) slow(c *client) { add(t, t.tooSlow, c, true) }

// refused: the client is to be ended, for the log can't be told of it.
func (t *todo) refused(c *client) { add(t, t.tooLarge, c, true) }

// begin makes edge.started due in every partition, once nothing is left there
// that has to be told before it.
func (t *todo) begin(epoch int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.epoch = epoch
	for _, due := range t.started {
		for p := range due {
			due[p] = true
		}
	}
}

// take removes one of a set, nil-able K's zero value if it is empty.
func take[K comparable](t *todo, set map[K]struct{}) (v K, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for v := range set {
		delete(set, v)
		return v, true
	}
	return v, false
}

// copyOf copies a set.
func copyOf[K comparable](t *todo, set map[K]struct{}) []K {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(set) == 0 {
		return nil
	}
	out := make([]K, 0, len(set))
	for v := range set {
		out = append(out, v)
	}
	return out
}

func forget[K comparable, V any](t *todo, set map[K]V, v K) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(set, v)
}

// dueStarted reports whether a partition's edge.started can go out now, and
// for which epoch; it is due no more then.
func dueStarted[K comparable, V any](t *todo, topic string, partition int, before map[K]V) (epoch int64, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.started[topic][partition] || len(before) > 0 {
		return 0, false
	}
	t.started[topic][partition] = false
	return t.epoch, true
}

// maxStrays bounds what is remembered of channels without subscribers.
const maxStrays = 1024

// stray reports whether it should be said (again) that nobody subscribes to a
// channel here.
func (t *todo) stray(name string, now time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if said, ok := t.strays[name]; ok && now-said < askAgain {
		return false
	}
	if len(t.strays) >= maxStrays {
		clear(t.strays)
	}
	t.strays[name] = now
	return true
}
