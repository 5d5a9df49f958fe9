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
// and why, and its partition goes on. In the changelogs it must not hinder
// the owners that restore from them in the steps after this one.
func (r *ring) poison(t *testing.T) {
	thrown := map[string]map[int]int64{}
	for _, spec := range r.topics.All(partitionCount) {
		if spec.Name == r.topics.DeadLetter() {
			continue // nobody reads it
		}
		thrown[spec.Name] = map[int]int64{}
		for p := range spec.Partitions {
			thrown[spec.Name][p] = harness.Throw(t, r.Brokers, spec.Name, p, thrownKey, thrownValue)
		}
	}
	for _, topic := range []string{r.topics.Lifecycle(), r.topics.ChannelEvents(), r.topics.Heartbeat()} {
		for p, offset := range thrown[topic] {
			r.waitDead(t, topic, p, offset)
		}
	}
	for _, edge := range r.Edges { // each reads its own partition of the mailbox only
		p := int(schema.MailboxPartition(edge.ID, partitionCount))
		r.waitDead(t, r.topics.Mailbox(), p, thrown[r.topics.Mailbox()][p])
	}
	t.Run("and it goes on", func(t *testing.T) {
		for i := range 2 * partitionCount { // keys on every partition
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				cleanLeave(t, &r.world)
			})
		}
	})
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
			if string(d.Key) != thrownKey || string(d.Value) != thrownValue || d.Error == "" || d.Text != "" || string(e.Key) != thrownKey {
				t.Fatalf("dead letter of %s: %s", topic, e.Value)
			}
			return nil
		}
		return fmt.Errorf("no dead letter of %s/%d offset %d among %d", topic, partition, offset, len(r.dead.Entries()))
	})
}
