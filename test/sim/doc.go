// Package sim runs a whole Rollcall in one bubble of fake time: the real
// edges, presence and notifiers with the real kafka-go, a Kafka of three nodes
// (kfake), and people with stock WebSockets, on a network in memory. A seed says
// what people do and what is broken when; package oracle judges what was seen.
//
// All that is random comes from the seed, each person and each nemesis with dice
// of their own, so a seed is the same story each time. How goroutines of one
// instant of fake time follow each other is Go's scheduler's: a rare failure may
// take several runs of its seed.
//
// No time passes in a bubble while a goroutine waits for a mutex, and kafka-go
// waits for the answers of a consumer group's connection behind one: what is on
// such a connection arrives at once, and where others stand still it breaks.
package sim
