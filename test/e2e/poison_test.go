package e2e

import (
	"encoding/json"
	"fmt"
	"testing"

	"rollcall.dev/events/schema"
	"rollcall.dev/internal/retry"
	"rollcall.dev/test/e2e/harness"
)

const (
	thrownKey   = "nobody's"
	thrownValue = "this is \xff no JSON"
)

// poison: what can't be decoded goes to the dead letter, with where it stood
// and why, and its partition goes on.
func (r *ring) poison(t *testing.T) {
	for _, topic := range []string{r.topics.Lifecycle(), r.topics.ChannelEvents(), r.topics.Heartbeat()} {
		t.Run(topic, func(t *testing.T) {
			t.Parallel()
			for p, offset := range r.throw(t, topic) {
				r.waitDead(t, topic, p, offset)
			}
		})
	}
	t.Run(r.topics.Mailbox(), func(t *testing.T) {
		t.Parallel()
		for _, edge := range r.Edges { // each reads what has its key, in its partition
			p := int(schema.MailboxPartition(edge.ID, partitionCount))
			offset := harness.Throw(t, r.Brokers, r.topics.Mailbox(), p, edge.ID, thrownValue)
			r.waitDead(t, r.topics.Mailbox(), p, offset)
		}
	})
}

// changelogs are the records that were thrown into them, by topic and partition.
type changelogs struct {
	*ring
	offsets map[string]map[int]int64
}

// throwIntoChangelogs comes before a hand-over: that is when they are read.
func (r *ring) throwIntoChangelogs(t *testing.T) changelogs {
	c := changelogs{ring: r, offsets: map[string]map[int]int64{}}
	for _, topic := range []string{r.topics.PresenceState(), r.topics.NotifierState()} {
		c.offsets[topic] = r.throw(t, topic)
	}
	return c
}

// areSetAside: the new owners have them in the dead letter.
func (c changelogs) areSetAside(t *testing.T) {
	for topic, offsets := range c.offsets {
		for p, offset := range offsets {
			c.waitDead(t, topic, p, offset)
		}
	}
}

// goesOn: every partition still does its work.
func (r *ring) goesOn(t *testing.T) {
	for i := range 2 * partitionCount { // keys on every partition
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			cleanLeave(t, &r.world)
		})
	}
}

// throw writes what can't be decoded into every partition of a topic and
// returns the offsets by partition.
func (r *ring) throw(t *testing.T, topic string) map[int]int64 {
	t.Helper()
	offsets := map[int]int64{}
	for _, spec := range r.topics.All(partitionCount) {
		for p := range spec.Partitions {
			if spec.Name == topic {
				offsets[p] = harness.Throw(t, r.Brokers, topic, p, thrownKey, thrownValue)
			}
		}
	}
	return offsets
}

func (r *ring) waitDead(t *testing.T, topic string, partition int, offset int64) {
	t.Helper()
	retry.Eventually(t, harness.Patience, func() error {
		for _, e := range r.dead.Entries() {
			var d schema.DeadLetter
			if err := json.Unmarshal(e.Value, &d); err != nil {
				return fmt.Errorf("dead letter %s: %w", e.Value, err)
			}
			if d.Topic != topic || d.Partition != int32(partition) || d.Offset != offset {
				continue
			}
			if string(d.Key) != string(e.Key) || string(d.Value) != thrownValue || d.Error == "" || d.Text != "" {
				t.Fatalf("dead letter of %s: %s", topic, e.Value)
			}
			return nil
		}
		return fmt.Errorf("no dead letter of %s/%d offset %d among %d", topic, partition, offset, len(r.dead.Entries()))
	})
}
