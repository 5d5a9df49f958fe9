// Package bus is Rollcall's way to Kafka: an idempotent producer, a fenced
// writer, a reader of one partition, group claims, and a Watermill Publisher
// and Subscriber, on segmentio/kafka-go's transport and group protocol.
package bus
