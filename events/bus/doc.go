// Package bus is Rollcall's way to Kafka: an idempotent Producer, a
// FencedWriter for changelogs, a Reader of one partition, partition claims of a
// consumer group, and a Watermill Publisher and Subscriber on top.
//
// It stands on segmentio/kafka-go: its Transport finds leaders, connects and
// keeps deadlines, its ConsumerGroup speaks the group protocol. Produce, fetch
// and the few requests around them are encoded here (wire*.go), because
// kafka-go has no idempotent producer and hides what a reader of compacted
// topics needs to know.
//
// # Guarantees
//
// Producer. The records of a partition are in the log in the order of Publish,
// once each, as long as the producer lives: one batch in flight per partition,
// repeated under the same sequence until the broker has it (verdict.go lists
// the end of every error). An acknowledged record is on all in-sync replicas.
// Publish accepts at most MaxBuffered records and then waits. Close loses
// nothing silently: what it can't flush in time is reported failed.
//
// FencedWriter. One batch is written whole or not at all. From the first batch
// of a new owner on, the broker refuses those of the former one and drops late
// repeats (Apache Kafka: ProducerAppendInfo.checkProducerEpoch; proven against
// 4.x by the tests). A claim fences for as long as the broker remembers it: the
// writer renews its transactional id every 12 hours, and gives a claim of five
// days up. What remains is an owner that stands still for longer than
// producer.id.expiration.ms (one day) while the partition gets no batch at all.
//
// Reader. Every record from the start offset on, in order, across compaction
// holes, emptied batches, control records and restarts of brokers. A position
// outside of the log is an error, never a jump. Records of aborted foreign
// transactions are read like others; our own writers use no transactions.
//
// Groups. A partition has one handler at a time within a process, and a commit
// is only ever sent in the generation of its claim. Between processes two
// owners can overlap, for a stopped process can't know that its generation has
// ended: fence by data (DESIGN.md, invariants 5 and 6).
//
// Watermill. At least once, in order within a partition; with a window of one
// the next message comes after the Ack.
//
// # The life of a batch
//
//	            Publish              sender starts, or takes it next
//	(nothing) ───────────▶ filling ───────────────▶ sealed: id and sequence
//	                          ▲                         │
//	                          │ two halves              ▼
//	                          └──── too large ──── in flight ◀───────────┐
//	                                               │  │  │               │
//	                     in the log, or a repeat ──┘  │  └─ no answer, or│ retriable:
//	                               │      refused for │     same batch,  │ pause, refresh
//	                               ▼      good        ▼     same sequence┘
//	                             acked              failed
//	                               │                  │ (after a lost answer the next
//	                               │                  │  batch gets a new producer id)
//	                               └──── next batch ──┘
//
// In flight, a broker that disagrees about the sequence makes the batch sealed
// again under a new producer id (plain Producer), or ends the claim (with a
// transactional id). At most one batch per partition is beyond filling. The
// sender goroutine lives from the first record to the last ack: an idle
// partition costs none.
//
// # Invariants that are easy to break
//
//   - A buffer that was sent without an answer may still be read by a connection
//     (batch.lent): clone it before changing it, never give it to the pool.
//   - A sequence is used again only for the very same batch, or when every attempt
//     was answered with what means that it isn't in the log, or never written.
//     "Not the leader" doesn't mean that: the old leader may have handed it on.
//   - Generation.Start on a generation that is over runs its function unawaited:
//     member.generation checks that first, and starts everything else itself.
//   - ConsumerGroup.Close must begin before the last generation's function
//     returns, or kafka-go joins once more.
//   - Every request has a deadline: kafka-go frees the connection of a silent
//     broker by nothing else.
package bus
