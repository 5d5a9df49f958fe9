package chaos

import (
	"context"
	"os"
	"time"

	"rollcall.dev/deploy/standalone/broker"
)

// What asks a process of this program to be the embedded broker.
const (
	envBroker  = "ROLLCALL_CHAOS_BROKER"
	envDataDir = "ROLLCALL_CHAOS_DATA"
)

// Broker is the body of a process that was started to be the embedded broker;
// false where it wasn't. Call it first in main and TestMain.
func Broker(ctx context.Context) (asked bool, err error) {
	addr := os.Getenv(envBroker)
	if addr == "" {
		return false, nil
	}
	b := broker.New(broker.Options{Listen: addr, DataDir: os.Getenv(envDataDir)})
	starting, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := b.Start(starting); err != nil {
		return true, err
	}
	<-ctx.Done()
	stopping, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return true, b.Stop(stopping)
}
