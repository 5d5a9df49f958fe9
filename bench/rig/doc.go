// Package rig is what the benchmarks stand on: a broker in a process of its
// own, so that its work isn't counted as the client's, or an outside Kafka;
// the processor time of processes; and percentiles.
package rig
