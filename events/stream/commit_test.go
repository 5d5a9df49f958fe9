package stream_test

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"
)

// Whatever the group's commit says, an owner goes on where its changelog ends:
// nothing is skipped, and nothing is read again.
func TestCommitsOfTheGroupSayNothing(t *testing.T) {
	for name, commit := range map[string]func(end int64) int64{
		"behind": func(int64) int64 { return 0 },
		"ahead":  func(end int64) int64 { return end + 3 },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1)
			events := w.tail(w.topics.ChannelEvents(), 0)
			s := w.start(w.config("i1"))
			w.connect("e1", 1, "alice")
			w.connect("e1", 1, "bob")
			wantSaid(t, events.said(2), "join alice 1", "join bob 1")
			w.stop(s)
			end := w.connect("e1", 1, "carol")
			cfg := w.config("i2")
			w.commit(cfg.Group, commit(end))
			reg := prometheus.NewRegistry()
			cfg.Registerer = reg
			w.start(cfg)
			wantSaid(t, events.said(1), "join carol 1")
			if again := metric(t, reg, "rollcall_stream_records_total/duplicate"); again > 0 {
				t.Errorf("%v events were read again", again)
			}
		})
	}
}

// commit writes the offset of partition 0 for a group that has no members.
func (w *world) commit(group string, offset int64) {
	w.t.Helper()
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(w.brokers...), Transport: transport}
	retry(w.t, func() bool {
		res, err := client.OffsetCommit(deadline(w.t), &kafka.OffsetCommitRequest{GroupID: group, GenerationID: -1,
			Topics: map[string][]kafka.OffsetCommit{w.topics.Lifecycle(): {{Partition: 0, Offset: offset}}}})
		return err == nil && res.Topics[w.topics.Lifecycle()][0].Error == nil
	})
}
