package e2e

import (
	"context"
	"fmt"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
)

// The README's reader of disconnects, kept here so that it compiles.
func Example_reactToADisconnect() {
	react := func(ctx context.Context) error {
		client, err := bus.Open(bus.Config{Brokers: []string{"localhost:9092"}})
		if err != nil {
			return err
		}
		defer client.Close()
		subscriber := bus.NewSubscriber(client, bus.SubscriberConfig{Group: "billing"})
		defer subscriber.Close()
		messages, err := subscriber.Subscribe(ctx, "session.lifecycle")
		if err != nil {
			return err
		}
		for msg := range messages {
			event, data, err := schema.Decode(msg.Payload)
			if gone, ok := data.(*schema.SessionDisconnected); ok && err == nil {
				fmt.Println(event.Time, gone.User, gone.Session, gone.Reason)
			}
			msg.Ack()
		}
		return nil
	}
	_ = react
}
