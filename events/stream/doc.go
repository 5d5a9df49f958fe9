// Package stream runs a fold over the partitions of a topic: it owns, restores,
// folds, publishes and flushes, one task per partition.
//
//	       the group gives the partition
//	idle ────────────────────────────────▶ restoring ──▶ running ──▶ stopping ──▶ idle
//	  ▲                                        │            │      the group takes it,
//	  │                                        ▼            ▼      or the process ends
//	  └──────────────────────────────────── stopped ◀───────┘
//	              tried again                    an error; see Ready
//
// A take-over, in this order:
//
//  1. owner.started is appended to the input partition. Its offset is the
//     owner epoch: dues and expiries of former owners are ignored from there.
//  2. The changelog's writer is fenced (InitProducerId), and a marker written.
//  3. The changelog is read up to that marker, which must be the log's end. If
//     nobody has written to it since a claim that this process gave back in
//     order, the state of then is used instead.
//  4. A large flush that may be half written is written again.
//  5. Input is folded from the restored position. When the own owner.started
//     has been folded the task runs: it is caught up with its take-over.
//
// Then, over and over: fold what is there, publish the outputs and wait for
// their acknowledgement, append state and position as one batch. While that is
// in flight the next inputs are folded already; their outputs wait. Nothing
// lingers: an idle task publishes the moment it has folded.
//
// Time enters the log as events: when a delay is over, or a lease has run out,
// the task appends leave.due or edge.expired behind all that is in the log, and
// acts when it reads it back. So a due needs no caught-up task: a return that
// is in the log already is folded before it.
package stream
