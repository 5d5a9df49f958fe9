package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
)

func open(brokers string) (*bus.Client, error) {
	return bus.Open(bus.Config{Brokers: strings.Split(brokers, ","), ClientID: "bench"})
}

// readAll reads every partition of the changelog to its end, all at once, and
// says how long that took and how much it was.
func readAll(brokers, prefix string, out io.Writer) error {
	client, err := open(brokers)
	if err != nil {
		return err
	}
	defer client.Close()
	began := time.Now()
	topic := schema.Topics{Prefix: prefix}.PresenceState()
	var size atomic.Int64
	errs := make([]error, partitions)
	var wg sync.WaitGroup
	for p := range int32(partitions) {
		wg.Go(func() { errs[p] = readOne(client, topic, p, &size) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	_, err = fmt.Fprintln(out, time.Since(began).Milliseconds(), size.Load())
	return err
}

func readOne(client *bus.Client, topic string, partition int32, size *atomic.Int64) error {
	r := client.NewReader(bus.ReaderConfig{Topic: topic, Partition: partition, Start: bus.FirstOffset})
	for {
		b, err := r.Next(context.Background())
		if err != nil {
			return err
		}
		for _, rec := range b.Records {
			size.Add(int64(len(rec.Key) + len(rec.Value)))
		}
		if b.Next >= b.HighWatermark {
			return nil
		}
	}
}
